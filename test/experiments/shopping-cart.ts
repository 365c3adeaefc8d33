/**
 * The paper's shopping cart, section 4.4: an "add to cart" is never forgotten or rejected, through partitions, and deleted items can resurface.
 *
 * Each cart has two devices at different peers, which add new items and remove some they see; both are a put of the whole cart, with the context of
 * the read before. Where the cart cannot be read, because all its owners are on the other side, an item is added to what can be: perhaps nothing.
 * Divergent carts are merged by union, as the paper's application does. The union cannot tell "not added yet" from "removed there", so an item
 * removed on one side of a partition is back when the sides meet: how often is counted, because it is the price.
 */
import type { PeerId } from '../../src/core/identifiers.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { agreedRecord, divergences } from '../../src/simulation/checks/convergence.ts'
import { asPercent, printTable } from './table.ts'
import { setText, textsOf, unionOf, type Elements } from './text-set.ts'

export interface CartSetting {
  readonly carts: number
  /** Changes that each device makes. */
  readonly changes: number
  /** R and W. */
  readonly quorum: number
  /** Cut the peers into two groups, and heal, over and over. */
  readonly partitions: boolean
  readonly seed?: number
}

export interface CartOutcome {
  readonly adds: number
  /** Puts that were not acknowledged. */
  readonly rejected: number
  /** Changes made without having read the cart from R peers. */
  readonly unread: number
  /** Acknowledged items that nobody removed, and that are in no cart at the end. */
  readonly lost: number
  readonly removals: number
  /** Items that were removed, never added again, and are in the cart at the end. */
  readonly resurfaced: number
  readonly cuts: number
  readonly divergences: readonly string[]
}

const peers = 5
const pauseMs = 1000
const cutMs = 10_000

export function shoppingCart(setting: CartSetting): CartOutcome {
  return new Shop(setting).run()
}

class Shop {
  readonly #setting: CartSetting
  readonly #cluster: Cluster
  readonly #added = new Map<string, Set<string>>()
  readonly #removed = new Map<string, Set<string>>()
  #items = 0
  #devices = 0
  #rejected = 0
  #unread = 0
  #cuts = 0

  constructor(setting: CartSetting) {
    this.#setting = setting
    this.#cluster = new Cluster({ seed: setting.seed ?? 1, peers, trace: false })
  }

  run(): CartOutcome {
    const cluster = this.#cluster
    const carts = Array.from({ length: this.#setting.carts }, (_, index) => `cart-${index}`)
    for (const [index, cart] of carts.entries()) this.#open(cart, index)
    while (this.#devices > 0) {
      if (this.#setting.partitions) this.#cut()
      cluster.run(cutMs)
      cluster.heal()
      cluster.run(cutMs / 2)
    }
    cluster.settle()
    for (const cart of carts) this.#reconcile(cart)
    return { ...this.#outcome(), divergences: divergences(cluster, carts) }
  }

  #open(cart: string, index: number): void {
    this.#added.set(cart, new Set())
    this.#removed.set(cart, new Set())
    for (const offset of [0, 2]) {
      const peer = this.#cluster.peers[(index + offset) % peers] as PeerId
      this.#devices += 1
      this.#think(peer, cart, this.#setting.changes)
    }
  }

  /** Another cut each time. */
  #cut(): void {
    this.#cuts += 1
    const { peers: all, random } = this.#cluster
    const first = random.below(peers)
    const pair = [first, (first + 1 + random.below(peers - 1)) % peers].flatMap(index => all.slice(index, index + 1))
    this.#cluster.partition(
      pair,
      all.filter(peer => !pair.includes(peer))
    )
  }

  #think(peer: PeerId, cart: string, changesLeft: number): void {
    if (changesLeft === 0) {
      this.#devices -= 1
      return
    }
    const { time, random } = this.#cluster
    const item = random.below(3) === 0 ? undefined : `item-${++this.#items}`
    time.after(random.below(pauseMs + 1), () => this.#change(peer, cart, item, () => this.#think(peer, cart, changesLeft - 1)))
  }

  /** Adds `item`, or removes one that is seen. */
  #change(peer: PeerId, cart: string, item: string | undefined, done: () => void): void {
    const { quorum } = this.#setting
    this.#cluster.startGet(peer, cart, { quorum }, ({ status: read, values, context }) => {
      if (read !== 'ok') this.#unread += 1
      const seen = unionOf(values)
      const removed = item === undefined ? this.#anyOf(seen) : undefined
      const items = new Set([...seen, ...(item === undefined ? [] : [item])].filter(each => each !== removed))
      this.#cluster.startPut(peer, cart, setText(items), { quorum, context }, ({ status }) => {
        if (status !== 'ok') {
          this.#rejected += 1
          this.#cluster.time.after(100, () => this.#change(peer, cart, item, done))
          return
        }
        if (item !== undefined) this.#added.get(cart)?.add(item)
        if (removed !== undefined) this.#removed.get(cart)?.add(removed)
        done()
      })
    })
  }

  #anyOf(items: Elements): string | undefined {
    return [...items][this.#cluster.random.below(Math.max(items.size, 1))]
  }

  /** The next visit of the customer: reads, merges, writes. */
  #reconcile(cart: string): void {
    const [peer] = this.#cluster.peers as [PeerId]
    const { values, context } = this.#cluster.get(peer, cart)
    this.#cluster.put(peer, cart, setText(unionOf(values)), { context, quorum: 3 })
  }

  #outcome(): Omit<CartOutcome, 'divergences'> {
    const outcome = { adds: 0, lost: 0, removals: 0, resurfaced: 0 }
    for (const [cart, added] of this.#added) {
      const record = agreedRecord(this.#cluster, cart)
      const left = record === undefined ? new Set<string>() : unionOf(textsOf(record))
      const removed = this.#removed.get(cart) ?? new Set<string>()
      outcome.adds += added.size
      outcome.removals += removed.size
      outcome.lost += [...added].filter(item => !left.has(item) && !removed.has(item)).length
      outcome.resurfaced += [...removed].filter(item => left.has(item)).length
    }
    return { ...outcome, rejected: this.#rejected, unread: this.#unread, cuts: this.#cuts }
  }
}

export function printShoppingCart(): void {
  const rows = [false, true].flatMap(partitions =>
    [1, 2].map(quorum => {
      const found = shoppingCart({ carts: 40, changes: 50, quorum, partitions })
      const { adds, rejected, unread, lost, removals, resurfaced, cuts } = found
      return [
        `${cuts}`,
        `R=W=${quorum}`,
        `${adds}`,
        `${unread}`,
        `${rejected}`,
        `${lost}`,
        `${removals}`,
        `${resurfaced}`,
        asPercent(resurfaced / removals)
      ]
    })
  )
  printTable(
    [
      'partitions',
      'quorum',
      'items added',
      'cart not readable',
      'puts refused',
      'adds lost',
      'items removed',
      'resurfaced',
      'resurfaced %'
    ],
    rows
  )
}
