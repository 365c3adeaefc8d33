/**
 * Processes that must not outlive the script that started them, however that ends.
 *
 * A script that ends, throws or is told to stop by a signal kills them by their ids, those that are paused included. One that is itself killed cannot: then each child
 * sees its channel to the parent close, and stops as if it were told to (`src/cli/terminal/terminal.ts`).
 */
import type { ChildProcess } from 'node:child_process'
import process from 'node:process'

const children = new Set<ChildProcess>()
let isWatching = false

/** `child` ends with this process at the latest. */
export function endWithThisProcess(child: ChildProcess): void {
  if (!isWatching) watch()
  children.add(child)
  child.once('exit', () => children.delete(child))
}

function watch(): void {
  isWatching = true
  process.on('exit', endAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      endAll()
      process.kill(process.pid, signal)
    })
  }
}

function endAll(): void {
  for (const child of children) child.kill('SIGKILL')
}
