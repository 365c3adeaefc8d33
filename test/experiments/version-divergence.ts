/**
 * How many versions a request sees, beside the paper's section 6.3: over 24 hours of the shopping cart 99.94 % of requests saw exactly one version,
 * 0.00057 % two, 0.00047 % three, 0.00009 % four; and what makes versions diverge was less failures than many writers at once: robots.
 *
 * The model: a person has a cart of their own and changes it every half a minute or so; robots come in threes to one cart and change it several
 * times a second. Each request goes through any peer, as through a load balancer: it reads the cart, merges what it sees, and writes. Failures are,
 * in turn every ten minutes, a partition of half a minute and a peer that is away for a minute. How often the paper's peers failed and how many of
 * its writers were robots is not known, so the two causes are shown apart, each beside the same people: shares are those of the model, and what
 * they say is which cause makes more of two, and which makes more than two.
 */
import { emptyContext } from '../../src/core/versions/causal-context.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { printTable } from './table.ts'
import { setText, unionOf } from './text-set.ts'

export interface DivergenceSetting {
  /** Carts of people. */
  readonly people: number
  /** Carts of robots, three to each. */
  readonly robotCarts: number
  /** Requests that everybody makes. */
  readonly requests: number
  readonly failures: boolean
  readonly seed?: number
}

/** Requests by the number of versions that they saw. */
export type Versions = ReadonlyMap<number, number>

const quorum = 2
const robotsPerCart = 3
const thinkMs = { person: 60_000, robot: 150 } as const
const outageMs = { cut: 30_000, away: 60_000, calm: 600_000 } as const

export function versionDivergence(setting: DivergenceSetting): Versions {
  return new Shop(setting).run()
}

/** The share of requests that saw between `least` and `most` versions, among those that saw any: the first to a cart sees none. */
export function shareOf(versions: Versions, least: number, most: number = least): number {
  let [any, wanted] = [0, 0]
  for (const [seen, requests] of versions) {
    if (seen > 0) any += requests
    if (seen >= least && seen <= most) wanted += requests
  }
  return wanted / any
}

class Shop {
  readonly #setting: DivergenceSetting
  readonly #cluster: Cluster
  readonly #versions = new Map<number, number>()
  #customers = 0
  #items = 0

  constructor(setting: DivergenceSetting) {
    this.#setting = setting
    this.#cluster = new Cluster({ seed: setting.seed ?? 1, peers: 5, trace: false })
  }

  run(): Versions {
    const { people, robotCarts, requests, failures } = this.#setting
    for (let person = 0; person < people; person++) this.#visit(`person-${person}`, thinkMs.person, requests)
    for (let robot = 0; robot < robotCarts * robotsPerCart; robot++) this.#visit(`robots-${robot % robotCarts}`, thinkMs.robot, requests)
    for (let round = 0; this.#customers > 0; round++) {
      this.#cluster.run(outageMs.calm)
      if (failures) this.#fail(round)
    }
    return new Map([...this.#versions].sort(([a], [b]) => a - b))
  }

  #visit(cart: string, pauseMs: number, requests: number): void {
    this.#customers += 1
    this.#think(cart, pauseMs, requests)
  }

  #think(cart: string, pauseMs: number, requestsLeft: number): void {
    if (requestsLeft === 0) {
      this.#customers -= 1
      return
    }
    const { time, random } = this.#cluster
    time.after(random.below(pauseMs + 1), () => this.#request(cart, () => this.#think(cart, pauseMs, requestsLeft - 1)))
  }

  #request(cart: string, done: () => void): void {
    const cluster = this.#cluster
    const running = cluster.running()
    const peer = running[cluster.random.below(running.length)]?.peer ?? cluster.peers[0]
    if (peer === undefined) throw new Error('a peer always runs')
    cluster.startGet(peer, cart, { quorum }, ({ status, values, context }) => {
      if (status === 'ok') this.#versions.set(values.length, (this.#versions.get(values.length) ?? 0) + 1)
      // A robot and a person alike keep a few items: the cart does not grow for ever.
      const items = [...unionOf(values), `${(this.#items += 1)}`].slice(-10)
      const seen = status === 'ok' ? context : emptyContext
      cluster.startPut(peer, cart, setText(new Set(items)), { quorum, context: seen }, done)
    })
  }

  #fail(round: number): void {
    const cluster = this.#cluster
    const [one, other, ...rest] = [...cluster.peers.slice(round % 5), ...cluster.peers.slice(0, round % 5)]
    if (one === undefined || other === undefined) return
    if (round % 2 === 0) cluster.partition([one, other], rest)
    else cluster.crash(one)
    cluster.run(round % 2 === 0 ? outageMs.cut : outageMs.away)
    cluster.start(one)
    cluster.heal()
  }
}

export function printVersionDivergence(): void {
  const settings: readonly [string, DivergenceSetting][] = [
    ['people only', { people: 300, robotCarts: 0, requests: 100, failures: false }],
    ['people, with failures', { people: 300, robotCarts: 0, requests: 100, failures: true }],
    ['people and robots (2 % of requests)', { people: 300, robotCarts: 2, requests: 100, failures: false }]
  ]
  const rows = settings.map(([what, setting]) => {
    const versions = versionDivergence(setting)
    const reads = [...versions.values()].reduce((sum, requests) => sum + requests, 0)
    const shares = [shareOf(versions, 1), shareOf(versions, 2), shareOf(versions, 3), shareOf(versions, 4), shareOf(versions, 5, Infinity)]
    return [what, `${reads}`, ...shares.map(share => `${(share * 100).toFixed(4)} %`)]
  })
  const paper = ['the paper, 24 hours', 'not told', '99.94 %', '0.00057 %', '0.00047 %', '0.00009 %', 'not told']
  printTable(['writers', 'reads answered', '1 version', '2', '3', '4', 'more'], [...rows, paper])
}
