/** Files that a person names on the command line: read from the terminal's folder, with a sentence when that fails. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { concatBytes } from '../../core/bytes.ts'
import { StoreError } from '../../core/errors.ts'
import type { Terminal } from './terminal.ts'

/** The bytes of a file that the command line names: of one with more than `bytesMax`, just one more than that. */
export async function readNamedFile(terminal: Terminal, file: string, bytesMax: number): Promise<Uint8Array> {
  try {
    await using handle = await open(resolve(terminal.folder, file), 'r')
    const parts: Uint8Array[] = []
    for await (const part of handle.createReadStream({ end: bytesMax, autoClose: false }) as AsyncIterable<Uint8Array>) parts.push(part)
    return concatBytes(...parts)
  } catch (error) {
    throw new StoreError('ERR_IO', `${file} cannot be read: ${reason(error)}.`, { cause: error })
  }
}

/** Why an operation on a file failed, in words. */
export function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file or folder'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'ENOSPC') return 'the disk is full'
  return error instanceof Error ? error.message : String(error)
}
