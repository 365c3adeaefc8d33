/** An empty project with the packed tarball in it, as a user would have after `npm install dynamesh`. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projectFolder } from './project.ts'

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end; it may take two minutes at most. */
export function run(folder: string, command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): Ran {
  const ended = spawnSync(command, [...args], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...cleanEnvironment(), ...environment },
    shell: process.platform === 'win32'
  })
  return { exitCode: ended.status ?? -1, stdout: ended.stdout, stderr: ended.stderr }
}

/** The environment without what the test runner and npm put there: Vite and npm would take it for meant for them. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$|npm_|TEST$|DEV$|PROD$|MODE$|BASE_URL$|SSR$)/.test(name))
  return { ...Object.fromEntries(kept), NO_COLOR: '1', FORCE_COLOR: '0' }
}

/** A program of this project's own development dependencies. */
export const tool = (name: string): string => join(projectFolder, 'node_modules', '.bin', name)

export interface InstalledProject {
  readonly folder: string
  readonly tarball: string
  /** Paths in the tarball. */
  readonly packed: readonly string[]
  /** Packages that `npm install` brought, dynamesh included. */
  readonly packages: number
  save(file: string, text: string): void
  dispose(): void
}

/** Packs, and installs the tarball into an empty folder. */
export function installProject(): InstalledProject {
  const root = mkdtempSync(join(tmpdir(), 'dynamesh-package-'))
  const folder = join(root, 'project')
  mkdirSync(folder)
  const packing = succeed(run(projectFolder, 'npm', ['pack', '--json', '--pack-destination', root]))
  const tarball = join(root, readdirSync(root).find(name => name.endsWith('.tgz')) ?? '')
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'empty', private: true }))
  succeed(run(folder, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball]))
  return {
    folder,
    tarball,
    packed: [...packing.stdout.matchAll(/"path": "([^"]+)"/g)].map(match => match[1] ?? ''),
    packages: countPackages(join(folder, 'node_modules')),
    save: (file, text) => writeFileSync(join(folder, file), text),
    dispose: () => rmSync(root, { recursive: true, force: true })
  }
}

function succeed(ran: Ran): Ran {
  if (ran.exitCode !== 0) throw new Error(`exit code ${ran.exitCode}\n${ran.stdout}\n${ran.stderr}`)
  return ran
}

function countPackages(folder: string): number {
  const manifests = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return manifests.filter(path => /(^|node_modules[\\/])(@[^\\/]+[\\/])?[^\\/@.][^\\/]*[\\/]package\.json$/.test(path)).length
}
