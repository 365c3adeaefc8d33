/**
 * R, W and the sloppy switch as the person set them. While the network is cut, both are 1 unless they are chosen again: a tab on its own
 * can promise no more, and the former choice comes back with the network.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Quorum } from './use-key.ts'

export function useQuorum(isCut: boolean): [Quorum, (quorum: Quorum) => void] {
  const [quorum, setQuorum] = useState<Quorum>({ r: 2, w: 2, sloppy: true })
  const connected = useRef(quorum)
  const wasCut = useRef(isCut)
  useEffect(() => {
    if (wasCut.current === isCut) return
    wasCut.current = isCut
    if (!isCut) return setQuorum(connected.current)
    connected.current = quorum
    setQuorum({ r: 1, w: 1, sloppy: true })
  }, [isCut])
  return [quorum, setQuorum]
}
