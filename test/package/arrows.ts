/** The arrows between the layers, told independently of the linter's configuration. */
import { posix } from 'node:path'
import ts from 'typescript'

const everyLayer = ['core', 'protocol', 'ports', 'store', 'adapters', 'simulation', 'conformance', 'entry', 'cli'] as const
type Layer = (typeof everyLayer)[number]

/** What each layer may import, itself included. */
const arrows: Readonly<Record<Layer, readonly Layer[]>> = {
  core: ['core'],
  protocol: ['core', 'protocol'],
  ports: ['core', 'ports'],
  store: ['core', 'protocol', 'ports', 'store'],
  adapters: ['core', 'ports', 'adapters'],
  simulation: ['core', 'protocol', 'ports', 'simulation'],
  conformance: ['core', 'ports', 'conformance'],
  entry: everyLayer.filter(layer => layer !== 'cli'),
  cli: ['core', 'entry', 'cli']
}

/** Packages a layer may import; a layer that is not named may import any. */
const packages: Readonly<Partial<Record<Layer, RegExp>>> = {
  core: /^@noble\/hashes(\/|$)/,
  protocol: /^$/,
  ports: /^$/,
  conformance: /^$/,
  simulation: /^$/
}

/** The types of the public interface, which the command line prints. */
const publicTypes: readonly string[] = ['src/store/api.ts', 'src/store/member-api.ts']

/** What the page may import besides its own files. */
const pagePackages = /^(dynamesh(\/(core|simulation))?|preact(\/.*)?)$/

const isLayer = (name: string): name is Layer => everyLayer.some(layer => layer === name)

/** Every module that `text` names: static, dynamic, type-only and re-exported alike. */
function importsOf(text: string): readonly string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(file => file.fileName)
}

/** A sentence for each import of `file` (path from the project's folder) that goes against an arrow. */
export function againstArrows(file: string, text: string): readonly string[] {
  const [top = '', layer = ''] = file.split('/')
  return importsOf(text)
    .filter(specifier => !(top === 'web' ? pageMay(file, specifier) : layerMay(layer, file, specifier)))
    .map(specifier => `${file} imports ${specifier}`)
}

function pageMay(file: string, specifier: string): boolean {
  if (!specifier.startsWith('.')) return pagePackages.test(specifier)
  return posix.join(posix.dirname(file), specifier).startsWith('web/')
}

function layerMay(layer: string, file: string, specifier: string): boolean {
  if (!isLayer(layer)) return false
  if (!specifier.startsWith('.')) return packages[layer]?.test(specifier) ?? true
  const path = posix.join(posix.dirname(file), specifier)
  const [top, target = ''] = path.split('/')
  if (top !== 'src' || !isLayer(target)) return false
  return arrows[layer].includes(target) || (layer === 'cli' && publicTypes.includes(path))
}

/** Each way by which a file imports itself, as a sentence; one for each file that closes a circle. */
export function circles(texts: ReadonlyMap<string, string>): readonly string[] {
  const found: string[] = []
  const left = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (left.has(file) || path.includes(file)) return
    for (const specifier of importsOf(texts.get(file) ?? '')) {
      const target = posix.join(posix.dirname(file), specifier)
      if (specifier.startsWith('.') && texts.has(target)) visit(target, [...path, file])
    }
    left.add(file)
  }
  for (const file of texts.keys()) visit(file, [])
  return found
}
