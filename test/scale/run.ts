/**
 * `npm run scale`: many real peers on one machine, each a process of its own.
 *
 *   npm run scale                                  20 peers
 *   npm run scale -- --peers 8 --seconds 3
 *
 * They start at the same time from nothing and must be one ring; then each is restarted in turn while clients read and write with R = W = 2, and no
 * call may fail after its retries; then one more joins; and a second ring grows from 1 peer, to show what distinct clients get done. Ends with
 * exit code 1 when a bound is missed or an acknowledged write is not there.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { programFile } from '../chaos/peer-process.ts'
import { PatientClients } from './patient-clients.ts'
import { ProcessRing } from './process-ring.ts'
import { measureThroughput, percentile, printCurve, type CurvePoint } from './throughput.ts'

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '5' },
    keep: { type: 'boolean', default: false }
  }
})

const coldStartSecondsMax = 30
const clientSettings = { count: 20, thinkMs: 50 }

const problems: string[] = []
const seconds = (since: number): number => (performance.now() - since) / 1000

function need(isGood: boolean, problem: string): void {
  if (!isGood) problems.push(problem)
}

async function coldStart(ring: ProcessRing, count: number): Promise<void> {
  const startedAt = performance.now()
  await ring.grow(count)
  await ring.untilWhole()
  const took = seconds(startedAt)
  console.log(`${count} processes were one ring ${took.toFixed(1)} s after the first was started (at most ${coldStartSecondsMax} s)`)
  need(took <= coldStartSecondsMax, `the cold start took ${took.toFixed(1)} s`)
}

async function rollingRestart(ring: ProcessRing, clients: PatientClients): Promise<void> {
  const startedAt = performance.now()
  for (const peer of ring.peers) {
    await peer.stop()
    await ring.start(peer)
    await ring.untilUp(peer)
  }
  await ring.untilWhole()
  tell(`rolling restart of ${ring.peers.length} peers in ${seconds(startedAt).toFixed(1)} s`, clients)
}

async function oneMore(ring: ProcessRing, clients: PatientClients): Promise<void> {
  const startedAt = performance.now()
  const [guest] = await ring.grow(1)
  await ring.untilWhole()
  tell(`${guest?.name ?? 'a further peer'} joined in ${seconds(startedAt).toFixed(1)} s`, clients)
}

function tell(what: string, clients: PatientClients): void {
  const { calls, triedAgain, failed, times } = clients.take()
  const speed = `p50 ${percentile(times, 0.5).toFixed(0)} ms, p99 ${percentile(times, 0.99).toFixed(0)} ms with retries`
  console.log(`${what}: ${calls} calls, ${triedAgain} tried again, ${failed.length} failed; ${speed}`)
  for (const each of failed.slice(0, 5)) problems.push(each)
}

async function lifeOfARing(folder: string, count: number): Promise<void> {
  const ring = new ProcessRing(folder, 'scale')
  try {
    await coldStart(ring, count)
    const clients = new PatientClients('count', ring.peers, clientSettings)
    await rollingRestart(ring, clients)
    await oneMore(ring, clients)
    await clients.stop()
    const lost = await clients.lost()
    console.log(`acknowledged writes that are missing: ${lost.length}`)
    problems.push(...lost, ...ring.peers.flatMap(({ name, complaints }) => complaints.map(complaint => `${name} ${complaint}`)))
  } finally {
    await ring.end()
  }
}

async function curve(folder: string, count: number, durationMs: number): Promise<void> {
  const ring = new ProcessRing(folder, 'curve')
  const points: CurvePoint[] = []
  try {
    for (const size of [1, 2, 3, 5, 10, 20].filter(each => each <= count)) {
      await ring.grow(size - ring.peers.length)
      await ring.untilWhole()
      const point = await measureThroughput(ring, durationMs)
      points.push(point)
      problems.push(...point.failed.slice(0, 5))
    }
  } finally {
    await ring.end()
  }
  printCurve(points)
}

if (!existsSync(programFile)) throw new Error('Run `npm run build` first: the peers are processes of the built command line.')
const folder = await mkdtemp(join(tmpdir(), 'dynamesh-scale-'))
await lifeOfARing(join(folder, 'ring'), Number(values.peers))
await curve(join(folder, 'curve'), Number(values.peers), Number(values.seconds) * 1000)
for (const problem of problems) console.log(`! ${problem}`)
if (problems.length === 0 && !values.keep) await rm(folder, { recursive: true, force: true })
else console.log(`disks and logs are kept in ${folder}`)
process.exitCode = problems.length === 0 ? 0 : 1
