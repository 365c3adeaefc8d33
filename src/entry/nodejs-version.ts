/**
 * Refuses an old Node.js with a clear error before anything of libp2p is evaluated; there it would fail with a TypeError deep
 * inside a dependency. The Node.js entry imports this file first: modules are evaluated in the order of their imports.
 */
import { nodeVersionProblem } from './nodejs-requirement.ts'
import { StoreError } from '../core/errors.ts'

const problem = nodeVersionProblem(process.versions.node)
if (problem !== undefined) throw new StoreError('ERR_NODE_VERSION', problem)
