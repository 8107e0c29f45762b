// The command line.
import { parseArgs } from "node:util"

export interface Settings {
  /** `both` is a server in a process of its own, and the client here. */
  readonly role: "both" | "serve" | "call"
  readonly pipe: string
  readonly kernel: "auto" | "win32" | "portable"
}

export const help = `Typed calls of @effect/rpc over a named pipe, between two processes.

usage: pipe-rpc [serve | call] [--pipe NAME] [--kernel auto|win32|portable]

Without an argument it starts a server in a process of its own, makes calls to it (an answer, an error, a stream, 1 MiB
there and back, an interruption) and ends. With \`serve\` or \`call\` it is only one of the two: start them in two terminals,
with the same --pipe.

  --pipe NAME    name of the pipe. Default: effect-pipe-rpc, with the number of the process when it starts both.
  --kernel NAME  which system does the I/O: auto (the default) is win32 (kernel32.dll) on Windows and portable (a Unix
                 domain socket) elsewhere.
  --help         this text.

Ctrl-C interrupts: calls in flight are cancelled, the pipe is given up; a second one leaves at once. Exit code: 0 all went
well, 1 failed, 130 Ctrl-C, 143 SIGTERM.
`

/** The settings, `undefined` for help, or a sentence about what is wrong. */
export const parse = (args: ReadonlyArray<string>): Settings | string | undefined => {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { pipe: { type: "string" }, kernel: { type: "string" }, help: { type: "boolean", short: "h" } }
    })
    if (values.help === true) return undefined
    const [role = "both", more] = positionals
    if (role !== "both" && role !== "serve" && role !== "call" || more !== undefined) {
      return "It takes `serve`, `call` or neither; --help says more."
    }
    const { kernel = "auto" } = values
    if (kernel !== "auto" && kernel !== "win32" && kernel !== "portable") {
      return "--kernel takes auto, win32 or portable."
    }
    return {
      role,
      kernel,
      pipe: values.pipe ?? (role === "both" ? `effect-pipe-rpc-${process.pid}` : "effect-pipe-rpc")
    }
  } catch (error) {
    return `${(error as Error).message.split(". ")[0]}; --help lists the options.`
  }
}
