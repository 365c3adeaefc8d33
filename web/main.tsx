/**
 * Entry of the page: one tab, one real peer of the ring. Everything shown comes from the public interface of `dynamesh`.
 */
import { render } from 'preact'
import { App } from './app.tsx'

const root = document.getElementById('page')
if (root !== null) {
  root.replaceChildren()
  render(<App />, root)
}
