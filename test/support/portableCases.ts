/**
 * The portable kernel on Windows, as node.exe under Wine shows it: the cases that cannot be there, and why.
 */

type Row = readonly [file: string, cases: RegExp, reason: string]

const PIPES = "the portable kernel has no pipes where node knows no user ids: Unsupported, typed"
const MODES = "Windows has no permission bits"
const LINKS = "Wine makes no symbolic links"
const FIFOS = "there are no FIFOs, nor files of devices"
const HELD = "on Wine no Windows program can remove a directory that is watched"
const STAYS = "a name that Wine removes stays until the last handle of its file is closed"
const TIMES = "on Wine node sets no time of the last access, and reads a time before 1970 as unsigned"
const CODES = "the errors of node on Windows are others"
const KERNEL32 = "kernel32 is there"
const SLASHES = "the paths that it makes up are those of POSIX"

const ALL = /./

export const cannotBe: ReadonlyArray<Row> = [
  ...["pipe", "pipeInterruption", "pipeMessages", "pipeProcess", "pipeStress", "socket"]
    .map((file): Row => [file, ALL, PIPES]),
  ["arguments", /three calls of each/, PIPES],
  ["devices", /writeAll of a pipe/, PIPES],
  ["interruptions", /on pipes and files/, PIPES],
  ["traces", /on a pipe/, PIPES],
  ["services", /a ManagedRuntime/, PIPES],
  ["telemetry", /connections of pipes/, PIPES],
  ["errors", /that the platform does not have is Unsupported/, KERNEL32],

  ["open", /noFollow fails on a symbolic link/, LINKS],
  ["file", /sets the permission bits/, MODES],
  ["file", /keeps the time|leaves alone what it is not told/, TIMES],
  ["pipeline", /carries over contents of every size, times, and on POSIX permissions/, MODES],
  ["pipeline", /copies links as links/, LINKS],
  ["leftovers", /a link in the place of/, LINKS],
  ["leftovers", /must not be (searched|read)/, MODES],
  ["leftovers", /another copy has taken in that moment/, STAYS],
  ["refusals", /that one may not look into/, MODES],
  ["owner", /that are links, directories/, LINKS],
  [
    "setinfo",
    /gives it another name, with what is in it|again and again|names outside ASCII|under its latest name/,
    STAYS
  ],

  ["portable", /refuses what is no regular file/, FIFOS],
  ["portable", /every name that cannot be opened/, CODES],
  ["portable", /OPEN_REPARSE_POINT|moves a symbolic link itself|removes a file or a link/, LINKS],
  ["portable", /gives a new file its mode|make it read-only and writable again/, MODES],
  ["portable", /set times to the microsecond|for the sake of the other|tell what it is, and follow its length/, TIMES],

  ["threads", /does what libuv's does|has everything of its source but setuid/, MODES],
  ["threads", /touches nothing that has its name/, LINKS],

  ["pipeline", /says it has made a link and has not/, LINKS],
  ["pipeline", /does not tell upper case from lower/, "Wine tells upper case from lower itself"],
  ["directory-filesystem", /of a link to a file/, LINKS],
  ["directory-filesystem", /fails as a PlatformError/, HELD],

  ["held", /a room of directories|an error says (> )?(the user's path|it in all)/, SLASHES],
  ["fileSystem-own", /comes whole among the appends/, "Wine looks where the end is, and then writes there"],
  ["fileSystem-names", /symlink at a name that is taken/, LINKS],
  ["fileSystem-names", /utimes, and the time of the last access/, TIMES],
  ["fileSystem-names", /truncate of a file that is read/, CODES],
  [
    "fileSystem-contents",
    /stat of an open file/,
    "the portable kernel tells how many blocks a file takes, kernel32 does not"
  ],
  ["times", /keeps the whole microseconds/, TIMES],
  ["tree", /works on Windows/, "no git runs among Windows' programs here"],

  ["watchThread", /and leaves no watcher/, HELD],
  ["directory", /recursively, of directories that come|when the directory is removed/, HELD]
]

/** The row for a case of a file of tests, by its name with those of its suites. */
export const rowFor = (file: string, name: string): Row | undefined =>
  cannotBe.find(([of, cases]) => `${of}.test.js` === file && cases.test(name))
