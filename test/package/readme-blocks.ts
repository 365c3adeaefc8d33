/** The code of README.md: fenced blocks with a file name, and what they say they print. */
import { readText } from './project.ts'

export interface Block {
  readonly language: string
  /** Name to save it under, as the README tells the reader. */
  readonly file: string
  readonly text: string
  /** What its comments `// prints …` promise, in order. */
  readonly prints: readonly string[]
}

export function readmeBlocks(): readonly Block[] {
  return [...readText('README.md').matchAll(/^```(\w+)(?: ([\w.-]+))?\n([\s\S]*?)^```$/gm)].map(match => {
    const [, language = '', file = '', text = ''] = match
    return { language, file, text, prints: [...text.matchAll(/\/\/ prints (.*)$/gm)].map(each => each[1] ?? '') }
  })
}
