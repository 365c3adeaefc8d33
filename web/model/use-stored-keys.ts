/** The keys that this peer stores, read again when one of them changed. At most {@link keysShownMax} are listed. */
import type { KeyInfo, Peer } from 'dynamesh'
import { useEffect, useState } from 'preact/hooks'

export const keysShownMax = 200
const settleMs = 250

/** `count` is how many there are: when it changes the list is read again, whatever the reason. */
export function useStoredKeys(peer: Peer, count: number): readonly KeyInfo[] {
  const [keys, setKeys] = useState<readonly KeyInfo[]>([])
  useEffect(() => {
    const ended = new AbortController()
    let soon: ReturnType<typeof setTimeout> | undefined
    const read = async (): Promise<void> => {
      const rows: KeyInfo[] = []
      for await (const row of peer.keys({ limit: keysShownMax })) rows.push(row)
      if (!ended.signal.aborted) setKeys(rows)
    }
    const readSoon = (): void => {
      soon ??= setTimeout(() => {
        soon = undefined
        read().catch(() => undefined)
      }, settleMs)
    }
    for (const name of ['key:changed', 'ring:changed', 'hint:delivered', 'hint:stored'] as const)
      peer.addEventListener(name, readSoon, { signal: ended.signal })
    read().catch(() => undefined)
    return () => {
      ended.abort()
      clearTimeout(soon)
    }
  }, [peer, count])
  return keys
}
