// The grammar of all command lines here, over `parseArgs`: one description of each option makes what is accepted, what
// the help says, and the sentence that refuses a wrong value. It loads nothing else, and prints no escape codes.
import { parseArgs } from "node:util"

/** An option with a value. */
export interface Valued<A> {
  readonly _tag: "Valued"
  /** The kind of the value, as the help shows it. */
  readonly kind: string
  /** The value of a text; `undefined`: it is wrong. */
  readonly parse: (text: string) => A | undefined
  /** The right values, as the end of "--option takes …". */
  readonly takes: string
  readonly initial: A
  /** The default, as the help shows it. */
  readonly shown: string
  readonly description: string
}

/** An option with a value that may be there several times. */
export interface Listed<A> extends Pick<Valued<A>, "description" | "kind" | "parse" | "takes"> {
  readonly _tag: "Listed"
}

/** An option without a value, which is there or not. */
export interface Flag {
  readonly _tag: "Flag"
  readonly description: string
}

export interface Argument {
  readonly name: string
  readonly description: string
}

/** The options by their names in the program: `queueDepth` is `--queue-depth`. */
export type Options = Readonly<Record<string, Flag | Listed<unknown> | Valued<unknown>>>

export interface Grammar<O extends Options> {
  readonly name: string
  /** Paragraphs above the options, and below them. */
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
  /** All of them may be left out. */
  readonly arguments: ReadonlyArray<Argument>
  readonly options: O
}

export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Valued<infer A> ? A : O[K] extends Listed<infer A> ? ReadonlyArray<A> : boolean
}

export type Parsed<O extends Options> =
  | { readonly _tag: "Print"; readonly text: string }
  | { readonly _tag: "Wrong"; readonly sentence: string }
  | { readonly _tag: "Values"; readonly values: Values<O>; readonly arguments: ReadonlyArray<string> }

export const flag = (description: string): Flag => ({ _tag: "Flag", description })

export const whole = (least: number, most: number, initial: number, description: string): Valued<number> => ({
  _tag: "Valued",
  kind: "number",
  parse: (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1
    return value >= least && value <= most ? value : undefined
  },
  takes: `a whole number from ${least} to ${most}`,
  initial,
  shown: String(initial),
  description
})

export const decimal = (least: number, most: number, initial: number, description: string): Valued<number> => ({
  _tag: "Valued",
  kind: "number",
  parse: (text) => {
    const value = /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : -1
    return value >= least && value <= most ? value : undefined
  },
  takes: `a number from ${least} to ${most}`,
  initial,
  shown: String(initial),
  description
})

export const choice = <const A extends string>(
  choices: ReadonlyArray<A>,
  initial: NoInfer<A>,
  description: string
): Valued<A> => ({
  _tag: "Valued",
  kind: choices.join(" | "),
  parse: (text) => choices.find((one) => one === text),
  takes: `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`,
  initial,
  shown: initial,
  description
})

/** Any text that is not empty. */
export const name = (shown: string, description: string): Valued<string | undefined> => ({
  _tag: "Valued",
  kind: "name",
  parse: (text) => text === "" || text.startsWith("-") ? undefined : text,
  takes: "a name",
  initial: undefined,
  shown,
  description
})

/** The option of every program here. */
export const kernel = (whatItDoes: string) =>
  choice(
    ["auto", "win32", "portable"],
    "auto",
    `Which system ${whatItDoes}: auto is win32 (kernel32.dll) on Windows and portable elsewhere.`
  )

const VERSION = "0.1.0"

const optionName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

const wrong = (sentence: string) => ({ _tag: "Wrong", sentence }) as const

/** Reads the words behind the name of the program. */
export const parse = <O extends Options>(grammar: Grammar<O>, args: ReadonlyArray<string>): Parsed<O> => {
  const keys = new Map(Object.keys(grammar.options).map((key) => [optionName(key), key]))
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
      ...Object.fromEntries([...keys].map(([name, key]) => [
        name,
        { type: grammar.options[key]!._tag === "Flag" ? "boolean" as const : "string" as const }
      ]))
    }
  })
  const said = new Map<string, unknown>()
  const words: Array<string> = []
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value)
    if (token.kind !== "option") continue
    if (token.name === "help") return { _tag: "Print", text: help(grammar) }
    if (token.name === "version") return { _tag: "Print", text: `${VERSION}\n` }
    const key = keys.get(token.name)
    if (key === undefined || !token.rawName.startsWith("--")) {
      return wrong(`There is no option ${JSON.stringify(token.rawName)}; --help lists them.`)
    }
    const option = grammar.options[key]!
    if (said.has(key) && option._tag !== "Listed") return wrong(`--${token.name} is there twice.`)
    if (option._tag === "Flag") {
      if (token.value !== undefined) {
        return wrong(`--${token.name} takes no value, and was given ${JSON.stringify(token.value)}.`)
      }
      said.set(key, true)
      continue
    }
    const value = token.value === undefined ? undefined : option.parse(token.value)
    if (value === undefined) {
      const given = token.value === undefined ? "and was given none" : `not ${JSON.stringify(token.value)}`
      return wrong(`--${token.name} takes ${option.takes}, ${given}.`)
    }
    said.set(key, option._tag === "Listed" ? [...said.get(key) as ReadonlyArray<unknown> ?? [], value] : value)
  }
  const names = grammar.arguments.map(({ name }) => name)
  if (words.length > names.length) {
    const takes = names.length === 0 ? "no arguments" : names.join(" and ")
    return wrong(`${JSON.stringify(words[names.length])} is one argument too many: ${grammar.name} takes ${takes}.`)
  }
  const values = Object.fromEntries(
    Object.entries(grammar.options).map(([key, option]) => [
      key,
      said.get(key) ?? (option._tag === "Flag" ? false : option._tag === "Listed" ? [] : option.initial)
    ])
  )
  return { _tag: "Values", values: values as Values<O>, arguments: words }
}

/** The settings that a program makes of the words; a text to print; or the sentence that refuses. */
export const read = <O extends Options, S extends object>(
  grammar: Grammar<O>,
  args: ReadonlyArray<string>,
  settingsOf: (values: Values<O>, words: ReadonlyArray<string>) => S | string
): S | { readonly print: string } | { readonly wrong: string } => {
  const parsed = parse(grammar, args)
  if (parsed._tag === "Print") return { print: parsed.text }
  if (parsed._tag === "Wrong") return { wrong: parsed.sentence }
  const settings = settingsOf(parsed.values, parsed.arguments)
  return typeof settings === "string" ? { wrong: settings } : settings
}

/** The values that the words give, for a program that ends at once where there is only something to print. */
export const valuesOrExit = <O extends Options>(grammar: Grammar<O>, args = process.argv.slice(2)): Values<O> => {
  const parsed = parse(grammar, args)
  if (parsed._tag === "Values") return parsed.values
  if (parsed._tag === "Print") process.stdout.write(parsed.text)
  else process.stderr.write(`${parsed.sentence}\n`)
  process.exit(parsed._tag === "Print" ? 0 : 1)
}

// --- the help

const WIDTH = 100
const INDENT = 6

const wrap = (text: string, indent: number): string => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!
    if (line === "") lines[lines.length - 1] = word
    else if (indent + line.length + 1 + word.length <= WIDTH) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines.map((line) => " ".repeat(indent) + line).join("\n")
}

const entry = (head: string, description: string): string => `  ${head}\n${wrap(description, INDENT)}`

const help = ({ after, arguments: arguments_, before, name, options }: Grammar<Options>): string => {
  const said = Object.entries(options).map(([key, option]) =>
    option._tag === "Flag"
      ? entry(`--${optionName(key)}`, option.description)
      : option._tag === "Listed"
      ? entry(`--${optionName(key)} <${option.kind}>`, `${option.description} May be there several times.`)
      : entry(`--${optionName(key)} <${option.kind}>`, `${option.description} Default: ${option.shown}.`)
  )
  const usage = ["Usage:", name, "[OPTIONS]", ...arguments_.map(({ name }) => `[${name}]`)].join(" ")
  return [
    usage,
    ...before.map((text) => wrap(text, 0)),
    ...arguments_.length === 0 ? [] : ["Arguments:"],
    ...arguments_.map(({ description, name }) => entry(name, description)),
    "Options:",
    ...said,
    entry("--help", "Prints this text."),
    entry("--version", "Prints the version."),
    ...after.map((text) => wrap(text, 0))
  ].join("\n\n") + "\n"
}
