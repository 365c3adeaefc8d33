/** The debugger's protocol, as far as it is needed to measure memory: what is alive once the garbage is gone. */

/** Bytes alive in a JavaScript heap, through any connection that speaks the protocol. */
export async function liveBytes(send: (method: string) => Promise<unknown>): Promise<number> {
  await send('HeapProfiler.collectGarbage')
  const usage = (await send('Runtime.getHeapUsage')) as { readonly usedSize: number }
  return usage.usedSize
}

/** The debugger of a Node.js process that was started with `--inspect`. */
export class Inspector {
  readonly #socket: WebSocket
  readonly #open: Promise<void>
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #id = 0

  constructor(url: string) {
    this.#socket = new WebSocket(url)
    this.#open = new Promise((resolve, reject) => {
      this.#socket.addEventListener('open', () => resolve())
      this.#socket.addEventListener('error', () => reject(new Error(`no debugger at ${url}`)))
    })
    this.#open.catch(() => {})
    this.#socket.addEventListener('message', ({ data }) => this.#answered(String(data)))
    this.#socket.addEventListener('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the process ended'))
      this.#waiting.clear()
    })
  }

  async send(method: string): Promise<unknown> {
    await this.#open
    const id = ++this.#id
    this.#socket.send(JSON.stringify({ id, method }))
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  close(): void {
    this.#socket.close()
  }

  #answered(text: string): void {
    const { id, result, error } = JSON.parse(text) as { id?: number; result?: unknown; error?: { message: string } }
    const waiting = this.#waiting.get(id ?? 0)
    this.#waiting.delete(id ?? 0)
    if (error === undefined) waiting?.resolve(result)
    else waiting?.reject(new Error(error.message))
  }
}
