import { expect, test } from 'vitest'
import { GroupCommit, type Batch } from '../../src/adapters/rows/group-commit.ts'
import { bytesOf, put, textOf } from '../../src/conformance/storage-tools.ts'
import { StoreError } from '../../src/core/errors.ts'
import { commitBatchesMax, commitBytesMax, commitQueueBytesMax, commitRetryFailuresMax } from '../../src/core/limits.ts'

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** A disk that takes a turn for each commit and writes down what each carried. */
function disk(fails: (keys: readonly string[]) => boolean = () => false): { commits: string[][]; group: GroupCommit } {
  const commits: string[][] = []
  const commit = async (batches: readonly Batch[]): Promise<readonly (StoreError | undefined)[]> => {
    await turn()
    const keys = batches.flatMap(batch => batch.map(operation => textOf(operation.key) as string))
    commits.push(keys)
    if (fails(keys)) throw new StoreError('ERR_IO', 'the disk failed', { outcome: 'indeterminate' })
    return batches.map(batch => (batch.length === 0 ? new StoreError('ERR_QUOTA', 'full') : undefined))
  }
  return { commits, group: new GroupCommit({ commit, turn }) }
}

const settled = (writes: readonly Promise<void>[]): Promise<string[]> =>
  Promise.all(
    writes.map(write =>
      write.then(
        () => 'written',
        (error: unknown) => (error as StoreError).code
      )
    )
  )

test('writes of one moment share a commit, and what arrives during it shares the next', async () => {
  const { commits, group } = disk()
  const first = ['a', 'b', 'c'].map(key => group.write([put(key, '')]))
  await turn()
  const second = ['d', 'e'].map(key => group.write([put(key, '')]))
  await Promise.all([...first, ...second])
  expect(commits).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e']
  ])
})

test('writers that write again as soon as they are answered stay together', async () => {
  const { commits, group } = disk()
  await Promise.all(
    Array.from({ length: 10 }, async (_, writer) => {
      for (let round = 0; round < 5; round++) await group.write([put(`${writer}`, '')])
    })
  )
  expect(commits.map(keys => keys.length)).toEqual([10, 10, 10, 10, 10])
})

test('a failed shared commit is repeated write by write, so that only the culprit fails', async () => {
  const { commits, group } = disk(keys => keys.includes('bad'))
  const results = await settled(['a', 'bad', 'b'].map(key => group.write([put(key, '')])))
  expect(results).toEqual(['written', 'ERR_IO', 'written'])
  expect(commits).toEqual([['a', 'bad', 'b'], ['a'], ['bad'], ['b']])
})

test('a write that failed alone is not repeated', async () => {
  const { commits, group } = disk(() => true)
  expect(await settled([group.write([put('a', '')])])).toEqual(['ERR_IO'])
  expect(commits).toEqual([['a']])
})

test('a disk that fails every write is given up for this commit after a few of them', async () => {
  const { commits, group } = disk(() => true)
  const results = await settled(Array.from({ length: 100 }, (_, index) => group.write([put(`${index}`, '')])))
  expect(new Set(results)).toEqual(new Set(['ERR_IO']))
  expect(commits).toHaveLength(1 + commitRetryFailuresMax)
})

test('a refusal concerns its own write only', async () => {
  const { group } = disk()
  expect(await settled([group.write([put('a', '')]), group.write([]), group.write([put('b', '')])])).toEqual([
    'written',
    'ERR_QUOTA',
    'written'
  ])
})

test('a commit takes a bounded number of writes and bytes', async () => {
  const many = disk()
  await Promise.all(Array.from({ length: commitBatchesMax + 1 }, (_, index) => many.group.write([put(`${index}`, '')])))
  expect(many.commits.map(keys => keys.length)).toEqual([commitBatchesMax, 1])
  const large = disk()
  const value = new Uint8Array(commitBytesMax * 0.6)
  await Promise.all(['a', 'b', 'c'].map(key => large.group.write([{ type: 'put', key: bytesOf(key), value }])))
  expect(large.commits).toEqual([['a'], ['b'], ['c']])
})

test('a disk that falls behind refuses more instead of letting the queue grow', async () => {
  const { group } = disk()
  const value = new Uint8Array(commitBytesMax)
  const writes = Array.from({ length: commitQueueBytesMax / commitBytesMax + 3 }, () =>
    group.write([{ type: 'put', key: new Uint8Array(1), value }])
  )
  const results = await settled(writes)
  expect(results.filter(result => result === 'ERR_OVERLOADED').length).toBeGreaterThan(0)
  expect(results[0]).toBe('written')
})

test('drained waits for all that was asked for', async () => {
  const { group } = disk()
  let written = 0
  for (let index = 0; index < 5; index++) void group.write([put('a', '')]).then(() => written++)
  await group.drained()
  expect(written).toBe(5)
  await group.drained()
})
