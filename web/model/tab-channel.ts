/** Cuts or restores all tabs of this browser at once, for demonstrations: the tabs tell each other over a BroadcastChannel. */
import type { Peer } from 'dynamesh'
import { useEffect } from 'preact/hooks'

const channelName = 'dynamesh:tabs'

/** Cuts or restores this tab and asks the others of this browser to do the same. */
export function cutAllTabs(peer: Peer, isCut: boolean): void {
  const channel = new BroadcastChannel(channelName)
  channel.postMessage({ cluster: peer.cluster, isCut })
  channel.close()
  peer.cutNetwork(isCut)
}

/** Obeys other tabs of the same cluster. */
export function useTabChannel(peer: Peer): void {
  useEffect(() => {
    const channel = new BroadcastChannel(channelName)
    channel.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (typeof data !== 'object' || data === null || !('isCut' in data) || !('cluster' in data)) return
      if (data.cluster === peer.cluster) peer.cutNetwork(data.isCut === true)
    }
    return () => channel.close()
  }, [peer])
}
