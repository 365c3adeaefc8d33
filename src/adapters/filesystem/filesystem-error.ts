/**
 * What the file system and the engine on it throw, as typed errors that say what to do.
 *
 * The engine (LevelDB) reports failures as text that ends in the operating system's own words, so the words are translated back to
 * the error numbers' names that an operator looks for.
 */
import { StoreError, type WriteOutcome } from '../../core/errors.ts'
import { lockedError } from '../rows/lifecycle.ts'

/** The operating system's words for what happens to disks, on Linux, macOS and Windows. */
const ERRNO_BY_TEXT: readonly (readonly [text: string, errno: string])[] = [
  ['no space left on device', 'ENOSPC'],
  ['there is not enough space on the disk', 'ENOSPC'],
  ['disk quota exceeded', 'EDQUOT'],
  ['file too large', 'EFBIG'],
  ['permission denied', 'EACCES'],
  ['access is denied', 'EACCES'],
  ['operation not permitted', 'EPERM'],
  ['read-only file system', 'EROFS'],
  ['input/output error', 'EIO'],
  ['too many open files', 'EMFILE'],
  ['no such file or directory', 'ENOENT'],
  ['not a directory', 'ENOTDIR']
]

/** Error numbers that mean "there is no room". */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** The typed error for `error`, met while doing `action` on the storage in `folder`. */
export function filesystemError(error: unknown, action: string, folder: string, outcome: WriteOutcome = 'none'): StoreError {
  if (error instanceof StoreError) return error
  const root = rootCause(error)
  const code = codeOf(root)
  if (code === 'LEVEL_LOCKED') return lockedError(folder, 'this or another process has it open', error)
  if (code === 'LEVEL_CORRUPTION') return damaged(action, folder, error)
  const errno = errnoOf(root)
  const details = { folder, action, errno, engineCode: code }
  if (errno !== undefined && FULL.has(errno)) {
    const message = `There is no room left for the storage ${folder} (${errno} on ${action}). Free some space on its disk; nothing acknowledged is lost.`
    return new StoreError('ERR_QUOTA', message, { details, cause: error, outcome })
  }
  const message = `The storage ${folder} failed on ${action} (${errno ?? textOf(root)}). Check the disk and the folder's permissions.`
  return new StoreError('ERR_IO', message, { details, cause: error, outcome })
}

function damaged(action: string, folder: string, cause: unknown): StoreError {
  const message = `The storage ${folder} is damaged (found on ${action}). Move the folder away and start again: the peer is refilled from the other replicas.`
  return new StoreError('ERR_RECORD_CORRUPT', message, { details: { folder, action }, cause, outcome: 'indeterminate' })
}

/** The engine wraps what really happened in `cause`. */
function rootCause(error: unknown): unknown {
  let root = error
  for (let depth = 0; depth < 8 && root instanceof Error && root.cause !== undefined; depth++) root = root.cause
  return root
}

function errnoOf(error: unknown): string | undefined {
  const code = codeOf(error)
  if (code !== undefined && /^E[A-Z0-9]+$/.test(code)) return code
  const text = textOf(error).toLowerCase()
  return ERRNO_BY_TEXT.find(([words]) => text.includes(words))?.[1]
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
