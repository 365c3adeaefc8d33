/** `npm run bench -- <name> [options]`: runs `test/bench/<name>.ts`. Each prints its own table and says what is compared. */
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const folder = new URL('.', import.meta.url)
const files = await readdir(fileURLToPath(folder))
const names = files.filter(file => file.endsWith('.ts') && file !== 'run.ts').map(file => file.slice(0, -3))
const [name = ''] = process.argv.splice(2, 1)

if (names.includes(name)) {
  await import(new URL(`${name}.ts`, folder).href)
} else {
  console.error(`Usage: npm run bench -- ${names.sort().join('|')}`)
  process.exitCode = 2
}
