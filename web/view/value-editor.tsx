/**
 * Writes the open key: a first value, a new value, or what siblings become. The write carries the context that the draft began with.
 */
import type { KeyName } from '../model/key-name.ts'
import { byteCount } from '../model/plain-text.ts'
import { unionOfLines } from '../model/merge-lines.ts'
import type { Draft } from '../model/use-draft.ts'
import { editableBytesMax } from '../model/use-draft.ts'
import type { OpenKey } from '../model/use-key.ts'

const goods = ['coffee', 'oranges', 'a notebook', 'bicycle bell'] as const

interface ValueEditorProps {
  readonly keyName: KeyName
  readonly open: OpenKey
  readonly draft: Draft
}

export function ValueEditor({ keyName, open, draft }: ValueEditorProps) {
  const siblings = open.reading?.siblings ?? []
  const isMerge = draft.replaces > 1
  // Nobody can mean to replace what they could not see yet.
  const isReading = open.reading === undefined && open.unreadable === undefined
  const isBusy = open.pending !== undefined || isReading
  const left = siblings.filter(({ text, value }) => value !== undefined && (text === undefined || value.length > editableBytesMax)).length
  const save = async (event: Event): Promise<void> => {
    event.preventDefault()
    const result = await open.put(draft.text, draft.context)
    if (result !== undefined) draft.saved(draft.text, result)
  }
  return (
    <form class='editor' onSubmit={save}>
      <div class='editor-head'>
        <label for='value' class='editor-label'>
          {isMerge ? 'Merge: the union of all lines, to be changed as you like' : 'Value, one line per item'}
        </label>
        {draft.isTouched && (
          <button type='button' class='link-button' onClick={draft.reset}>
            {isMerge ? 'Back to the union of lines' : 'Drop my edit'}
          </button>
        )}
      </div>
      <textarea
        id='value'
        class='input editor-text'
        rows={Math.min(12, Math.max(4, draft.text.split('\n').length + 1))}
        spellcheck={false}
        readOnly={isReading}
        value={draft.text}
        onInput={event => draft.edit(event.currentTarget.value)}
      />
      {left > 0 && (
        <p class='fine'>
          {left === 1 ? 'One value is' : `${left} values are`} not in the editor: no text, or over {byteCount(editableBytesMax)}. Saving
          replaces {left === 1 ? 'it' : 'them'}.
        </p>
      )}
      {keyName.text.startsWith('cart:') && <Goods draft={draft} isBusy={isBusy} />}
      {draft.isBehind && <BehindNote draft={draft} />}
      <div class='button-row'>
        <button type='submit' class='button button-main' disabled={isBusy}>
          {saveWords(draft.replaces)}
        </button>
        <button type='button' class='button' disabled={open.pending !== undefined} onClick={open.get}>
          Get
        </button>
        <button
          type='button'
          class='button'
          disabled={open.pending !== undefined || siblings.length === 0}
          onClick={() => open.remove(open.reading?.context)}
        >
          Delete
        </button>
      </div>
    </form>
  )
}

/** Things to put into a cart with one press. */
function Goods({ draft, isBusy }: { readonly draft: Draft; readonly isBusy: boolean }) {
  return (
    <p class='goods' role='group' aria-label='Add to the cart'>
      {goods.map(item => (
        <button
          key={item}
          type='button'
          class='button button-small'
          disabled={isBusy}
          onClick={() => draft.edit(unionOfLines([draft.text, `${draft.text}\n${item}`]))}
        >
          <span aria-hidden='true'>+ </span>
          <span class='visually-hidden'>Add </span>
          {item}
        </button>
      ))}
    </p>
  )
}

function BehindNote({ draft }: { readonly draft: Draft }) {
  return (
    <div class='notice notice-plain' role='status'>
      <p class='notice-text'>
        This key changed while you were editing. Saved as it is, your text becomes a sibling: it will not erase what you have not seen.
      </p>
      <p class='button-row'>
        <button type='button' class='button button-small' onClick={draft.catchUp}>
          I have seen it: replace all
        </button>
        <button type='button' class='button button-small' onClick={draft.reset}>
          Drop my edit
        </button>
      </p>
    </div>
  )
}

function saveWords(replaces: number): string {
  if (replaces === 0) return 'Put'
  return replaces === 1 ? 'Put, replacing 1 value' : `Put the merge, replacing ${replaces} siblings`
}
