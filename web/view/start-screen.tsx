/** What is shown while there is no running peer: starting, failed with what to do, stopped on purpose. */
import type { ErrorWords } from '../model/error-words.ts'
import { Mark } from './mark.tsx'

export function Starting() {
  return (
    <main class='plain-screen' aria-busy='true'>
      <Mark />
      <h1>Starting a peer in this tab</h1>
      <p>It opens its database, makes or loads its keys, and joins the ring.</p>
    </main>
  )
}

export function StartFailed({ error, onStart }: { readonly error: ErrorWords; readonly onStart: (inMemory: boolean) => void }) {
  const isFinal = error.code === 'ERR_INSECURE_CONTEXT'
  return (
    <main class='plain-screen'>
      <Mark />
      <h1>{isFinal ? 'This page needs https:// or localhost' : 'This tab could not become a peer'}</h1>
      <div role='alert' class='notice notice-trouble'>
        <p class='notice-text'>{error.message}</p>
        {error.advice !== undefined && <p>{error.advice}</p>}
        <p class='fine'>
          Code <code>{error.code}</code>. Nothing was joined and nothing stored was changed.
        </p>
      </div>
      {!isFinal && (
        <p class='button-row'>
          <button type='button' class='button button-main' onClick={() => onStart(false)}>
            Try again
          </button>
          {error.code.startsWith('ERR_IDB') && (
            <button type='button' class='button' onClick={() => onStart(true)}>
              Run in memory (forgotten with the tab)
            </button>
          )}
        </p>
      )}
    </main>
  )
}

export function Stopped({ hasLeft, onStart }: { readonly hasLeft: boolean; readonly onStart: () => void }) {
  return (
    <main class='plain-screen'>
      <Mark />
      <h1>{hasLeft ? 'This tab has left the ring' : 'This tab’s peer is stopped'}</h1>
      <p>
        {hasLeft
          ? 'Its partitions belong to the other members now. Starting again makes it join anew.'
          : 'Its data and its place in the ring stay. The others will suspect it until it is back.'}
      </p>
      <p class='button-row'>
        <button type='button' class='button button-main' onClick={onStart}>
          Start the peer
        </button>
      </p>
    </main>
  )
}
