/**
 * A folder that belongs to dynamesh: what says so, and in which format its contents are.
 *
 * The file `FORMAT` is written first and read before anything else is touched, so a folder of a newer format, or one that holds
 * something else, is left exactly as it was found.
 *
 * The engine's file lock keeps other processes out, and only them: POSIX gives a process's lock on a file up as soon as the process closes
 * any descriptor of it, as a second opener that is turned away by the engine does. So within the process a second opener is turned away
 * here, before the engine is touched. Worker threads do not see each other's claims: one storage belongs to one thread.
 */
import { open, readFile, readdir, realpath, rename, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError } from '../../core/errors.ts'
import { makeFolder, syncFolder } from './make-folder.ts'
import { lockedError } from '../rows/lifecycle.ts'

/** Format of the folder's contents that this code writes and reads. */
const FORMAT_VERSION = 1
/** First release of dynamesh that reads it; told to people who have an older one. */
const READABLE_SINCE = '0.1.0'
const FORMAT_FILE = 'FORMAT'
const FORMAT_DRAFT = 'FORMAT.draft'
let drafts = 0

/** Folders in use by storages of this process, by device and file number: two spellings of one folder are one folder. */
const claimed = new Set<string>()

/** A folder that nobody else in this process may open until it is released. */
export interface FolderClaim {
  /** The folder's one true path. */
  readonly path: string
  release(): void
}

/**
 * Creates `folder` or recognises it as a storage, and claims it.
 *
 * @throws `ERR_STORE_LOCKED` while another storage of this process has it, `ERR_STORE_VERSION`, `ERR_CONFIG`, `ERR_RECORD_CORRUPT`
 */
export async function claimFolder(folder: string): Promise<FolderClaim> {
  await makeFolder(folder)
  const path = await realpath(folder)
  const { dev, ino } = await stat(path, { bigint: true })
  const identity = `${dev}:${ino}`
  if (claimed.has(identity)) throw lockedError(folder, 'this process has it open')
  claimed.add(identity)
  const release = (): void => void claimed.delete(identity)
  try {
    const isNew = (await readFormat(path)) === undefined && (await isUnclaimed(path))
    if (isNew) await writeFormat(path)
    checkFormat(path, (await readFormat(path)) ?? '')
    return { path, release }
  } catch (error) {
    release()
    throw error
  }
}

async function readFormat(path: string): Promise<string | undefined> {
  try {
    return await readFile(join(path, FORMAT_FILE), 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function checkFormat(path: string, format: string): void {
  const match = /^dynamesh storage format (\d{1,9})\nneeds dynamesh >= ([\w.+-]{1,32})\n/.exec(format)
  if (match === null) {
    const message = `The file ${join(path, FORMAT_FILE)} is damaged. Restore its text "${formatText().split('\n')[0]}", or move the folder away.`
    throw new StoreError('ERR_RECORD_CORRUPT', message, { details: { folder: path, file: FORMAT_FILE } })
  }
  const [version, needs] = [Number(match[1]), match[2]]
  if (version <= FORMAT_VERSION) return
  const message = `The storage ${path} has format ${version}, and this dynamesh reads up to ${FORMAT_VERSION}. Install dynamesh ${needs} or newer; nothing was changed.`
  throw new StoreError('ERR_STORE_VERSION', message, { details: { folder: path, found: version, supported: FORMAT_VERSION, needs } })
}

/** Hidden files and what file systems leave behind are nobody's data. False when another opener claimed the folder meanwhile. */
async function isUnclaimed(path: string): Promise<boolean> {
  const names = await readdir(path)
  if (names.includes(FORMAT_FILE)) return false
  const foreign = names.filter(name => !name.startsWith('.') && name !== 'lost+found' && !name.startsWith(FORMAT_DRAFT))
  if (foreign.length === 0) return true
  const found = foreign.slice(0, 3)
  const message = `The folder ${path} is not a dynamesh storage: it holds ${found.join(', ')}. Choose an empty or a new folder; nothing was changed.`
  throw new StoreError('ERR_CONFIG', message, { details: { folder: path, found } })
}

/** A crash leaves either no format file or a whole one. */
async function writeFormat(path: string): Promise<void> {
  const draft = join(path, `${FORMAT_DRAFT}.${process.pid}.${drafts++}`)
  const file = await open(draft, 'w')
  try {
    await file.writeFile(formatText())
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(draft, join(path, FORMAT_FILE))
  await syncFolder(path)
  await syncFolder(dirname(path))
}

function formatText(): string {
  return `dynamesh storage format ${FORMAT_VERSION}\nneeds dynamesh >= ${READABLE_SINCE}\n`
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
