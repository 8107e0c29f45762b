// The copy program as people meet it: as a process of its own, with files, failures and signals that are real.
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, afterEach, assert, beforeAll, beforeEach, describe, it } from "vitest"
import { bundle } from "../../examples/bundle.mjs"
import { type Ended, start as startProgram } from "../support/program.js"
import { removeTree } from "../support/removeTree.js"
import { interruptAll } from "./interrupt.mjs"
import { differences } from "./manifest.mjs"

const isRoot = process.getuid?.() === 0
const has = (command: string) => spawnSync("which", [command]).status === 0

// Where everybody may read it, because one test runs it as nobody.
const shared = fs.mkdtempSync(join(tmpdir(), "copy-program-"))
const program = join(shared, "copy.mjs")

beforeAll(async () => {
  fs.chmodSync(shared, 0o755)
  await bundle("examples/copy/main.ts", program)
})
afterAll(() => fs.rmSync(shared, { recursive: true }))

let base = ""
let source = ""
let copy = ""

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), "copy-test-"))
  fs.chmodSync(base, 0o777)
  source = join(base, "source")
  copy = join(base, "destination", "copy")
  fs.mkdirSync(join(base, "destination"), { mode: 0o777 })
  fs.chmodSync(join(base, "destination"), 0o777)
})
afterEach(() => removeTree(base))

const start = (args: ReadonlyArray<string>, command: ReadonlyArray<string> = []) =>
  startProgram([program, ...args], {}, [...command, process.execPath])

const run = (...args: ReadonlyArray<string>): Promise<Ended> => start(args).ended

const write = (path: string, contents: string | Uint8Array = "contents", mode = 0o644): string => {
  fs.mkdirSync(join(path, ".."), { recursive: true })
  fs.writeFileSync(path, contents)
  fs.chmodSync(path, mode)
  return path
}

const noise = (bytes: number): Buffer => Buffer.alloc(bytes, "0123456789abcdef-")

const assertCopied = (ended: Ended, from = source, to = copy) => {
  assert.deepStrictEqual([ended.code, ended.err], [0, ""])
  assert.deepStrictEqual(differences(from, to), [])
  assert.match(ended.out, /^Ledger \(portable\): started \d+ = callback .* in flight 0\): balanced\.$/m)
}

/** One sentence, exit code 1, and nothing left where the copy would be. */
const assertRefused = (ended: Ended, sentence: RegExp) => {
  assert.match(ended.err, sentence)
  assert.match(ended.err, /^[^\n]+\.\n$/)
  assert.strictEqual(ended.code, 1)
  assert.deepStrictEqual(fs.readdirSync(join(base, "destination")), [])
}

const bytesOnDisk = (path: string): number => fs.statSync(path).blocks * 512

describe("choices", () => {
  const tree = () => {
    for (const name of ["kept.ts", "sub/kept.ts", "sub/left.log", "node_modules/x/index.ts"]) write(join(source, name))
    fs.linkSync(join(source, "kept.ts"), join(source, "sub/again.ts"))
    fs.symlinkSync("../kept.ts", join(source, "sub/link.ts"))
  }
  const names = (): ReadonlyArray<string> => fs.readdirSync(copy, { recursive: true, encoding: "utf8" }).sort()

  it("--include and --exclude say what is copied", async () => {
    tree()
    const ended = await run(source, copy, "--exclude", "node_modules/", "--include", "*.ts", "--exclude", "sub/link.*")
    assert.deepStrictEqual([ended.code, ended.err], [0, ""])
    assert.deepStrictEqual(names(), ["kept.ts", "sub", "sub/again.ts", "sub/kept.ts"])
  })

  it("--links and --hard-links say what becomes of links", async () => {
    tree()
    assert.strictEqual((await run(source, copy, "--hard-links", "--links", "follow")).code, 0)
    assert.strictEqual(fs.statSync(join(copy, "kept.ts")).ino, fs.statSync(join(copy, "sub/again.ts")).ino)
    assert.isTrue(fs.lstatSync(join(copy, "sub/link.ts")).isFile())
    const refused = await run(source, `${copy}2`, "--links", "refuse")
    assert.strictEqual(refused.code, 1)
    assert.match(refused.err, /link\.ts" is a symbolic link, and those are to be refused\.\n$/)
    assert.isFalse(fs.existsSync(`${copy}2`))
  })

  it("--dry-run says what would be done, and does nothing", async () => {
    tree()
    const { code, err, out } = await run(source, copy, "--dry-run", "--hard-links")
    assert.deepStrictEqual([code, err], [0, ""])
    assert.deepStrictEqual(fs.readdirSync(join(base, "destination")), [])
    assert.include(out, `create   directory "${copy}"\n`)
    assert.include(out, `create   hard link "${join(copy, "sub/again.ts")}"\n`)
    assert.include(out, `create   link "${join(copy, "sub/link.ts")}"\n`)
    assert.include(out, "A dry run: nothing was written. Would copy 5 files, 4 directories, 1 link: 32 bytes.\n")
    write(join(copy, "kept.ts"), "older")
    const over = await run(source, copy, "--dry-run", "--overwrite")
    assert.strictEqual(over.code, 0)
    assert.include(over.out, `replace  file "${join(copy, "kept.ts")}", 8 bytes\n`)
    const refused = await run(source, copy, "--dry-run")
    assert.strictEqual(refused.code, 1)
    assert.strictEqual(refused.err, "1 thing would be refused.\n")
    assert.strictEqual(fs.readFileSync(join(copy, "kept.ts"), "utf8"), "older")
  })
})

describe("options", () => {
  it("--help says what is not copied", async () => {
    const { code, out } = await run("--help")
    assert.strictEqual(code, 0)
    for (
      const word of [
        "queue-depth",
        "concurrency",
        "chunk",
        "verify",
        "overwrite",
        "keep",
        "ACLs",
        "hard links",
        "exclude",
        "dry-run"
      ]
    ) {
      assert.include(out, word)
    }
  })

  it("--version tells it", async () => {
    assert.match((await run("--version")).out, /^\d+\.\d+\.\d+\s*$/)
  })

  it.each([
    [["--queue-depth", "0"], /--queue-depth takes a whole number from 1/],
    [["--concurrency", "many"], /--concurrency takes a whole number from 1/],
    [["--chunk", "1 parsec"], /--chunk takes a size/],
    [["--chunk", "1KiB", "--verify", "durable"], /multiple of 4096/],
    [["--chunk", "1GiB", "--queue-depth", "1000"], /of buffers/],
    [["--kernel", "linux"], /--kernel takes auto, win32 or portable/],
    [["--kernel", "win32"], /win32 kernel cannot be had here/],
    [["--verify", "twice"], /--verify takes none, read or durable/],
    [["--frobnicate"], /no option "--frobnicate"/]
  ])("%j is refused in one sentence", async (options, sentence) => {
    write(source)
    assertRefused(await run(source, copy, ...options), sentence)
  })

  it("SOURCE without DESTINATION is refused", async () => {
    assertRefused(await run(source), /both SOURCE and DESTINATION/)
  })

  it("a third argument is refused", async () => {
    assertRefused(await run(source, copy, "third"), /third/)
  })

  it.each(["65536", "64KiB", "64k", "0.5MiB", "1MiB"])("--chunk %s", async (chunk) => {
    write(source, noise(200_000))
    const ended = await run("--chunk", chunk, source, copy)
    if (chunk.includes(".")) assertRefused(ended, /--chunk takes/)
    else assertCopied(ended)
  })
})

describe("what is copied", () => {
  it("every kind of thing in a tree", async () => {
    write(join(source, "empty"), "")
    write(join(source, "one byte"), "x")
    write(join(source, "chunk"), noise(65_536))
    write(join(source, "chunk and a byte"), noise(65_537))
    write(join(source, "many chunks"), noise(1_000_003))
    write(join(source, "read-only"), "read-only", 0o444)
    write(join(source, "private"), "private", 0o600)
    write(join(source, "executable"), "#!/bin/sh", 0o755)
    write(join(source, "open to all"), "all", 0o666)
    write(join(source, "ünïcödé 日本語 🎉"))
    write(join(source, "new\nline\tand \"quotes\""))
    write(join(source, "x".repeat(255)))
    write(join(source, "ü".repeat(127)))
    write(join(source, ".hidden.partial"))
    fs.mkdirSync(join(source, "empty directory"))
    write(join(source, "a/b/c/d/e/f"))
    fs.symlinkSync("one byte", join(source, "link"))
    fs.symlinkSync("a/b", join(source, "link to a directory"))
    fs.symlinkSync("nowhere", join(source, "dangling link"))
    fs.symlinkSync("link to itself", join(source, "link to itself"))
    fs.symlinkSync("..", join(source, "a/b/link upwards"))
    fs.linkSync(join(source, "chunk"), join(source, "hard link"))
    fs.utimesSync(join(source, "one byte"), 1, 1_000_000_000.123456)
    fs.utimesSync(join(source, "a/b"), 1, 1_234_567_890.654321)
    fs.lutimesSync(join(source, "dangling link"), 1, 987_654_321)
    fs.chmodSync(join(source, "a/b/c"), 0o555)
    fs.chmodSync(join(source, "a/b"), 0o1777)
    fs.chmodSync(source, 0o750)
    const ended = await run("--chunk", "64KiB", source, copy)
    assertCopied(ended)
    assert.match(ended.out, /^Copied 16 files, 7 directories, 5 links: /)
    assert.match(ended.out, /^Verified: every file was read back/m)
    assert.notStrictEqual(fs.statSync(join(copy, "hard link")).ino, fs.statSync(join(copy, "chunk")).ino)
  })

  it("setuid and setgid are dropped", async () => {
    write(join(source, "setuid"), "#!/bin/sh", 0o6755)
    assertCopied(await run(source, copy))
    assert.strictEqual(fs.statSync(join(copy, "setuid")).mode & 0o7777, 0o755)
  })

  it("permission bits that the umask takes away", async () => {
    write(join(source, "a"), "a", 0o666)
    write(join(source, "b"), "b", 0o640)
    write(join(source, "c"), "c", 0o666)
    const [file = "", ...args] = ["sh", "-c", "umask 077; exec \"$@\"", "sh", process.execPath, program, source, copy]
    execFileSync(file, args)
    assert.deepStrictEqual(differences(source, copy), [])
  })

  it("a single file, also through a link", async () => {
    write(join(base, "real"), noise(100_000))
    fs.symlinkSync("real", source)
    assertCopied(await run(source, copy), join(base, "real"))
  })

  it("zeros as holes, and sizes beyond 4 GiB", async () => {
    const size = 4.5 * 2 ** 30
    const fd = fs.openSync(source, "w")
    for (const offset of [0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 1_000_000]) fs.writeSync(fd, "data", offset)
    fs.ftruncateSync(fd, size)
    fs.closeSync(fd)
    const ended = await run("--verify", "none", "--chunk", "4MiB", source, copy)
    assert.strictEqual(ended.code, 0)
    assert.strictEqual(fs.statSync(copy).size, size)
    assert.isBelow(bytesOnDisk(copy), 64 * 2 ** 20)
    const check = fs.openSync(copy, "r")
    for (const offset of [0, 2 ** 31 - 3, 2 ** 32 - 3, 2 ** 32 + 1_000_000]) {
      const bytes = Buffer.alloc(4)
      fs.readSync(check, bytes, 0, 4, offset)
      assert.strictEqual(bytes.toString(), "data")
    }
    fs.closeSync(check)
  }, 240_000)

  it.each(["none", "read", "durable"])("--verify %s", async (verify) => {
    write(join(source, "a/large"), noise(700_000))
    write(join(source, "small"))
    const ended = await run("--chunk", "64KiB", "--verify", verify, source, copy)
    assertCopied(ended)
    assert.match(ended.out, verify === "none" ? /^Not verified/m : /^Verified: every file/m)
    assert.strictEqual(ended.out.split("cannot read past the cache").length - 1, verify === "durable" ? 1 : 0)
  })

  it.each([[1, 1], [7, 3], [64, 64]])("--queue-depth %i --concurrency %i", async (depth, concurrency) => {
    for (let i = 0; i < 20; i++) write(join(source, `${i}`), noise(i * 10_000))
    const bounds = ["--queue-depth", `${depth}`, "--concurrency", `${concurrency}`, "--chunk", "4KiB"]
    assertCopied(await run(...bounds, source, copy))
  })

  it("without arguments: the project's own node_modules, removed afterwards unless --keep", async () => {
    const project = join(base, "project")
    write(join(project, "package.json"), "{}")
    write(join(project, "node_modules/a/index.js"))
    write(join(project, "build/copy.mjs"), fs.readFileSync(program))
    const temporary = join(base, "temporary")
    fs.mkdirSync(temporary)
    const environment = { ...process.env, TMPDIR: temporary }
    const go = (...args: ReadonlyArray<string>) =>
      execFileSync(process.execPath, [join(project, "build/copy.mjs"), ...args], { env: environment, encoding: "utf8" })
    assert.match(go(), /^Copied 1 file, 2 directories: /m)
    assert.deepStrictEqual(fs.readdirSync(temporary), [])
    const kept = /^Kept: (.+)$/m.exec(go("--keep"))?.[1] ?? ""
    assert.deepStrictEqual(differences(join(project, "node_modules"), join(kept, "node_modules")), [])
  })
})

describe("--overwrite", () => {
  it("copies into what is there, and replaces files and links", async () => {
    write(join(source, "a/file"), "new")
    write(join(source, "fresh"), "new")
    fs.symlinkSync("new", join(source, "link"))
    fs.symlinkSync("new", join(source, "file to link"))
    write(join(source, "link to file"), "new")
    write(join(copy, "a/file"), "old")
    write(join(copy, "a/other"), "kept")
    write(join(copy, "file to link"), "old")
    fs.symlinkSync("old", join(copy, "link"))
    fs.symlinkSync("a/other", join(copy, "link to file"))
    const ended = await run("--overwrite", source, copy)
    assert.deepStrictEqual([ended.code, ended.err], [0, ""])
    // The two directories that were there keep their own times, as somebody else's would.
    const others = differences(source, copy).filter((one) => !/^"a?": modified is/.test(one))
    assert.deepStrictEqual(others, ["\"a/other\": is only in the copy"])
    assert.strictEqual(fs.readFileSync(join(copy, "a/other"), "utf8"), "kept")
  })

  it("never replaces a directory by a file, nor follows a link in the place of a directory", async () => {
    write(join(source, "thing"), "new")
    write(join(copy, "thing/inside"), "kept")
    const first = await run("--overwrite", source, copy)
    assert.match(first.err, /is a directory and cannot be replaced by a file/)
    fs.rmSync(copy, { recursive: true })
    fs.rmSync(source, { recursive: true })
    write(join(source, "directory/file"), "new")
    const outside = join(base, "outside")
    fs.mkdirSync(outside)
    fs.mkdirSync(copy)
    fs.symlinkSync(outside, join(copy, "directory"))
    const second = await run("--overwrite", source, copy)
    assert.match(second.err, /is there and is not a directory/)
    assert.deepStrictEqual(fs.readdirSync(outside), [])
  })

  it("a failure removes what was made, and says how much was replaced", async () => {
    for (let i = 0; i < 10; i++) write(join(source, `${i}`), "new")
    write(join(source, "z"), noise(50_000_000))
    write(join(copy, "3"), "old")
    write(join(copy, "z/in the way"), "kept")
    const ended = await run("--overwrite", "--concurrency", "1", source, copy)
    assert.strictEqual(ended.code, 1)
    const left = fs.readdirSync(copy)
    assert.include(left, "z")
    assert.isTrue(left.every((name) => name === "3" || name === "z"), left.join())
    if (fs.readFileSync(join(copy, "3"), "utf8") === "new") {
      assert.match(ended.out, /1 file had been replaced and cannot be restored/)
    }
  })
})

describe("bad input is refused in one sentence, and leaves nothing behind", () => {
  it("a source that is missing", async () => {
    assertRefused(await run(source, copy), /There is no ".*source" to copy/)
  })

  it("a destination whose directory is missing", async () => {
    write(source)
    assertRefused(await run(source, join(base, "destination/no/copy")), /Cannot use the directory/)
  })

  it.each(["a directory", "a file", "a dangling link"])("a destination that is %s already", async (what) => {
    write(join(source, "file"))
    if (what === "a directory") fs.mkdirSync(copy)
    else if (what === "a file") write(copy, "old")
    else fs.symlinkSync("nowhere", copy)
    const before = fs.readdirSync(copy.slice(0, -"/copy".length), { recursive: true })
    const ended = await run(source, copy)
    assert.match(ended.err, /exists already/)
    assert.strictEqual(ended.code, 1)
    assert.deepStrictEqual(fs.readdirSync(join(base, "destination"), { recursive: true }), before)
  })

  it("a file in the place of a single file", async () => {
    write(source, "new")
    write(copy, "old")
    const ended = await run(source, copy)
    assert.match(ended.err, /already/)
    assert.strictEqual(fs.readFileSync(copy, "utf8"), "old")
    assert.deepStrictEqual(fs.readdirSync(join(base, "destination")), ["copy"])
  })

  it("the destination inside the source, also by way of links", async () => {
    write(join(source, "sub/file"))
    fs.symlinkSync(join(source, "sub"), join(base, "way in"))
    for (const destination of [join(source, "copy"), join(source, "sub/copy"), join(base, "way in/copy")]) {
      assertRefused(await run(source, destination), /The destination .* is inside the source/)
    }
    assert.deepStrictEqual(fs.readdirSync(source, { recursive: true }).sort(), ["sub", "sub/file"])
  })

  it("the source inside the destination, and the source as its own destination", async () => {
    write(join(source, "sub/file"))
    fs.symlinkSync("source", join(base, "alias"))
    assertRefused(await run("--overwrite", join(source, "sub"), source), /The source .* is inside the destination/)
    assertRefused(await run("--overwrite", source, source), /are the same/)
    assertRefused(await run("--overwrite", source, join(base, "alias")), /are the same/)
    assertRefused(await run("--overwrite", join(source, "sub/file"), join(base, "alias/sub/file")), /are the same/)
  })

  it("a FIFO", async () => {
    write(join(source, "file"))
    execFileSync("mkfifo", [join(source, "pipe")])
    assertRefused(await run(source, copy), /pipe" is a FIFO, which cannot be copied/)
  })

  it("a socket", async () => {
    fs.mkdirSync(source)
    const server = createServer().listen(join(source, "socket"))
    await new Promise((resolve) => server.once("listening", resolve))
    const ended = await run(source, copy)
    await new Promise((resolve) => server.close(resolve))
    assertRefused(ended, /is a socket, which cannot be copied/)
  })

  it("a device", async () => {
    assertRefused(await run("/dev/zero", copy), /is a device, which cannot be copied/)
  })

  it("names that are not UTF-8, of files and in links", async () => {
    fs.mkdirSync(source)
    fs.writeFileSync(Buffer.concat([Buffer.from(`${source}/caf`), Buffer.from([0xe9])]), "")
    assertRefused(await run(source, copy), /a name that is not UTF-8, "caf\\xe9"/)
    fs.rmSync(source, { recursive: true })
    write(join(source, "with a replacement character \ufffd"))
    assertCopied(await run(source, copy))
    fs.rmSync(copy, { recursive: true })
    fs.symlinkSync(Buffer.from([0xe9]), join(source, "link"))
    assertRefused(await run(source, copy), /points to a name that is not UTF-8/)
  })

  it.skipIf(!isRoot || !has("setpriv"))("what the user may not read [needs root and setpriv]", async () => {
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    write(join(source, "a"))
    const secret = write(join(source, "secret"), "secret", 0o600)
    for (let i = 0; i < 50; i++) write(join(source, `z${i}`))
    assertRefused(await start([source, copy], asNobody).ended, /Cannot read ".*secret": permission denied/)
    fs.rmSync(secret)
    fs.mkdirSync(join(source, "directory"), { mode: 0o700 })
    assertRefused(await start([source, copy], asNobody).ended, /Cannot read the directory .* permission denied/)
    fs.rmSync(join(source, "directory"), { recursive: true })
    fs.chmodSync(join(base, "destination"), 0o755)
    assertRefused(await start([source, copy], asNobody).ended, /Cannot make the directory .* permission denied/)
  })

  it.skipIf(!isRoot || !has("setpriv"))(
    "a user without rights copies what is read-only [needs root and setpriv]",
    async () => {
      write(join(source, "closed/file"), "x", 0o444)
      fs.chmodSync(join(source, "closed"), 0o555)
      const ended = await start([source, copy], ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]).ended
      assertCopied(ended)
    }
  )

  it("a disk that is full", async (context) => {
    const disk = join(base, "disk")
    fs.mkdirSync(disk)
    if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk]).status !== 0) {
      context.skip("mounting a tmpfs is not permitted here")
    }
    try {
      write(join(source, "a/first"), noise(1_000_000))
      write(join(source, "b/second"), noise(8_000_000))
      const ended = await run(source, join(disk, "copy"))
      assert.match(ended.err, /^Cannot write ".*(first|second)": the disk is full \(ERROR_DISK_FULL\)\.\n$/)
      assert.strictEqual(ended.code, 1)
      assert.deepStrictEqual(fs.readdirSync(disk), [])
    } finally {
      execFileSync("umount", [disk])
    }
  })

  it.each(["longer", "shorter", "another"])("a source that becomes %s while it is copied", async (change) => {
    write(join(source, "file"), noise(64_000_000))
    const { child, ended } = start(["--queue-depth", "1", "--chunk", "16KiB", source, copy])
    await untilPartial(copy)
    child.kill("SIGSTOP")
    if (change === "longer") fs.appendFileSync(join(source, "file"), "more")
    else if (change === "shorter") fs.truncateSync(join(source, "file"), 1_000_000)
    else {
      write(join(source, "new"), noise(64_000_000))
      fs.renameSync(join(source, "new"), join(source, "file"))
    }
    child.kill("SIGCONT")
    assertRefused(await ended, /file" has changed while it was being read/)
  })

  it("a copy that does not read back as it was written", async () => {
    write(join(source, "file"), noise(64_000_000))
    const { child, ended } = start(["--queue-depth", "1", "--chunk", "16KiB", source, copy])
    const partial = await untilPartial(copy)
    while (fs.statSync(partial).size < 64_000_000) await sleep(1)
    child.kill("SIGSTOP")
    const fd = fs.openSync(partial, "r+")
    fs.writeSync(fd, "X", 63_999_990)
    fs.closeSync(fd)
    child.kill("SIGCONT")
    assertRefused(await ended, /What was read back from ".*file" is not what was written/)
  })
})

/** The path of the partial file, once there is one with something in it. */
const untilPartial = async (directory: string): Promise<string> => {
  for (;;) {
    const names = fs.existsSync(directory) ? fs.readdirSync(directory) : []
    const partial = names.find((name) => name.endsWith(".partial"))
    if (partial !== undefined && fs.statSync(join(directory, partial)).size > 0) return join(directory, partial)
    await sleep(1)
  }
}

describe("signals", () => {
  it("Ctrl-C at several moments of a large file", async () => {
    const lines: Array<string> = []
    const say = (line: string) => lines.push(line)
    const moments = [0, 0.5, 1, 1.05]
    const counts = await interruptAll({ program, mib: 96, moments, say })
    assert.deepStrictEqual(counts, { passed: moments.length, failed: 0 }, lines.join("\n"))
  })

  it("Ctrl-C in a tree keeps the files that are complete, and says how many", async () => {
    for (let i = 0; i < 3000; i++) write(join(source, `${i % 30}/${i}`), `${i}`)
    fs.mkdirSync(join(source, "empty"))
    const { child, ended } = start([source, copy])
    while (!fs.existsSync(join(copy, "0/30"))) await sleep(1)
    child.kill("SIGINT")
    const { code, out } = await ended
    assert.strictEqual(code, 130)
    assert.match(out, /in flight 0\): balanced\.$/m)
    const names = fs.readdirSync(copy, { recursive: true, encoding: "utf8" })
    const files = names.filter((name) => fs.statSync(join(copy, name)).isFile())
    assert.deepStrictEqual(files.filter((name) => name.endsWith(".partial")), [])
    assert.isFalse(fs.existsSync(join(copy, "empty")))
    assert.strictEqual(
      /^Interrupted\. ([\d,]+) files? (?:is|are) complete/m.exec(out)?.[1]?.replace(",", ""),
      `${files.length}`
    )
    for (const name of files) assert.strictEqual(fs.readFileSync(join(copy, name), "utf8"), name.split("/")[1])
  })

  it("Ctrl-C during the walk", async () => {
    for (let i = 0; i < 300; i++) fs.mkdirSync(join(source, `${i}`), { recursive: true })
    const { child, ended } = start([source, copy])
    await sleep(150)
    child.kill("SIGINT")
    const { code } = await ended
    assert.include([130, "SIGINT"], code)
    assert.isFalse(fs.existsSync(copy))
  })

  it("SIGTERM ends it like Ctrl-C, with exit code 143", async () => {
    write(source, noise(64_000_000))
    const { child, ended } = start(["--queue-depth", "1", "--chunk", "16KiB", source, copy])
    await untilPartial(join(base, "destination"))
    child.kill("SIGTERM")
    const { code, out } = await ended
    assert.strictEqual(code, 143)
    assert.match(out, /balanced\.$/m)
    assert.deepStrictEqual(fs.readdirSync(join(base, "destination")), [])
  })

  it("a second signal leaves at once, and names what is left", async () => {
    write(source, noise(64_000_000))
    const { child, ended } = start(["--queue-depth", "1", "--chunk", "16KiB", source, copy])
    const partial = await untilPartial(join(base, "destination"))
    child.kill("SIGSTOP")
    child.kill("SIGINT")
    child.kill("SIGTERM")
    child.kill("SIGCONT")
    const { code, err } = await ended
    assert.include([130, 143], code)
    assert.match(err, /^Leaving at once\. Partial files are left:\n/)
    assert.include(err, partial)
  })

  it("a reader of the output that goes away does not stop it", async () => {
    write(source, noise(10_000))
    const { child, ended } = start([source, copy])
    child.stdout.destroy()
    assert.strictEqual((await ended).code, 0)
    assert.deepStrictEqual(differences(source, copy), [])
  })
})

describe("progress", () => {
  it("is plain lines, at most one in two seconds, where there is no terminal", async () => {
    write(source, noise(64_000_000))
    const before = Date.now()
    const { out } = await run("--queue-depth", "1", "--chunk", "2KiB", source, copy)
    const lines = out.split("\n").filter((line) => line.includes(" left"))
    assert.isAtMost(lines.length, (Date.now() - before) / 2000)
    assert.notInclude(out, "\x1b")
  })

  it.skipIf(!has("script"))("is a bar on a terminal, and the cursor comes back [needs script]", () => {
    write(source, noise(64_000_000))
    const words = [process.execPath, program, "--queue-depth", "1", "--chunk", "4KiB", source, copy]
    const command = `stty cols 70; ${words.map((word) => `'${word}'`).join(" ")}`
    const { stdout } = spawnSync("script", ["-qec", command, "/dev/null"], { encoding: "utf8" })
    assert.match(stdout, /\r\x1b\[2K\[█*░*\] +\d+ % {2}/)
    assert.strictEqual(stdout.split("\x1b[?25l").length, 2)
    assert.isAbove(stdout.indexOf("\x1b[?25h"), stdout.lastIndexOf("\x1b[?25l"))
    for (const drawn of stdout.split("\r\x1b[2K").slice(1)) {
      assert.isBelow(drawn.split("\r")[0]!.split("\n")[0]!.replace(/\x1b\[[^a-z]*[a-z]/gi, "").length, 70)
    }
  })
})
