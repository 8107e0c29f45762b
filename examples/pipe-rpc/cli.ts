// The command line.
import { kernel, name, read } from "../commandLine.js"

export interface Settings {
  /** `both` is a server in a process of its own, and the client here. */
  readonly role: "both" | "serve" | "call"
  readonly pipe: string
  readonly kernel: "auto" | "win32" | "portable"
}

const grammar = {
  name: "pipe-rpc",
  before: ["Typed calls of @effect/rpc over a named pipe, between two processes."],
  arguments: [{
    name: "serve | call",
    description:
      "Without it the program starts a server in a process of its own, makes calls to it (an answer, an error, " +
      "a stream, 1 MiB there and back, an interruption) and ends. With `serve` or `call` it is only one of the two: start " +
      "them in two terminals, with the same --pipe."
  }],
  options: {
    pipe: name("effect-pipe-rpc, with the number of the process when it starts both", "The name of the pipe."),
    kernel: kernel("does the I/O (portable: over a Unix domain socket)")
  },
  after: [
    "Ctrl-C interrupts: calls in flight are cancelled, the pipe is given up; a second one leaves at once. Exit code: 0 " +
    "all went well, 1 failed or refused, 130 Ctrl-C, 143 SIGTERM."
  ]
}

/** The settings; a text to print; or the sentence that refuses. */
export const parse = (
  args: ReadonlyArray<string>
): Settings | { readonly print: string } | { readonly wrong: string } =>
  read(grammar, args, ({ kernel, pipe }, [role = "both"]): Settings | string => {
    if (role !== "both" && role !== "serve" && role !== "call") {
      return `It takes serve, call or neither, not ${JSON.stringify(role)}; --help says more.`
    }
    return { role, kernel, pipe: pipe ?? (role === "both" ? `effect-pipe-rpc-${process.pid}` : "effect-pipe-rpc") }
  })
