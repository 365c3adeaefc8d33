/**
 * What a command is: its flags and arguments as data, from which the parser, `--help` and the configuration file are made, and a
 * function that does the work.
 */
import { assert } from '../../core/errors.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** A flag `--name VALUE`, or `--name` for a switch. */
export interface Flag {
  readonly kind: 'text' | 'integer' | 'duration' | 'switch' | 'list'
  /** What stands for the value in the help, e.g. `FOLDER`. */
  readonly value?: string
  readonly help: string
  /** Range of an integer. */
  readonly min?: number
  readonly max?: number
  /** One-letter form. */
  readonly short?: string
}

/** Flags by name, without the dashes. */
export type Flags = Readonly<Record<string, Flag>>

/** An argument by position. */
export interface Argument {
  readonly name: string
  readonly required: boolean
  /** The last argument may take all words that are left. */
  readonly repeated?: boolean
}

/** A flag's value after parsing: text, number, milliseconds, true, or the texts of a list. */
export type FlagValue = string | number | boolean | readonly string[]

export interface Command {
  readonly name: string
  /** One line, for the list of commands. */
  readonly summary: string
  /** Paragraphs below the usage line. */
  readonly description: readonly string[]
  readonly arguments: readonly Argument[]
  readonly flags: Flags
  readonly examples: readonly (readonly [commandLine: string, what: string])[]
  /** Does the work; answers the exit code, or throws. */
  run(invocation: Invocation, terminal: Terminal): Promise<number>
}

/** A command with the values it was called with. */
export class Invocation {
  readonly command: Command
  readonly #flags: ReadonlyMap<string, FlagValue>
  readonly #arguments: readonly string[]

  constructor(command: Command, flags: ReadonlyMap<string, FlagValue>, positionals: readonly string[]) {
    this.command = command
    this.#flags = flags
    this.#arguments = positionals
  }

  /** The same invocation with values for flags that were not given. */
  withDefaults(defaults: ReadonlyMap<string, FlagValue>): Invocation {
    return new Invocation(this.command, new Map([...defaults, ...this.#flags]), this.#arguments)
  }

  has(name: string): boolean {
    return this.#flags.has(name)
  }

  /** The argument called `name`, as typed. */
  argument(name: string): string | undefined {
    const index = this.command.arguments.findIndex(argument => argument.name === name)
    assert(index >= 0, `command ${this.command.name} declares its argument ${name}`)
    return this.#arguments[index]
  }

  /** All words of the last argument, which is {@link Argument.repeated}. */
  words(name: string): readonly string[] {
    const index = this.command.arguments.findIndex(argument => argument.name === name && argument.repeated === true)
    assert(index >= 0, `command ${this.command.name} declares its repeated argument ${name}`)
    return this.#arguments.slice(index)
  }

  text(name: string): string | undefined {
    const value = this.#value(name, 'text')
    return typeof value === 'string' ? value : undefined
  }

  /** The value of an `integer`, or the milliseconds of a `duration`. */
  number(name: string): number | undefined {
    const value = this.#value(name, 'integer', 'duration')
    return typeof value === 'number' ? value : undefined
  }

  switch(name: string): boolean {
    return this.#value(name, 'switch') === true
  }

  list(name: string): readonly string[] {
    const value = this.#value(name, 'list')
    return typeof value === 'object' ? value : []
  }

  #value(name: string, ...kinds: readonly Flag['kind'][]): FlagValue | undefined {
    const flag = this.command.flags[name]
    assert(flag !== undefined && kinds.includes(flag.kind), `command ${this.command.name} declares its flag ${name}`)
    return this.#flags.get(name)
  }
}
