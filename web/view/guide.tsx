/**
 * "Try this": the way to two siblings and back in five steps. Each step notices by itself that it was done.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { OpenKey } from '../model/use-key.ts'
import { usePeerView } from '../model/use-peer.ts'
import { cutAllTabs } from '../model/tab-channel.ts'

const steps = ['Write a cart', 'Open a second tab', 'Cut both, edit both', 'Reconnect', 'Merge'] as const

interface GuideProps {
  readonly open: OpenKey
  readonly isFirstKey: boolean
  readonly onOpenFirst: () => void
}

export function Guide({ open, isFirstKey, onOpenFirst }: GuideProps) {
  const done = useDoneSteps(open, isFirstKey)
  const current = steps.findIndex((_, index) => !done.has(index))
  return (
    <section class='guide' aria-labelledby='guide-heading'>
      <h2 id='guide-heading' class='guide-heading'>
        Try this
      </h2>
      <ol class='guide-steps'>
        {steps.map((step, index) => (
          <li key={step} class={stepClass(done.has(index), index === current)} aria-current={index === current ? 'step' : undefined}>
            <span class='guide-number' aria-hidden='true'>
              {done.has(index) ? '✓' : index + 1}
            </span>
            <span>{step}</span>
            {done.has(index) && <span class='visually-hidden'> (done)</span>}
          </li>
        ))}
      </ol>
      <div class='guide-now'>{isFirstKey ? <StepText step={current} open={open} /> : <OtherKey onOpenFirst={onOpenFirst} />}</div>
    </section>
  )
}

function OtherKey({ onOpenFirst }: { readonly onOpenFirst: () => void }) {
  return (
    <p>
      The cart is the key <code>cart:42</code>.{' '}
      <button type='button' class='button button-small' onClick={onOpenFirst}>
        Open cart:42
      </button>
    </p>
  )
}

function StepText({ step, open }: { readonly step: number; readonly open: OpenKey }) {
  const { peer, status } = usePeerView()
  const texts: readonly ComponentChildren[] = [
    <>
      Put two things into <code>cart:42</code>.{' '}
      <Act
        isBusy={open.reading === undefined || open.pending !== undefined}
        onAct={() => void open.put('coffee\noranges', open.reading?.context)}
      >
        Write the cart
      </Act>
    </>,
    <>
      A second tab is a second peer, with a disk of its own.{' '}
      <a class='button button-small' href={location.href} target='_blank' rel='noopener noreferrer'>
        Open another tab
      </a>
    </>,
    status.networkCut ? (
      <>Now add one thing here, press Put, and add a different one in the other tab.</>
    ) : (
      <>
        Cut both tabs off, then edit the cart in each. <Act onAct={() => cutAllTabs(peer, true)}>Cut all my tabs</Act>
      </>
    ),
    <>
      {status.networkCut ? 'Both tabs wrote without seeing each other. Let them meet. ' : 'Waiting for the other tab’s write to arrive. '}
      <Act onAct={() => cutAllTabs(peer, false)}>Reconnect all my tabs</Act>
    </>,
    <>Two siblings: both carts survived. The editor holds their union. Put the merge, and the siblings are gone in every tab.</>
  ]
  return <p>{texts[step] ?? 'That was Dynamo: always writeable, nothing lost, conflicts shown instead of decided.'}</p>
}

function Act({
  onAct,
  isBusy = false,
  children
}: {
  readonly onAct: () => void
  readonly isBusy?: boolean
  readonly children: ComponentChildren
}) {
  return (
    <button type='button' class='button button-small button-main' disabled={isBusy} onClick={onAct}>
      {children}
    </button>
  )
}

function stepClass(isDone: boolean, isCurrent: boolean): string {
  return `guide-step${isDone ? ' is-done' : ''}${isCurrent ? ' is-current' : ''}`
}

/** Steps that were seen to happen in this tab; a later step implies those before it. */
function useDoneSteps(open: OpenKey, isFirstKey: boolean): ReadonlySet<number> {
  const { members, status, looks } = usePeerView()
  const [last, setLast] = useState(-1)
  const siblings = open.reading?.siblings ?? []
  const hasOtherTab = members.some(member => member.reachability === 'reachable' && looks.get(member.peerId)?.kind === 'tab')
  const beforeCut = useRef(open.outcome)
  useEffect(() => {
    if (!status.networkCut) beforeCut.current = open.outcome
    if (!isFirstKey) return
    const wroteAlone = status.networkCut && open.outcome?.kind === 'put' && open.outcome !== beforeCut.current
    setLast(former => {
      if (siblings.length > 1) return Math.max(former, 3)
      if (former === 3) return siblings.length === 1 ? 4 : 3
      if (wroteAlone) return Math.max(former, 2)
      if (former < 1 && siblings.length === 1) return hasOtherTab ? 1 : 0
      return former
    })
  }, [siblings.length, hasOtherTab, status.networkCut, open.outcome, isFirstKey])
  return new Set(steps.map((_, index) => index).filter(index => index <= last))
}
