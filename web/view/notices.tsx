/** Conditions that a person should know of, in plain words, above everything else. */
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { usePeerView } from '../model/use-peer.ts'

export function Notices() {
  const { peer, status, ring } = usePeerView()
  const [trouble, setTrouble] = useState<string>()
  useEffect(() => {
    const ended = new AbortController()
    const show = (event: CustomEvent<{ readonly message: string; readonly code?: string }>): void =>
      setTrouble(event.detail.code === undefined ? event.detail.message : `${event.detail.message} (${event.detail.code})`)
    for (const name of ['peer:refused', 'storage:full', 'storage:corrupt', 'error'] as const)
      peer.addEventListener(name, show, { signal: ended.signal })
    return () => ended.abort()
  }, [peer])
  return (
    <div class='notices'>
      {status.networkCut && (
        <Notice tone='alone'>
          <strong>This tab is on its own.</strong> It can still read what it stores and write with W=1; what it writes waits here as hints.
          R and W are set to 1 until the network is back.
        </Notice>
      )}
      {!status.networkCut && status.state === 'isolated' && (
        <Notice tone='alone'>
          <strong>No other peer can be reached.</strong> The tab keeps trying. Is <code>npm start</code> (or the edge peer) still running?
        </Notice>
      )}
      {typeof RTCPeerConnection === 'undefined' && (
        <Notice tone='plain'>
          <strong>This browser has no WebRTC,</strong> or it is blocked: other tabs are reached through an edge peer (relayed).
        </Notice>
      )}
      {ring.warnings.map(warning => (
        <Notice key={warning} tone='plain'>
          {warning}
        </Notice>
      ))}
      {trouble !== undefined && (
        <Notice tone='trouble' onClose={() => setTrouble(undefined)}>
          {trouble}
        </Notice>
      )}
    </div>
  )
}

function Notice({
  tone,
  onClose,
  children
}: {
  readonly tone: 'alone' | 'plain' | 'trouble'
  readonly onClose?: () => void
  readonly children: ComponentChildren
}) {
  return (
    <div class={`notice notice-${tone}`} role={tone === 'trouble' ? 'alert' : 'status'}>
      <p class='notice-text'>{children}</p>
      {onClose !== undefined && (
        <button type='button' class='link-button' onClick={onClose}>
          Dismiss
        </button>
      )}
    </div>
  )
}
