/**
 * The page of a running peer. It holds what several panels share: the open key, the member that is looked at, R and W.
 */
import type { KeyPlacement } from 'dynamesh'
import { useEffect, useState } from 'preact/hooks'
import type { ActivityPart, Report } from '../model/activity.ts'
import type { KeyName } from '../model/key-name.ts'
import { keyOfText } from '../model/key-name.ts'
import type { Outcome } from '../model/use-key.ts'
import type { Started } from '../model/start-peer.ts'
import { useTabChannel } from '../model/tab-channel.ts'
import { useDraft } from '../model/use-draft.ts'
import { useKey } from '../model/use-key.ts'
import { PeerViewProvider, usePeerSnapshot } from '../model/use-peer.ts'
import { useQuorum } from '../model/use-quorum.ts'
import { ActivityList } from './activity-list.tsx'
import { Guide } from './guide.tsx'
import { KeyBrowser } from './key-browser.tsx'
import { KeyPanel } from './key-panel.tsx'
import { MemberList } from './member-list.tsx'
import { Notices } from './notices.tsx'
import { PeerPanel } from './peer-panel.tsx'
import { RingPanel } from './ring-panel.tsx'
import { TopBar } from './top-bar.tsx'

/** The key that is open at first: the paper's shopping cart. */
const firstKey = keyOfText('cart:42')

export function Bench({
  started: { peer, invitation },
  onStopped
}: {
  readonly started: Started
  readonly onStopped: (hasLeft: boolean) => void
}) {
  const view = usePeerSnapshot(peer, invitation)
  useTabChannel(peer)
  const [key, setKey] = useState<KeyName>(firstKey)
  const [lookedAt, setLookedAt] = useState<string>()
  const isCut = view.status.networkCut
  const [quorum, setQuorum] = useQuorum(isCut)
  const open = useKey(peer, key, quorum, isCut)
  const draft = useDraft(key.id, open.reading)
  useEffect(() => {
    const report = reportOf(open.outcome, peer.place(key.input))
    if (report !== undefined) view.feed.add(report)
  }, [open.outcome])
  useEffect(() => {
    const self = view.looks.get(peer.peerId)
    document.title = `${self?.name ?? 'peer'} · dynamesh`
  }, [view.looks, peer])
  return (
    <PeerViewProvider value={view}>
      <a class='skip-link' href='#key-panel'>
        Skip to the open key
      </a>
      <TopBar />
      <main class={isCut ? 'bench is-cut' : 'bench'}>
        <Notices />
        <Guide open={open} isFirstKey={key.id === firstKey.id} onOpenFirst={() => setKey(firstKey)} />
        <div class='columns'>
          <RingPanel keyName={key} lookedAt={lookedAt} onLook={setLookedAt} />
          <KeyPanel keyName={key} open={open} draft={draft} quorum={quorum} onQuorum={setQuorum} onOpen={setKey} />
          <MemberList lookedAt={lookedAt} onLook={setLookedAt} />
          <div class='column-side'>
            <KeyBrowser keyName={key} onOpen={setKey} />
            <PeerPanel onStopped={onStopped} />
            <ActivityList />
          </div>
        </div>
      </main>
      <footer class='foot'>
        <p>Amazon’s Dynamo (SOSP 2007) as a peer-to-peer store. Every tab on this page is a peer like any other.</p>
      </footer>
    </PeerViewProvider>
  )
}

/** A request that a person made, as a line of the activity list and a flash on the ring. */
function reportOf(outcome: Outcome | undefined, { key, partition }: KeyPlacement): Report | undefined {
  const peers = (ids: readonly string[]): readonly ActivityPart[] => ids.map(peer => ({ peer }))
  if (outcome?.kind === 'put')
    return { kind: 'write', parts: [{ key }, 'put: on disk at', ...peers(outcome.result.acknowledged)], partition }
  if (outcome?.kind === 'get') return { kind: 'read', parts: [{ key }, 'got from', ...peers(outcome.result.replied)], partition }
  if (outcome?.kind === 'delete' && outcome.existed) return { kind: 'write', parts: [{ key }, 'deleted'], partition }
  return undefined
}
