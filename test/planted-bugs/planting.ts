/** Plants a bug in a copy of the sources, so that the simulator can be run with it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlantedBug } from './planted-bugs.ts'

const projectFolder = fileURLToPath(new URL('../..', import.meta.url))
/** The layers that a simulation is made of. */
const layers = ['core', 'ports', 'protocol', 'simulation']

/** A folder with a copy of what a simulation is made of. */
export interface Planting {
  readonly folder: string
  remove(): void
}

/** How often the bug's text is in today's sources: once, or the bug has to be moved. */
export function occurrences({ file, find }: PlantedBug): number {
  return readFileSync(join(projectFolder, 'src', file), 'utf8').split(find).length - 1
}

/** Copies the sources and plants `bug` in the copy; no bug is a copy as it is. Throws when the bug's text is not there exactly once. */
export function plant(bug: PlantedBug | undefined): Planting {
  const folder = mkdtempSync(join(tmpdir(), 'dynamesh-planted-'))
  mkdirSync(join(folder, 'src'))
  for (const layer of layers) cpSync(join(projectFolder, 'src', layer), join(folder, 'src', layer), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(projectFolder, file), join(folder, file))
  symlinkSync(join(projectFolder, 'node_modules'), join(folder, 'node_modules'), 'junction')
  if (bug !== undefined) replaceOnce(join(folder, 'src', bug.file), bug)
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function replaceOnce(path: string, { name, file, find, replace }: PlantedBug): void {
  const pieces = readFileSync(path, 'utf8').split(find)
  if (pieces.length !== 2) throw new Error(`${name}: its text is ${pieces.length - 1} times in src/${file}, not once`)
  writeFileSync(path, pieces.join(replace))
}

/** What the compiler says about the copy, empty when nothing: a bug that does not compile would be caught by that alone, and prove nothing. */
export function compilerErrors({ folder }: Planting): string {
  const compiler = join(projectFolder, 'node_modules', '@typescript', 'native', 'bin', 'tsc')
  const options = ['--noEmit', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false']
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', join(folder, 'src', 'protocol'), ...options], {
    encoding: 'utf8'
  })
  return status === 0 ? '' : stdout.trim()
}
