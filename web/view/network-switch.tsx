/** Cuts this tab off from everyone, and lets it back in. */
import { usePeerView } from '../model/use-peer.ts'

export function NetworkSwitch() {
  const { peer, status } = usePeerView()
  return (
    <button type='button' role='switch' aria-checked={status.networkCut} class='switch' onClick={() => peer.cutNetwork(!status.networkCut)}>
      <span class='switch-track' aria-hidden='true'>
        <span class='switch-knob' />
      </span>
      Cut the network
    </button>
  )
}
