/** Keys that this tab's peer stores, as owner or as fallback. Others are opened by name in the key panel. */
import type { KeyInfo } from 'dynamesh'
import type { KeyName } from '../model/key-name.ts'
import { keyOfBytes } from '../model/key-name.ts'
import { byteCount } from '../model/plain-text.ts'
import { usePeerView } from '../model/use-peer.ts'
import { keysShownMax, useStoredKeys } from '../model/use-stored-keys.ts'
import { PlainText } from './plain-text.tsx'

export function KeyBrowser({ keyName, onOpen }: { readonly keyName: KeyName; readonly onOpen: (key: KeyName) => void }) {
  const { peer, status } = usePeerView()
  const keys = useStoredKeys(peer, status.keys)
  return (
    <section class='panel' aria-labelledby='keys-heading'>
      <div class='panel-head'>
        <h2 id='keys-heading'>Keys stored in this tab</h2>
        <p class='fine'>{status.keys > keysShownMax ? `first ${keysShownMax} of ${status.keys.toLocaleString('en')}` : status.keys}</p>
      </div>
      {keys.length === 0 ? (
        <p class='empty'>None yet. A key is stored by its owners; this tab owns a share of the ring, not all of it.</p>
      ) : (
        <ul class='keys' aria-label='Stored keys'>
          {keys.map(info => (
            <KeyRow key={keyOfBytes(info.key).id} info={info} openId={keyName.id} onOpen={onOpen} />
          ))}
        </ul>
      )}
    </section>
  )
}

function KeyRow({ info, openId, onOpen }: { readonly info: KeyInfo; readonly openId: string; readonly onOpen: (key: KeyName) => void }) {
  const name = keyOfBytes(info.key)
  return (
    <li>
      <button type='button' class='key-row' aria-current={name.id === openId ? 'true' : undefined} onClick={() => onOpen(name)}>
        <span class='key-row-name'>
          <PlainText text={name.text} lengthMax={48} />
        </span>
        <span class='key-row-facts'>
          {info.siblings > 1 && <span class='mark-siblings'>{info.siblings} siblings</span>}
          {!info.owned && <span class='mark-fallback'>fallback copy</span>}
          <span>{info.deleted ? 'deleted' : byteCount(info.bytes)}</span>
        </span>
      </button>
    </li>
  )
}
