/** This tab's own peer: what it stores, the hints it keeps for others, an invite for other machines, stopping and leaving. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { inviteLink } from '../model/invitation.ts'
import { byteCount } from '../model/plain-text.ts'
import { usePeerView } from '../model/use-peer.ts'
import { MemberName } from './member-badge.tsx'

export function PeerPanel({ onStopped }: { readonly onStopped: (hasLeft: boolean) => void }) {
  const { status } = usePeerView()
  const { storage } = status
  return (
    <section class='panel' aria-labelledby='peer-heading'>
      <div class='panel-head'>
        <h2 id='peer-heading'>This tab’s peer</h2>
      </div>
      <dl class='facts'>
        <dt>Storage</dt>
        <dd>
          {byteCount(storage.bytes)}
          {storage.bytesMax !== undefined && ` of ${byteCount(storage.bytesMax)}`},{' '}
          <StorageKept isGranted={storage.persistent} isMemory={storage.location === 'memory'} />
          {storage.recovered > 0 && `, ${storage.recovered} damaged rows set aside`}
        </dd>
        <dt>Hints waiting</dt>
        <dd>
          <Hints />
        </dd>
        <dt>Moving</dt>
        <dd>
          <Moves />
        </dd>
        <dt>Peer id</dt>
        <dd>
          <code class='long-code'>{status.peerId}</code>
        </dd>
      </dl>
      <PeerActions onStopped={onStopped} />
    </section>
  )
}

/** Copies that change hands because the ring changed. */
function Moves() {
  const { give, take } = usePeerView().status.moves
  const [done, all] = [give.partitionsDone + take.partitionsDone, give.partitions + take.partitions]
  if (done >= all) return <span>nothing</span>
  return (
    <span>
      <progress value={done} max={all} aria-label='Partitions that have arrived where they belong' /> {done} of {all} partitions,{' '}
      {byteCount(give.bytesDone + take.bytesDone)}
    </span>
  )
}

function Hints() {
  const { status } = usePeerView()
  if (status.hints.length === 0) return <span>none</span>
  return (
    <ul class='hints'>
      {status.hints.map(hint => (
        <li key={hint.target}>
          {hint.count} for <MemberName peerId={hint.target} />, {byteCount(hint.bytes)}
        </li>
      ))}
    </ul>
  )
}

/** Whether the browser promised to keep the data. It is asked on a press, which browsers prefer. */
function StorageKept({ isGranted, isMemory }: { readonly isGranted: boolean; readonly isMemory: boolean }) {
  const [answer, setAnswer] = useState<'unasked' | 'granted' | 'refused'>('unasked')
  useEffect(() => {
    navigator.storage?.persisted().then(
      isKept => isKept && setAnswer('granted'),
      () => undefined
    )
  }, [])
  if (isMemory) return <span>in memory only: forgotten with the tab</span>
  if (isGranted || answer === 'granted') return <span>kept for good</span>
  if (answer === 'refused') return <span>may be cleared by the browser (it declined to keep it)</span>
  const ask = (): void =>
    void navigator.storage?.persist().then(
      isKept => setAnswer(isKept ? 'granted' : 'refused'),
      () => setAnswer('refused')
    )
  return (
    <span>
      may be cleared by the browser.{' '}
      <button type='button' class='link-button' onClick={ask}>
        Ask to keep it
      </button>
    </span>
  )
}

function PeerActions({ onStopped }: { readonly onStopped: (hasLeft: boolean) => void }) {
  const { peer, invitation } = usePeerView()
  const [told, setTold] = useState('')
  const dialog = useRef<HTMLDialogElement>(null)
  const end = (hasLeft: boolean): void => {
    setTold(hasLeft ? 'Leaving…' : 'Stopping…')
    const ended = hasLeft ? peer.leave() : peer.stop()
    ended.then(
      () => onStopped(hasLeft),
      (error: unknown) => setTold(error instanceof Error ? error.message : String(error))
    )
  }
  const copy = (): void => {
    const link = inviteLink(location.href, invitation)
    navigator.clipboard.writeText(link).then(
      () => setTold('Invite link copied.'),
      () => setTold(link)
    )
  }
  return (
    <>
      <p class='button-row'>
        <button type='button' class='button button-small' onClick={copy}>
          Copy invite link
        </button>
        <button type='button' class='button button-small' onClick={() => end(false)}>
          Stop
        </button>
        <button type='button' class='button button-small' onClick={() => dialog.current?.showModal()}>
          Leave the ring…
        </button>
      </p>
      <p class='fine told' role='status'>
        {told}
      </p>
      <dialog ref={dialog} class='dialog' aria-labelledby='leave-heading'>
        <h2 id='leave-heading'>Leave the ring for good?</h2>
        <p>This peer hands what it stores to the new owners, then leaves. To be away for a while, stop it or cut the network instead.</p>
        <p class='button-row'>
          <button type='button' class='button button-main' onClick={() => (dialog.current?.close(), end(true))}>
            Leave
          </button>
          <button type='button' class='button' onClick={() => dialog.current?.close()}>
            Stay
          </button>
        </p>
      </dialog>
    </>
  )
}
