/**
 * Text from strangers, as text: text nodes only, what cannot be seen is named, direction stays inside, long texts are cut.
 */
import { useState } from 'preact/hooks'
import { byteCount, cutText, hexPreview, textPieces } from '../model/plain-text.ts'

/** One line of untrusted text, at most `lengthMax` characters. */
export function PlainText({
  text,
  lengthMax = 80,
  lines = false
}: {
  readonly text: string
  readonly lengthMax?: number
  readonly lines?: boolean
}) {
  const cut = cutText(text, lengthMax)
  return (
    <bdi class='plain-text'>
      {textPieces(cut, lines).map(piece => (piece.control ? <span class='control'>{piece.text}</span> : piece.text))}
      {cut.length < text.length && <span class='cut'>…</span>}
    </bdi>
  )
}

const previewLength = 1200
const wholeLengthMax = 64 * 1024
const hexBytesMax = 256

/** A stored value: its lines, or its bytes when it is no text. `common` lines are in every sibling; the others are marked. */
export function ValueText({
  value,
  text,
  common
}: {
  readonly value: Uint8Array
  readonly text: string | undefined
  readonly common?: ReadonlySet<string> | undefined
}) {
  const [isWhole, setWhole] = useState(false)
  if (text === undefined) {
    return (
      <div class='value'>
        <p class='value-kind'>Not text: {byteCount(value.length)}</p>
        <code class='hex'>{hexPreview(value, hexBytesMax)}</code>
      </div>
    )
  }
  if (text === '') return <p class='value value-kind'>Empty value: 0 bytes</p>
  const shown = cutText(text, isWhole ? wholeLengthMax : previewLength)
  return (
    <div class='value'>
      <ValueLines lines={shown.split('\n')} common={common} />
      {shown.length < text.length && (
        <p class='value-kind'>
          First {shown.length.toLocaleString('en')} characters of {byteCount(value.length)}.{' '}
          {!isWhole && (
            <button type='button' class='link-button' onClick={() => setWhole(true)}>
              Show more
            </button>
          )}
        </p>
      )}
    </div>
  )
}

function ValueLines({ lines, common }: { readonly lines: readonly string[]; readonly common: ReadonlySet<string> | undefined }) {
  return (
    <ul class='value-lines'>
      {lines.map((line, index) => {
        const isOnlyHere = common !== undefined && line.trim() !== '' && !common.has(line.trimEnd())
        return (
          <li key={index} class={isOnlyHere ? 'only-here' : undefined}>
            <PlainText text={line} lengthMax={Infinity} lines />
            {isOnlyHere && <span class='only-here-word'>only here</span>}
          </li>
        )
      })}
    </ul>
  )
}
