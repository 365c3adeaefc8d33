/** Opens any key by name. */
import { useState } from 'preact/hooks'
import type { ErrorWords } from '../model/error-words.ts'
import { errorWords } from '../model/error-words.ts'
import type { KeyName } from '../model/key-name.ts'
import { keyOfText } from '../model/key-name.ts'
import { usePeerView } from '../model/use-peer.ts'

export function KeyForm({ onOpen }: { readonly onOpen: (key: KeyName) => void }) {
  const { peer } = usePeerView()
  const [text, setText] = useState('')
  const [error, setError] = useState<ErrorWords>()
  const openNamed = (event: SubmitEvent): void => {
    event.preventDefault()
    try {
      peer.place(text)
      setError(undefined)
      setText('')
      onOpen(keyOfText(text))
    } catch (thrown) {
      setError(errorWords(thrown, false))
    }
  }
  return (
    <form class='key-form' onSubmit={openNamed}>
      <label>
        <span class='visually-hidden'>Name of the key to open</span>
        <input
          id='key-name'
          class='input'
          placeholder='Open a key, e.g. cart:43'
          autoComplete='off'
          autoCapitalize='off'
          spellcheck={false}
          value={text}
          onInput={event => setText(event.currentTarget.value)}
          aria-invalid={error !== undefined}
          aria-describedby={error === undefined ? undefined : 'key-name-error'}
        />
      </label>
      <button type='submit' class='button'>
        Open
      </button>
      {error !== undefined && (
        <p id='key-name-error' class='field-error' role='alert'>
          {error.message} <code>{error.code}</code>
        </p>
      )}
    </form>
  )
}
