/** What this peer reported lately, newest first. Not announced by screen readers: it never stops talking. */
import type { Activity, ActivityPart } from '../model/activity.ts'
import { keyOfBytes } from '../model/key-name.ts'
import { useActivities, usePeerView } from '../model/use-peer.ts'
import { MemberName } from './member-badge.tsx'
import { PlainText } from './plain-text.tsx'

const linesMax = 14

export function ActivityList() {
  const { feed } = usePeerView()
  const lines = useActivities(feed)
    .filter(activity => activity.isQuiet !== true)
    .slice(0, linesMax)
  return (
    <section class='panel' aria-labelledby='activity-heading'>
      <div class='panel-head'>
        <h2 id='activity-heading'>Activity</h2>
      </div>
      {lines.length === 0 ? (
        <p class='empty'>Writes, hints, repairs and connections appear here as they happen.</p>
      ) : (
        <ol class='activity'>
          {lines.map(activity => (
            <ActivityLine key={activity.id} activity={activity} />
          ))}
        </ol>
      )}
    </section>
  )
}

function ActivityLine({ activity }: { readonly activity: Activity }) {
  return (
    <li class={`activity-line activity-${activity.kind}`}>
      <time dateTime={new Date(activity.atMs).toISOString()}>{new Date(activity.atMs).toLocaleTimeString('en-GB')}</time>
      <span class='activity-words'>{activity.parts.map(partView)}</span>
    </li>
  )
}

function partView(part: ActivityPart, index: number) {
  if (typeof part === 'string') return <span key={index}> {part} </span>
  if ('peer' in part) return <MemberName key={index} peerId={part.peer} />
  return (
    <code key={index} class='key-code'>
      <PlainText text={keyOfBytes(part.key).text} lengthMax={40} />
    </code>
  )
}
