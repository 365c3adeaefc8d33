/** What happened when: on the terminal and in a file. */
import { createWriteStream, type WriteStream } from 'node:fs'

export class Timeline {
  readonly #file: WriteStream
  readonly #startedAt = performance.now()

  constructor(file: string) {
    this.#file = createWriteStream(file, { flags: 'a' })
  }

  note(text: string): void {
    const line = `${((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(7)} s  ${text}`
    console.log(line)
    this.#file.write(`${line}\n`)
  }

  async end(): Promise<void> {
    await new Promise<void>(resolve => this.#file.end(resolve))
  }
}
