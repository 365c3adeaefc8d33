/**
 * The page as a whole: starting, failed, stopped, or a running peer on the bench.
 */
import { useCallback, useEffect, useState } from 'preact/hooks'
import type { ErrorWords } from './model/error-words.ts'
import { errorWords } from './model/error-words.ts'
import type { Started } from './model/start-peer.ts'
import { startPeer } from './model/start-peer.ts'
import { Bench } from './view/bench.tsx'
import { StartFailed, Starting, Stopped } from './view/start-screen.tsx'

type Phase =
  | { readonly name: 'starting' }
  | { readonly name: 'failed'; readonly error: ErrorWords }
  | { readonly name: 'running'; readonly started: Started }
  | { readonly name: 'stopped'; readonly hasLeft: boolean }

export function App() {
  const [phase, setPhase] = useState<Phase>({ name: 'starting' })
  const start = useCallback((inMemory: boolean) => {
    setPhase({ name: 'starting' })
    startPeer(inMemory).then(
      started => setPhase({ name: 'running', started }),
      (error: unknown) => setPhase({ name: 'failed', error: errorWords(error, false) })
    )
  }, [])
  useEffect(() => start(false), [])
  if (phase.name === 'starting') return <Starting />
  if (phase.name === 'failed') return <StartFailed error={phase.error} onStart={start} />
  if (phase.name === 'stopped') return <Stopped hasLeft={phase.hasLeft} onStart={() => start(false)} />
  return <Bench started={phase.started} onStopped={hasLeft => setPhase({ name: 'stopped', hasLeft })} />
}
