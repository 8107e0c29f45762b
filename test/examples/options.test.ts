// One grammar reads the command lines of all examples; each option says its kind and its default.
import { assert, describe, it } from "vitest"
import { parse } from "../../examples/copy/cli.js"
import { parse as parseRpc } from "../../examples/pipe-rpc/cli.js"

const initial = {
  paths: undefined,
  queueDepth: 4,
  concurrency: 8,
  chunk: 512 << 10,
  kernel: "auto",
  overwrite: false,
  verify: "read",
  resume: false,
  takeOver: false,
  keepGoing: false,
  keep: false,
  include: [],
  exclude: [],
  links: "copy",
  hardLinks: false,
  dryRun: false
}
const paths = { source: "a", destination: "b" }

describe("a command line", () => {
  it.each<[ReadonlyArray<string>, object]>([
    [[], initial],
    [["a", "b"], { ...initial, paths }],
    [["a", "--overwrite", "b"], { ...initial, paths, overwrite: true }],
    [["--verify=none", "a", "b"], { ...initial, paths, verify: "none" }],
    [["--", "--a", "b"], { ...initial, paths: { source: "--a", destination: "b" } }],
    [["a b", "ü/日本"], { ...initial, paths: { source: "a b", destination: "ü/日本" } }],
    [["a", "b", "--resume", "--take-over", "--keep-going"], {
      ...initial,
      paths,
      resume: true,
      takeOver: true,
      keepGoing: true
    }],
    [
      [
        "a",
        "b",
        "--exclude",
        "*.log",
        "--exclude=node_modules/",
        "--include",
        "src/**",
        "--links",
        "skip",
        "--dry-run"
      ],
      {
        ...initial,
        paths,
        exclude: ["*.log", "node_modules/"],
        include: ["src/**"],
        links: "skip",
        dryRun: true
      }
    ],
    [["--queue-depth", "7", "--concurrency", "3", "--chunk", "64KiB", "--kernel", "portable", "a", "b"], {
      ...initial,
      paths,
      queueDepth: 7,
      concurrency: 3,
      chunk: 65_536,
      kernel: "portable"
    }]
  ])("%j is read", (args, settings) => {
    assert.deepStrictEqual<unknown>(parse(args), settings)
  })

  it.each<[ReadonlyArray<string>, string]>([
    [["--queue-depth", "many"], "--queue-depth takes a whole number from 1 to 1024, not \"many\"."],
    [["--chunk", "-1"], "--chunk takes a size from 512 bytes to 1.00 GiB (65536, 64KiB or 1MiB), not \"-1\"."],
    [["--kernel=linux"], "--kernel takes auto, win32 or portable, not \"linux\"."],
    [["--verify"], "--verify takes none, read or durable, and was given none."],
    [["--verify", "--resume"], "--verify takes none, read or durable, not \"--resume\"."],
    [["--overwrite=yes"], "--overwrite takes no value, and was given \"yes\"."],
    [["--keep", "--keep"], "--keep is there twice."],
    [
      ["a", "b", "--exclude", ""],
      "--exclude takes a glob, such as *.log or cache/**, of at most 1000 characters, not \"\"."
    ],
    [["--dry-run"], "--dry-run needs SOURCE and DESTINATION."],
    [["--toString"], "There is no option \"--toString\"; --help lists them."],
    [["-x"], "There is no option \"-x\"; --help lists them."],
    [["a", "b", "c"], "\"c\" is one argument too many: copy takes SOURCE and DESTINATION."],
    [["a"], "Name both SOURCE and DESTINATION, or neither to copy the project's node_modules."],
    [["a", ""], "SOURCE and DESTINATION must not be empty."],
    [["a", "b", "--take-over"], "--take-over means nothing without --resume."]
  ])("%j is refused, with the option, the value and what is right", (args, wrong) => {
    assert.deepStrictEqual<unknown>(parse(args), { wrong })
  })

  it("of calls over a pipe takes a role, and a name that is not another option", () => {
    assert.deepStrictEqual<unknown>(parseRpc(["serve", "--pipe", "one"]), {
      role: "serve",
      kernel: "auto",
      pipe: "one"
    })
    assert.deepStrictEqual<unknown>(parseRpc(["--pipe", "--kernel"]), {
      wrong: "--pipe takes a name, not \"--kernel\"."
    })
    assert.deepStrictEqual<unknown>(parseRpc(["sing"]), {
      wrong: "It takes serve, call or neither, not \"sing\"; --help says more."
    })
  })
})

describe("the help", () => {
  const text = (said: object) => "print" in said ? String(said.print) : ""
  const help = text(parse(["--help"]))
  it.each([
    "Usage: copy [OPTIONS] [SOURCE] [DESTINATION]\n",
    "--queue-depth <number>\n      Reads in flight in each file. Default: 4.\n",
    "--chunk <size>\n      Bytes per read and write, such as 65536, 64KiB or 1MiB. Default: 512KiB.\n",
    "--kernel <auto | win32 | portable>\n",
    "Default: auto.\n",
    "--overwrite\n",
    "Exit code: 0 copied, 1 failed or refused, 130 Ctrl-C, 143 SIGTERM.\n"
  ])("says %j", (part) => assert.include(help, part))
  it("is plain text, in lines that a terminal of 100 columns shows", () => {
    for (const one of [help, text(parse(["-h"])), text(parseRpc(["--help"]))]) {
      assert.notInclude(one, "\u001b")
      assert.isAtMost(Math.max(...one.split("\n").map(({ length }) => length)), 100)
    }
  })
  it("leaves the version to an option of its own", () => assert.deepEqual(parse(["--version"]), { print: "0.1.0\n" }))
})
