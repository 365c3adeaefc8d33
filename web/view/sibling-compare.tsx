/**
 * The values of the open key. One is simply shown; several stand side by side with who wrote each and when, lines that only one of
 * them has are marked, and each can be kept alone. A delete that is concurrent with a value is a version like any other.
 */
import type { SiblingInfo } from 'dynamesh'
import { commonLines } from '../model/merge-lines.ts'
import type { OpenKey } from '../model/use-key.ts'
import { usePeerView } from '../model/use-peer.ts'
import { MemberName } from './member-badge.tsx'
import { ValueText } from './plain-text.tsx'

/** Siblings shown; a record may hold up to 64 of its own and more from repair. */
const siblingsShownMax = 16

export function SiblingCompare({ open }: { readonly open: OpenKey }) {
  const siblings = open.reading?.siblings ?? []
  const texts = siblings.flatMap(({ text }) => (text === undefined ? [] : [text]))
  const common = siblings.length > 1 ? commonLines(texts) : undefined
  return (
    <div class='siblings' role='group' aria-label='Stored values'>
      <p class={siblings.length > 1 ? 'siblings-told is-conflict' : 'siblings-told'} role='status'>
        {toldAbout(open)}
      </p>
      <ul class={`sibling-row count-${Math.min(siblings.length, 3)}`}>
        {siblings.slice(0, siblingsShownMax).map((sibling, index) => (
          <Sibling
            key={sibling.dot}
            sibling={sibling}
            open={open}
            common={common}
            letter={siblings.length > 1 ? versionLetter(index) : undefined}
          />
        ))}
      </ul>
      {siblings.length > siblingsShownMax && (
        <p class='fine'>{siblings.length - siblingsShownMax} more siblings are not shown; merging replaces them too.</p>
      )}
    </div>
  )
}

function toldAbout({ reading, unreadable }: OpenKey): string {
  if (reading === undefined)
    return unreadable === undefined ? 'Reading…' : `Cannot be read at the moment: ${unreadable.message} (${unreadable.code})`
  if (reading.siblings.length > 1)
    return `${reading.siblings.length} siblings: written without seeing each other. All are kept until someone merges them.`
  const [only] = reading.siblings
  if (only === undefined) return 'Nothing is stored under this key.'
  return only.value === undefined ? 'This key was deleted.' : 'One value.'
}

interface SiblingProps {
  readonly sibling: SiblingInfo
  readonly open: OpenKey
  readonly common: ReadonlySet<string> | undefined
  readonly letter: string | undefined
}

function Sibling({ sibling, open, common, letter }: SiblingProps) {
  const { peer } = usePeerView()
  const context = open.reading?.context
  const keep = (): void => void (sibling.value === undefined ? open.remove(context) : open.put(sibling.value, context))
  const writtenMs = new Date(sibling.wallTimeMs)
  return (
    <li class='sibling'>
      <div class='sibling-head'>
        {letter !== undefined && <span class='sibling-letter'>{letter}</span>}
        <span class='sibling-writer'>
          {sibling.writer === undefined ? <span>a peer that is gone</span> : <MemberName peerId={sibling.writer} />}
          {sibling.writer === peer.peerId && <span class='visually-hidden'> (this tab)</span>}
        </span>
        <time class='sibling-time' dateTime={isoTime(writtenMs)} title={sibling.dot}>
          {timeWords(writtenMs)}
        </time>
      </div>
      {sibling.value === undefined ? (
        <p class='value value-deleted'>Deleted here</p>
      ) : (
        <ValueText value={sibling.value} text={sibling.text} common={common} />
      )}
      {letter !== undefined && (
        <button
          type='button'
          class='button button-small'
          disabled={open.pending !== undefined}
          onClick={keep}
          aria-label={sibling.value === undefined ? `Keep the delete, version ${letter}` : `Keep only version ${letter}`}
        >
          {sibling.value === undefined ? 'Keep the delete' : 'Keep only this'}
        </button>
      )}
    </li>
  )
}

function versionLetter(index: number): string {
  return String.fromCharCode(65 + index)
}

function isoTime(time: Date): string {
  return Number.isNaN(time.getTime()) ? '' : time.toISOString()
}

function timeWords(time: Date): string {
  if (Number.isNaN(time.getTime())) return 'at an unknown time'
  const clock = time.toLocaleTimeString('en-GB')
  return time.toDateString() === new Date().toDateString()
    ? clock
    : `${time.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })}, ${clock}`
}
