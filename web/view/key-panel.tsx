/** The open key: where it lives, its values, the editor, and the requests on it. */
import { useMemo } from 'preact/hooks'
import type { KeyName } from '../model/key-name.ts'
import type { Draft } from '../model/use-draft.ts'
import type { OpenKey, Quorum } from '../model/use-key.ts'
import { usePeerView } from '../model/use-peer.ts'
import { KeyForm } from './key-form.tsx'
import { MemberNames } from './member-badge.tsx'
import { PlainText } from './plain-text.tsx'
import { RequestResult } from './request-result.tsx'
import { RequestSettings } from './request-settings.tsx'
import { SiblingCompare } from './sibling-compare.tsx'
import { ValueEditor } from './value-editor.tsx'

interface KeyPanelProps {
  readonly keyName: KeyName
  readonly open: OpenKey
  readonly draft: Draft
  readonly quorum: Quorum
  readonly onQuorum: (quorum: Quorum) => void
  readonly onOpen: (key: KeyName) => void
}

export function KeyPanel({ keyName, open, draft, quorum, onQuorum, onOpen }: KeyPanelProps) {
  const { peer, ring, status } = usePeerView()
  const placement = useMemo(() => peer.place(keyName.input), [peer, keyName.id, ring])
  const isOwner = placement.owners.includes(status.peerId)
  return (
    <section class='panel key-panel' id='key-panel' tabIndex={-1} aria-labelledby='key-heading'>
      <KeyForm onOpen={onOpen} />
      <div class='key-title'>
        <h2 id='key-heading'>
          <span class='visually-hidden'>Open key: </span>
          <PlainText text={keyName.text} lengthMax={120} />
        </h2>
        <p class='fine'>
          Partition {placement.partition}, position <code title={placement.position}>{placement.position.slice(0, 8)}…</code>.{' '}
          {isOwner ? 'This tab is an owner.' : 'This tab is not an owner: requests go to those who are.'}
        </p>
        <p class='owners'>
          <span class='owners-word'>Owners</span>
          <MemberNames peerIds={placement.owners} />
        </p>
      </div>
      <SiblingCompare open={open} />
      <ValueEditor keyName={keyName} open={open} draft={draft} />
      <RequestResult outcome={open.outcome} />
      <RequestSettings quorum={quorum} onQuorum={onQuorum} />
    </section>
  )
}
