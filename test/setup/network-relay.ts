/** An edge peer for the browser tests: relays for tabs while the tests run. */
import { randomBytes } from 'node:crypto'
import type { TestProject } from 'vitest/node'
import { quietHandlers, testNetwork } from '../adapters/network-peers.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Address of the relay for browsers. */
    relayAddress: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const relay = testNetwork({ seed: new Uint8Array(randomBytes(32)), relay: true })
  await relay.start({ ...quietHandlers, frame: (peer, lane, frame) => void relay.send(peer, lane, out => out.raw(frame)) })
  project.provide('relayAddress', relay.addresses()[0] ?? '')
  return () => relay.stop()
}
