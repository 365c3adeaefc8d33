/**
 * R, W and the sloppy switch as the person set them. While the network is cut, both are 1 unless they are chosen again: a tab on its own
 * can promise no more. The former choice comes back with the network.
 */
import { useEffect, useState } from 'preact/hooks'
import type { Quorum } from './use-key.ts'

const usual: Quorum = { r: 2, w: 2, sloppy: true }
const alone: Quorum = { r: 1, w: 1, sloppy: true }

export function useQuorum(isCut: boolean): [Quorum, (quorum: Quorum) => void] {
  const [connected, setConnected] = useState(usual)
  const [cut, setCut] = useState(alone)
  useEffect(() => {
    if (!isCut) setCut(alone)
  }, [isCut])
  return isCut ? [cut, setCut] : [connected, setConnected]
}
