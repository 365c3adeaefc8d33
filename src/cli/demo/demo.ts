/**
 * A whole cluster on one machine: edge peers as processes of their own, and the server of the page. Everything a demo owns is here,
 * so that stopping it leaves nothing behind but the data.
 */
import { join } from 'node:path'
import { StoreError } from '../../core/errors.ts'
import { controlClient } from '../access/control/client.ts'
import { EdgeProcess } from './edge-process.ts'
import { demoHost, layoutSaver, planEdges, saveLayout, type EdgePlan } from './layout.ts'
import { pageFolder } from './page-folder.ts'
import { defaultPagePort, openPageServer } from './page-port.ts'
import type { PageConfig, PageServer } from './page-server.ts'

/** What a demo is made of. */
export interface DemoOptions {
  readonly folder: string
  readonly cluster: string
  readonly peers: number
  /** Port of the page; `undefined` for the default or the next free one. */
  readonly port: number | undefined
  readonly note: (text: string) => void
  /** Starting is given up when it aborts. */
  readonly signal: AbortSignal
}

export class Demo {
  readonly edges: readonly EdgeProcess[]
  readonly #options: DemoOptions
  #page: PageServer | undefined

  private constructor(plans: readonly EdgePlan[], options: DemoOptions) {
    this.#options = options
    const surroundings = {
      cluster: options.cluster,
      joinOf: (plan: EdgePlan) => plans.filter(other => other !== plan).flatMap(joinAddress),
      note: options.note,
      ready: layoutSaver(options.folder, plans)
    }
    this.edges = plans.map(plan => new EdgeProcess(plan, surroundings))
  }

  /** Starts a demo; what was already started is stopped again when something fails. */
  static async start(options: DemoOptions): Promise<Demo> {
    await refuseSecond(options.folder, options.signal)
    const plans = await planEdges(options.folder, options.peers)
    await saveLayout(options.folder, plans)
    const demo = new Demo(plans, options)
    const giveUp = (): void => demo.kill()
    options.signal.addEventListener('abort', giveUp, { once: true })
    try {
      await demo.#startPage()
      await demo.#startEdges()
    } catch (error) {
      await demo.stop()
      throw options.signal.aborted ? new StoreError('ERR_ABORTED', 'Interrupted while the demo was starting.', { cause: error }) : error
    } finally {
      options.signal.removeEventListener('abort', giveUp)
    }
    return demo
  }

  /** Address of the page, or `undefined` when the page was not built. */
  get url(): string | undefined {
    return this.#page === undefined ? undefined : `http://localhost:${this.#page.port}`
  }

  /** Stops everything and waits until it has ended. */
  async stop(): Promise<void> {
    await Promise.all([this.#page?.close(), ...this.edges.map(edge => edge.stop())])
  }

  /** Ends the processes at once. */
  kill(): void {
    for (const edge of this.edges) edge.kill()
  }

  async #startPage(): Promise<void> {
    const folder = await pageFolder()
    if (folder === undefined) this.#options.note('the page is not built (`npm run build` builds it); the peers run without it')
    else this.#page = await openPageServer(folder, this.#options.port, defaultPagePort, () => this.#pageConfig())
  }

  /** The first peer of a new demo starts alone, for the others to join by; with identities known from before, all start at once. */
  async #startEdges(): Promise<void> {
    const [first, ...others] = this.edges
    if (first === undefined) return
    const isNew = first.plan.peerId === undefined
    if (isNew) await first.start()
    const results = await Promise.allSettled((isNew ? others : this.edges).map(edge => edge.start()))
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  #pageConfig(): PageConfig {
    return {
      cluster: this.#options.cluster,
      join: this.edges.flatMap(edge => edge.addresses.filter(address => /\/ws(\/|$)/.test(address))),
      peers: this.edges.map(({ plan: { name, peerId } }) => ({ name, peerId }))
    }
  }
}

function joinAddress({ port, peerId }: EdgePlan): readonly string[] {
  return peerId === undefined ? [] : [`/ip4/${demoHost}/tcp/${port}/p2p/${peerId}`]
}

async function refuseSecond(folder: string, signal: AbortSignal): Promise<void> {
  const client = await controlClient(join(folder, 'edge-1'), { signal })
  const isRunning = await client.status().then(
    () => true,
    () => false
  )
  if (isRunning)
    throw new StoreError(
      'ERR_STORE_LOCKED',
      `A demo is already running on ${folder}. Stop it, or give this one a folder of its own with --data.`
    )
}
