#!/usr/bin/env node
/**
 * The `dynamesh` program. Only looks at the version of Node.js; all else is imported after that, because an import that
 * reaches libp2p cannot even be evaluated by an older one.
 */
import { enableCompileCache } from 'node:module'
import process from 'node:process'
import { nodeVersionProblem } from './node-version.ts'

const problem = nodeVersionProblem(process.versions.node)
if (problem === undefined) {
  // Compiling its modules is a sixth of what a start costs.
  enableCompileCache()
  const { main } = await import('./program.ts')
  await main(process.argv.slice(2))
} else {
  const advice = 'In a checkout of dynamesh, after `npm ci`, `npx node dist/cli/main.js` runs it with the Node.js that was installed there.'
  process.stderr.write(`dynamesh: ${problem} [ERR_NODE_VERSION]\n  ${advice}\n`)
  process.exitCode = 78
}
