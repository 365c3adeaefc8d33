/** What operating systems and browsers throw, and the typed errors that it becomes. */
import { describe, expect, test } from 'vitest'
import { filesystemError } from '../../src/adapters/filesystem/filesystem-error.ts'
import { indexedDbError, isConnectionLost, unavailableError } from '../../src/adapters/indexeddb/indexeddb-error.ts'

/** What LevelDB rejects with: the system's own words behind its own, and its code on the outside. */
function engineError(words: string): Error {
  return Object.assign(new Error('Database failed'), {
    code: 'LEVEL_DATABASE_NOT_OPEN',
    cause: Object.assign(new Error(`IO error: /data/rows/000005.log: ${words}`), { code: 'LEVEL_IO_ERROR' })
  })
}

describe('B085 and B086: the file system', () => {
  test.each([
    ['No space left on device', 'ERR_QUOTA', 'ENOSPC'],
    ['Disk quota exceeded', 'ERR_QUOTA', 'EDQUOT'],
    ['File too large', 'ERR_QUOTA', 'EFBIG'],
    ['Input/output error', 'ERR_IO', 'EIO'],
    ['Permission denied', 'ERR_IO', 'EACCES'],
    ['Read-only file system', 'ERR_IO', 'EROFS'],
    ['Too many open files', 'ERR_IO', 'EMFILE']
  ])('the engine saying "%s" is %s with %s', (words, code, errno) => {
    const error = filesystemError(engineError(words), 'write', '/data', 'indeterminate')
    expect(error).toMatchObject({ code, outcome: 'indeterminate', details: { errno, action: 'write', folder: '/data' } })
    expect(error.message).toContain(errno)
    expect(error.message).toContain('/data')
  })

  test.each(['ENOSPC', 'EIO', 'EACCES', 'EROFS', 'EMFILE'])('an error of Node.js itself keeps its number: %s', errno => {
    const error = filesystemError(Object.assign(new Error(`${errno}: mkdir`), { code: errno }), 'open', '/data')
    expect(error).toMatchObject({ code: errno === 'ENOSPC' ? 'ERR_QUOTA' : 'ERR_IO', outcome: 'none', details: { errno } })
  })
})

describe('B085 and B088 to B091: IndexedDB', () => {
  test('a full quota is one, and nothing was written', () => {
    const full = new DOMException('', 'QuotaExceededError')
    expect(indexedDbError(full, 'write', 'dynamesh:x', 'indeterminate')).toMatchObject({ code: 'ERR_QUOTA', outcome: 'none' })
    expect(unavailableError('dynamesh:x', full)).toMatchObject({ code: 'ERR_QUOTA' })
  })

  test.each(['InvalidStateError', 'AbortError', 'UnknownError', 'TransactionInactiveError'])(
    '%s is a lost connection: tried again on a new one, and told as one when that does not help',
    name => {
      const lost = new DOMException('Connection to Indexed Database server lost', name)
      expect(isConnectionLost(lost)).toBe(true)
      expect(indexedDbError(lost, 'write', 'dynamesh:x', 'indeterminate')).toMatchObject({
        code: 'ERR_IDB_CONNECTION_LOST',
        outcome: 'indeterminate'
      })
    }
  )

  test.each(['SecurityError', 'InvalidStateError', 'UnknownError'])('an opening that ends with %s asks for memory by name', name => {
    const error = unavailableError('dynamesh:x', new DOMException('', name))
    expect(error).toMatchObject({ code: 'ERR_IDB_UNAVAILABLE', details: { name } })
    expect(error.message).toContain("storage: 'memory'")
  })

  test('an error that nobody has seen yet is an I/O error', () => {
    const strange = new DOMException('', 'ConstraintError')
    expect(isConnectionLost(strange)).toBe(false)
    expect(indexedDbError(strange, 'read', 'dynamesh:x')).toMatchObject({ code: 'ERR_IO', outcome: 'none' })
  })
})
