/**
 * Which of its numbered databases a tab had, so that a reload finds the same one.
 *
 * The number is in sessionStorage, which lives as long as the tab and is copied when the tab is duplicated: having a number is not owning it.
 * Where the browser denies sessionStorage the tab works all the same, and after a reload takes whichever database is free.
 */

/** Where the number is kept: the tab's sessionStorage. */
export type TabSession = Pick<globalThis.Storage, 'getItem' | 'setItem'>

/** The memory of one tab. */
export class TabMemory {
  readonly #session: () => TabSession
  /** What storages of this page have open now. */
  readonly #held = new Set<string>()

  /** `session` may throw: each access to it is tried anew. */
  constructor(session: () => TabSession) {
    this.#session = session
  }

  /** The number that this tab had for `name`, between 1 and `numberMax`. */
  recall(name: string, numberMax: number): number | undefined {
    try {
      const text = this.#session().getItem(sessionKey(name)) ?? ''
      const number = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : Infinity
      return number <= numberMax ? number : undefined
    } catch {
      return undefined
    }
  }

  /** Says that a storage of this page has taken the number. Of two storages of one name in a page, the first is the one remembered. */
  hold(name: string, number: number, numberMax: number): void {
    const before = this.recall(name, numberMax)
    if (before === undefined || !this.#held.has(heldKey(name, before))) this.#remember(name, number)
    this.#held.add(heldKey(name, number))
  }

  /** Says that the number was given back. It stays remembered: the tab may open it again. */
  release(name: string, number: number): void {
    this.#held.delete(heldKey(name, number))
  }

  #remember(name: string, number: number): void {
    try {
      this.#session().setItem(sessionKey(name), String(number))
    } catch {
      // Full or denied: a reload takes whichever database is free.
    }
  }
}

const sessionKey = (name: string): string => `dynamesh:tab:${name}`

const heldKey = (name: string, number: number): string => `${number}:${name}`
