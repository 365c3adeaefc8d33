/** A set of words as a value of the store: sorted, joined by commas. What the experiments' applications keep, and merge by union. */
import { decodeUtf8 } from '../../src/core/codec.ts'
import { maximalSiblings, type StoredRecord } from '../../src/core/versions/record.ts'

export type Elements = ReadonlySet<string>

export function elementsOf(text: string): Elements {
  return new Set(text === '' ? [] : text.split(','))
}

export function setText(elements: Elements): string {
  return [...elements].sort().join()
}

export function unionOf(texts: readonly string[]): Elements {
  return new Set(texts.flatMap(text => [...elementsOf(text)]))
}

/** The values of a record as callers see them, in the order of its siblings. */
export function textsOf(record: StoredRecord): readonly string[] {
  return maximalSiblings(record).map(({ value }) => (value === undefined ? '' : (decodeUtf8(value) ?? '')))
}
