/** Folders made one by one, durably: where a file system takes none, Node.js itself tries for ever. It guards against nobody who takes a folder away meanwhile. */
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder, and those above it, where they are not there yet. They are made one by one: where a file system takes none, such as below `/proc`,
 * Node.js itself tries for ever to make them all. Each is durable before the next is made: a name that a power failure takes away takes what was
 * acknowledged below it along.
 *
 * @throws the error of the file system, with its code
 */
export async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder)
  try {
    await makeOne(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path))
    await makeOne(path)
  }
}

async function makeOne(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
    return
  }
  await syncFolder(dirname(path))
}

/** Makes a new name durable. Windows has no such call; a parent that may not be listed cannot be flushed, and holds a folder that exists. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'EACCES') return undefined
    throw error
  })
  try {
    await folder?.sync()
  } finally {
    await folder?.close()
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
