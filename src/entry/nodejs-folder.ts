/** For the command line, which makes folders of its own beside those of its peers. */
export { makeFolder } from '../adapters/filesystem/make-folder.ts'
