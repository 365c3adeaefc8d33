/** The project's own files, as the repository's rules see them. */
import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

export const projectFolder: string = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '')

/** Paths from the project's folder, with `/`, that match any of the patterns; installed and built files are left out. */
export function projectFiles(...patterns: readonly string[]): readonly string[] {
  const skip = /^(node_modules|dist|coverage|test-results|\.git)(\/|$)/
  return globSync([...patterns], { cwd: projectFolder, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry =>
      join(entry.parentPath, entry.name)
        .slice(projectFolder.length + 1)
        .split(sep)
        .join('/')
    )
    .filter(path => !skip.test(path))
    .toSorted()
}

export const sourceFiles = (folder: string): readonly string[] => projectFiles(`${folder}/**/*.{ts,tsx}`)

export const readText = (path: string): string => readFileSync(join(projectFolder, path), 'utf8')
