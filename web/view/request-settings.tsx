/** N, R and W of the requests, and whether fallbacks may stand in for owners. N is the cluster's and cannot be changed here. */
import type { Quorum } from '../model/use-key.ts'
import { usePeerView } from '../model/use-peer.ts'

export function RequestSettings({ quorum, onQuorum }: { readonly quorum: Quorum; readonly onQuorum: (quorum: Quorum) => void }) {
  const { ring } = usePeerView()
  return (
    <div class='settings' role='group' aria-label='Settings of requests'>
      <p class='setting setting-fixed'>
        <span>
          <span class='setting-name'>N</span> <span class='fine'>copies of each key</span>
        </span>
        <span class='setting-value'>{ring.replicas}, fixed by the cluster</span>
      </p>
      <Choice
        name='r'
        label='R'
        hint='replies a get waits for'
        max={ring.replicas}
        value={quorum.r}
        onChange={r => onQuorum({ ...quorum, r })}
      />
      <Choice
        name='w'
        label='W'
        hint='disks a put waits for'
        max={ring.replicas}
        value={quorum.w}
        onChange={w => onQuorum({ ...quorum, w })}
      />
      <label class='check'>
        <input type='checkbox' checked={quorum.sloppy} onChange={event => onQuorum({ ...quorum, sloppy: event.currentTarget.checked })} />
        <span>
          Sloppy quorum <span class='fine'>fallbacks count</span>
        </span>
      </label>
    </div>
  )
}

interface ChoiceProps {
  readonly name: string
  readonly label: string
  readonly hint: string
  readonly max: number
  readonly value: number
  readonly onChange: (value: number) => void
}

function Choice({ name, label, hint, max, value, onChange }: ChoiceProps) {
  const numbers = Array.from({ length: max }, (_, index) => index + 1)
  return (
    <fieldset class='setting'>
      <legend>
        <span class='setting-name'>{label}</span> <span class='fine'>{hint}</span>
      </legend>
      <span class='choices'>
        {numbers.map(number => (
          <label key={number} class='choice'>
            <input
              type='radio'
              name={name}
              value={number}
              checked={value === number}
              onChange={() => onChange(number)}
              aria-label={`${label} = ${number}`}
            />
            <span aria-hidden='true'>{number}</span>
          </label>
        ))}
      </span>
    </fieldset>
  )
}
