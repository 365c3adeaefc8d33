/**
 * The ring's drawing: angles, and one path per owner and band.
 *
 * The outermost band shows each partition's first owner, the next its second, and so on. All arcs of an owner in a band are one path, so a
 * ring of 1024 partitions is a few dozen elements. One of 1024 partitions is less than a pixel wide and would drown in its neighbours'
 * colours: so each stretch of 1/64 of the ring is drawn with its partitions sorted by owner. Shares are exact; the place of an arc
 * is, within that stretch, not. The open key's own partition is drawn apart, larger and exact.
 */

export interface Point {
  readonly x: number
  readonly y: number
}

/** Where bands and members are, in units of the drawing. */
export const drawing = {
  size: 480,
  center: 240,
  /** Middle radius and width of each band, by owner number; further owners share the innermost. */
  bands: [
    { radius: 144, width: 20 },
    { radius: 126, width: 12 },
    { radius: 114, width: 8 },
    { radius: 107, width: 4 }
  ],
  innerRadius: 103,
  outerRadius: 154,
  memberRadius: 194
} as const

/** All arcs of one owner in one band. */
export interface BandPath {
  readonly owner: string
  readonly band: number
  readonly path: string
}

/** Point at `turn` (0..1, clockwise from the top) and `radius`. */
export function pointAt(turn: number, radius: number): Point {
  const angle = turn * 2 * Math.PI - Math.PI / 2
  return { x: drawing.center + radius * Math.cos(angle), y: drawing.center + radius * Math.sin(angle) }
}

/** Stretches in which partitions are sorted by owner. */
const stretches = 64

/** Paths of all owners, given the owners of each partition. */
export function bandPaths(owners: readonly (readonly string[])[]): readonly BandPath[] {
  const paths: BandPath[] = []
  drawing.bands.forEach(({ radius }, band) => {
    const arcs = new Map<string, string[]>()
    for (const run of runs(sortedInStretches(owners.map(list => list[band])))) {
      const list = arcs.get(run.owner) ?? []
      arcs.set(run.owner, list)
      list.push(arcPath(run.start / owners.length, run.end / owners.length, radius))
    }
    for (const [owner, list] of arcs) paths.push({ owner, band, path: list.join('') })
  })
  return paths
}

/** Path of an arc from `start` to `end` turns. A whole circle is drawn as two halves. */
export function arcPath(start: number, end: number, radius: number): string {
  if (end - start > 0.999) return arcPath(start, start + 0.5, radius) + arcPath(start + 0.5, start + 0.9985, radius)
  const from = pointAt(start, radius)
  const to = pointAt(end, radius)
  return `M${round(from.x)} ${round(from.y)}A${radius} ${radius} 0 ${end - start > 0.5 ? 1 : 0} 1 ${round(to.x)} ${round(to.y)}`
}

/** Curve from one point to another, bent towards the middle of the ring the more, the farther they are apart. */
export function chordPath(from: Point, to: Point): string {
  const apart = Math.hypot(to.x - from.x, to.y - from.y) / (2 * drawing.memberRadius)
  const bend = 1 - 0.75 * Math.min(1, apart * 1.4)
  const x = drawing.center + ((from.x + to.x) / 2 - drawing.center) * bend
  const y = drawing.center + ((from.y + to.y) / 2 - drawing.center) * bend
  return `M${round(from.x)} ${round(from.y)}Q${round(x)} ${round(y)} ${round(to.x)} ${round(to.y)}`
}

function sortedInStretches(owners: readonly (string | undefined)[]): readonly (string | undefined)[] {
  const length = Math.max(1, Math.floor(owners.length / stretches))
  const starts = Array.from({ length: Math.ceil(owners.length / length) }, (_, stretch) => stretch * length)
  // Every other stretch is sorted backwards, so that equal owners meet at the borders.
  return starts.flatMap((start, index) => {
    const direction = index % 2 === 0 ? 1 : -1
    return owners.slice(start, start + length).sort((a = '', b = '') => (a === b ? 0 : a < b ? -direction : direction))
  })
}

function* runs(owners: readonly (string | undefined)[]): Generator<{ owner: string; start: number; end: number }> {
  let start = 0
  for (let partition = 1; partition <= owners.length; partition++) {
    const owner = owners[start]
    if (partition < owners.length && owners[partition] === owner) continue
    if (owner !== undefined) yield { owner, start, end: partition }
    start = partition
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
