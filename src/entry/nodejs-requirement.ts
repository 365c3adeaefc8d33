/**
 * Which Node.js can run dynamesh. Checked before anything of libp2p is imported: on an older Node.js that import fails with a
 * TypeError deep inside a dependency. This file must therefore stay free of imports and of syntax that an older one cannot read.
 */

/** Oldest Node.js that works. */
const nodeVersionMin = { major: 22, minor: 12 }

/** What is wrong with Node.js `version` (like `20.11.1`), or `undefined` when it can run dynamesh. */
export function nodeVersionProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > nodeVersionMin.major || (major === nodeVersionMin.major && minor >= nodeVersionMin.minor)) return undefined
  return `dynamesh needs Node.js ${nodeVersionMin.major}.${nodeVersionMin.minor} or newer, and this is Node.js ${version}. Install a newer one from https://nodejs.org.`
}
