#!/usr/bin/env node
/**
 * The `dynamesh` program. Only looks at the version of Node.js; all else is imported after that, because an import that
 * reaches libp2p cannot even be evaluated by an older one.
 */
import process from 'node:process'
import { nodeVersionProblem } from '../entry/nodejs-requirement.ts'

const problem = nodeVersionProblem(process.versions.node)
if (problem === undefined) {
  // Modules that were compiled before need not be compiled again at this start. An older Node.js lacks the function, so it is not imported above.
  const { enableCompileCache } = await import('node:module')
  enableCompileCache()
  const { main } = await import('./program.ts')
  await main(process.argv.slice(2))
} else {
  const advice = 'In a checkout of dynamesh, after `npm ci`, `npx node dist/cli/main.js` runs it with the Node.js that was installed there.'
  process.stderr.write(`dynamesh: ${problem} [ERR_NODE_VERSION]\n  ${advice}\n`)
  process.exitCode = 78
}
