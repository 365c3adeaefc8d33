/** What became of the last request: who answered, who keeps only a hint, how long it took; or the error, with what is known. */
import type { ErrorWords } from '../model/error-words.ts'
import type { Outcome } from '../model/use-key.ts'
import { MemberNames } from './member-badge.tsx'

export function RequestResult({ outcome }: { readonly outcome: Outcome | undefined }) {
  return (
    <div class='result' role='status' aria-label='Result of the last request'>
      {outcome === undefined ? <p class='empty'>The result of your next request appears here.</p> : <OutcomeText outcome={outcome} />}
    </div>
  )
}

function OutcomeText({ outcome }: { readonly outcome: Outcome }) {
  if (outcome.kind === 'error') return <ErrorText verb={outcome.verb} error={outcome.error} tookMs={outcome.tookMs} />
  return (
    <>
      <p class='result-head'>
        <span class='result-sign' aria-hidden='true'>
          ✓
        </span>
        <strong>{headline(outcome)}</strong> <span class='fine'>in {milliseconds(outcome.tookMs)}</span>
      </p>
      {outcome.kind === 'put' && <PutFacts outcome={outcome} />}
      {outcome.kind === 'get' && (
        <dl class='facts'>
          <dt>Replied</dt>
          <dd>
            <MemberNames peerIds={outcome.result.replied} />
          </dd>
        </dl>
      )}
    </>
  )
}

function PutFacts({ outcome: { result } }: { readonly outcome: Extract<Outcome, { kind: 'put' }> }) {
  return (
    <dl class='facts'>
      <dt>On disk at</dt>
      <dd>
        <MemberNames peerIds={result.acknowledged} />
      </dd>
      {result.hinted.length > 0 && (
        <>
          <dt>As a hint at</dt>
          <dd>
            <MemberNames peerIds={result.hinted} />
          </dd>
        </>
      )}
      <dt>Coordinated by</dt>
      <dd>
        <MemberNames peerIds={[result.coordinator]} />
      </dd>
    </dl>
  )
}

function ErrorText({ verb, error, tookMs }: { readonly verb: string; readonly error: ErrorWords; readonly tookMs: number }) {
  return (
    <div class='result-error'>
      <p class='result-head'>
        <span class='result-sign' aria-hidden='true'>
          !
        </span>
        <strong>The {verb} did not succeed</strong> <span class='fine'>after {milliseconds(tookMs)}</span>
      </p>
      <p>{error.message}</p>
      {error.outcome !== undefined && (
        <p>
          <strong>{error.outcome}</strong>
        </p>
      )}
      {error.advice !== undefined && <p>{error.advice}</p>}
      <p class='fine'>
        Code <code>{error.code}</code>
      </p>
    </div>
  )
}

function headline(outcome: Exclude<Outcome, { kind: 'error' }>): string {
  if (outcome.kind === 'delete') return outcome.existed ? 'Deleted' : 'There was nothing to delete'
  if (outcome.kind === 'put')
    return `Put acknowledged by ${outcome.result.acknowledged.length} of N=${outcome.result.n}, W=${outcome.result.w}`
  return `Get answered by ${outcome.result.replied.length} of N=${outcome.result.n}, R=${outcome.result.r}`
}

function milliseconds(tookMs: number): string {
  return tookMs < 10 ? `${tookMs.toFixed(1)} ms` : `${Math.round(tookMs)} ms`
}
