/** The ring: who owns what, where the open key lives, and what is happening; with the same facts as a table. */
import { useMemo } from 'preact/hooks'
import type { KeyName } from '../model/key-name.ts'
import { lookOf } from '../model/member-looks.ts'
import { usePeerView } from '../model/use-peer.ts'
import { MemberName } from './member-badge.tsx'
import type { LookProps } from './look-props.ts'
import { RingView } from './ring-view.tsx'

export function RingPanel({ keyName, lookedAt, onLook }: LookProps & { readonly keyName: KeyName }) {
  const { ring, looks } = usePeerView()
  const looked = lookedAt === undefined ? undefined : lookOf(looks, lookedAt)
  const owned = lookedAt === undefined ? 0 : ring.owners.filter(owners => owners.includes(lookedAt)).length
  return (
    <section class='panel ring-panel' aria-labelledby='ring-heading'>
      <div class='panel-head'>
        <h2 id='ring-heading'>Ring</h2>
        <p class='fine'>
          {looked === undefined
            ? `${ring.partitions} partitions, ${ring.replicas} owners each`
            : `${looked.name} owns ${owned} of ${ring.partitions} partitions`}
        </p>
      </div>
      <RingView keyName={keyName} lookedAt={lookedAt} onLook={onLook} />
      <details class='fold'>
        <summary>The ring as a table</summary>
        <OwnerTable />
        <p class='fine'>
          Ring <code>{ring.digest}</code>: peers that show the same name see the same ring.
        </p>
      </details>
    </section>
  )
}

/** How much each member owns, and how often it comes first in the preference list. */
function OwnerTable() {
  const { ring } = usePeerView()
  const rows = useMemo(() => ownerShares(ring.owners), [ring])
  return (
    <table class='table'>
      <caption class='visually-hidden'>Partitions by owner</caption>
      <thead>
        <tr>
          <th scope='col'>Member</th>
          <th scope='col' class='number'>
            First owner
          </th>
          <th scope='col' class='number'>
            Owner
          </th>
          <th scope='col' class='number'>
            Share
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ peerId, first, all }) => (
          <tr key={peerId}>
            <th scope='row'>
              <MemberName peerId={peerId} />
            </th>
            <td class='number'>{first}</td>
            <td class='number'>{all}</td>
            <td class='number'>{((100 * all) / Math.max(1, ring.owners.length)).toFixed(0)} %</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function ownerShares(
  owners: readonly (readonly string[])[]
): readonly { readonly peerId: string; readonly first: number; readonly all: number }[] {
  const shares = new Map<string, { first: number; all: number }>()
  for (const list of owners) {
    list.forEach((peerId, rank) => {
      const share = shares.get(peerId) ?? { first: 0, all: 0 }
      shares.set(peerId, { first: share.first + (rank === 0 ? 1 : 0), all: share.all + 1 })
    })
  }
  return [...shares].map(([peerId, share]) => ({ peerId, ...share })).sort((a, b) => b.all - a.all)
}
