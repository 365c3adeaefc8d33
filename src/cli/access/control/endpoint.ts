/**
 * Where the control socket of a data folder is. It lies in the folder itself, readable by its owner alone, so whoever may read the
 * data may use the peer, and nobody else. Two exceptions: Windows has named pipes, and an operating system takes only about 100
 * bytes of a socket's path, so the socket of a deeply nested folder is in the temporary folder and its path is written down.
 */
import { createHash } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import process from 'node:process'

/** Longest path of a socket in bytes that all systems take (macOS: 104 with the ending zero). */
export const socketPathBytesMax = 100

const SOCKET = 'control.sock'
const POINTER = 'control.path'

/** A place to listen at, and how to clean up afterwards. */
export interface ControlEndpoint {
  readonly path: string
  release(): Promise<void>
}

/** Prepares the endpoint of `folder`, which the caller must have locked: what a dead process left there is removed. */
export async function claimEndpoint(folder: string): Promise<ControlEndpoint> {
  if (process.platform === 'win32') return { path: pipeName(folder), release: async () => {} }
  const pointer = join(folder, POINTER)
  await removeStale(folder)
  const direct = join(folder, SOCKET)
  if (Buffer.byteLength(direct) <= socketPathBytesMax) return { path: direct, release: () => rm(direct, { force: true }) }
  const temporary = await mkdtemp(join(tmpdir(), 'dynamesh-'))
  await chmod(temporary, 0o700)
  const path = join(temporary, SOCKET)
  await writeFile(pointer, path, { mode: 0o600 })
  return {
    path,
    release: async () => {
      await rm(pointer, { force: true })
      await rm(temporary, { force: true, recursive: true })
    }
  }
}

/** Where to reach the peer of `folder`. */
export async function findEndpoint(folder: string): Promise<string> {
  if (process.platform === 'win32') return pipeName(folder)
  return (await readPointer(folder)) ?? join(folder, SOCKET)
}

async function removeStale(folder: string): Promise<void> {
  const previous = await readPointer(folder)
  if (previous !== undefined && isTemporaryFolder(dirname(previous))) await rm(dirname(previous), { force: true, recursive: true })
  await rm(join(folder, POINTER), { force: true })
  await rm(join(folder, SOCKET), { force: true })
}

/** True for a folder that {@link claimEndpoint} may have made, whatever the pointer file says. */
function isTemporaryFolder(folder: string): boolean {
  return dirname(resolve(folder)) === resolve(tmpdir()) && basename(resolve(folder)).startsWith('dynamesh-')
}

async function readPointer(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, POINTER), 'utf8')
  } catch {
    return undefined
  }
}

function pipeName(folder: string): string {
  return `\\\\.\\pipe\\dynamesh-${createHash('sha256').update(folder.toLowerCase()).digest('hex').slice(0, 32)}`
}
