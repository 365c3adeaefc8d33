/**
 * The page (root: web/, built into dist/web/) and the test projects.
 *
 * nodejs    everything that runs in one Node.js process
 * chromium  the same parts in a real browser
 * package   the packed tarball, the tools and the repository's own rules: slow, beside nothing else
 * e2e       real processes and real tabs: one file at a time
 */
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { chromiumFlags, findBrowser } from './test/setup/browser.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const entries = ['core', 'simulation', 'conformance'].map(name => ({ find: `dynamesh/${name}`, replacement: at(`src/entry/${name}.ts`) }))
const alias = [...entries, { find: /^dynamesh$/, replacement: at('src/entry/browser.ts') }]
const executablePath = findBrowser()
const nodejsTests = [
  'core',
  'protocol',
  'paper',
  'experiments',
  'scenarios',
  'simulation',
  'adapters',
  'store',
  'cli',
  'conformance',
  'planted-bugs',
  'chaos'
]

export default defineConfig({
  root: process.env['VITEST'] === undefined ? at('web') : at('.'),
  base: './',
  resolve: { alias },
  build: { outDir: at('dist/web'), emptyOutDir: true, target: 'es2023', chunkSizeWarningLimit: 1500 },
  server: { host: '127.0.0.1' },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'nodejs',
          environment: 'node',
          include: nodejsTests.map(folder => `test/${folder}/**/*.test.ts`),
          // Left to itself, Vitest keeps a core free, which on two cores is half of the machine.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          testTimeout: 30_000
        }
      },
      {
        extends: true,
        optimizeDeps: { entries: ['test/browser/**/*.test.ts'] },
        test: {
          name: 'chromium',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: [at('test/setup/network-relay.ts'), at('test/setup/simulated-runs.ts')],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { args: [...chromiumFlags], ...(executablePath === undefined ? {} : { executablePath }) }
            }),
            instances: [{ browser: 'chromium' }]
          }
        }
      },
      {
        extends: true,
        test: {
          name: 'package',
          environment: 'node',
          include: ['test/package/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000
        }
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          environment: 'node',
          include: ['test/e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000
        }
      }
    ]
  }
})
