/**
 * Mistakes that do not compile. Compiled, never run.
 */
import * as Effect from "effect/Effect"
import {
  type BufferPool,
  CallbackEnvironment,
  type CleanupGroup,
  type Completion,
  File,
  Handle,
  Kernel,
  type Ledger,
  Operation,
  type Threadpool,
  ThreadpoolIo
} from "../../src/index.js"
import * as library from "../../src/index.js"

declare const file: File.File
declare const io: ThreadpoolIo.ThreadpoolIo
declare const buffer: Uint8Array

type Forbidden = `${"Start" | "Cancel" | "Wait" | "Close"}${string}` | "start" | "cancel" | "wait"
type Library = typeof library
type Found = { readonly [Module in keyof Library]: Extract<keyof Library[Module], Forbidden> }[keyof Library]

/** There is nothing to call Start, Cancel, Wait or Close with, in any module. */
export const none: [Found] extends [never] ? true : Found = true

export const noWayToStartCancelWaitOrClose = (): void => {
  // @ts-expect-error not in the index
  void library.StartThreadpoolIo
  // @ts-expect-error not in the index
  void library.CancelThreadpoolIo
  // @ts-expect-error not in the index
  void library.WaitForThreadpoolIoCallbacks
  // @ts-expect-error not in the index
  void library.CloseThreadpoolIo
  // @ts-expect-error not on the module
  void ThreadpoolIo.start
  // @ts-expect-error not on the module
  void ThreadpoolIo.cancel
  // @ts-expect-error not on the module
  void ThreadpoolIo.wait
  // @ts-expect-error a ThreadpoolIo has no methods but `pipe`
  void io.submit
  // @ts-expect-error a ThreadpoolIo is not closed by hand
  void io.close
  // @ts-expect-error a File is not closed by hand
  void file.close
}

export const aFileTakesSafeOperationsOnly = (): void => {
  const unsafe = Operation.unsafeMake({ syscall: "DeviceIoControl", issue: () => 0 })
  void ThreadpoolIo.submit(io, unsafe)
  // @ts-expect-error an unsafe operation goes to ThreadpoolIo.submit
  void File.submit(file, unsafe)
  // @ts-expect-error likewise data-last
  void file.pipe(File.submit(unsafe))
  // @ts-expect-error whether it is safe is not known
  void File.submit(file, unsafe as Operation.Operation)
}

export const anOperationIsMadeByItsConstructors = (): void => {
  // @ts-expect-error a look-alike is none
  void ThreadpoolIo.submit(io, { _tag: "Read", buffer, offset: 0 })
  // @ts-expect-error a buffer is needed
  void Operation.read({ offset: 0 })
  // @ts-expect-error an append has no offset
  void Operation.append({ buffer, offset: 0 })
  // @ts-expect-error an offset is a number or a bigint
  void Operation.read({ buffer, offset: "0" })
  // @ts-expect-error memory is bytes
  void Operation.read({ buffer: new Uint16Array(8) })
  // @ts-expect-error memory is bytes
  void Operation.read({ buffer: new ArrayBuffer(8) })
  // @ts-expect-error `issue` answers a status
  void Operation.unsafeMake({ syscall: "x", issue: () => Effect.void })
  // @ts-expect-error what is not asked for is not taken
  void Operation.read({ buffer, offest: 0 })
}

export const aControlCodeIsVouchedFor = (): void => {
  void Operation.deviceIoControl({ code: "FSCTL_GET_COMPRESSION", output: buffer })
  void Operation.deviceIoControl({ code: Operation.unsafeIoControlCode({ name: "MINE", code: 0x9003c }) })
  // @ts-expect-error nobody vouches for a number
  void Operation.deviceIoControl({ code: 0x9003c, output: buffer })
  // @ts-expect-error its input holds a handle
  void Operation.deviceIoControl({ code: "FSCTL_MOVE_FILE", input: buffer })
  // @ts-expect-error a look-alike is none
  void Operation.deviceIoControl({ code: { _tag: "IoControlCode", name: "MINE", code: 0x9003c } })
  // @ts-expect-error what comes out takes memory that the kernel may write to
  void File.deviceIoControl(file, { code: "FSCTL_GET_COMPRESSION", output: "2" })
}

export const aLockHasAnEnd = (): void => {
  void File.withLock(file, { offset: 0, length: 10n, exclusive: false, wait: false }, Effect.void)
  // @ts-expect-error it needs the Scope that gives it back
  Effect.runFork(File.lock(file, {}))
  // @ts-expect-error nothing to run under the lock
  void File.withLock(file, {}, () => {})
  // @ts-expect-error there is no such option
  void File.withLock(file, { shared: true }, Effect.void)
}

export const aNumberIsNoHandle = (): void => {
  void ThreadpoolIo.make(Handle.make(0x1a4))
  // @ts-expect-error a plain number is no Handle
  void ThreadpoolIo.make(0x1a4)
  // @ts-expect-error a file descriptor of the same number is none either
  void ThreadpoolIo.make(process.stdin.fd)
  // @ts-expect-error a bigint is none
  void Handle.make(4n)
}

export const whatIsHandedOutCannotBeChanged = (
  completion: Completion,
  ledger: Ledger.Ledger,
  stat: File.Stat,
  pooled: BufferPool.PoolBuffer
): void => {
  // @ts-expect-error readonly
  completion.bytesTransferred = 0
  // @ts-expect-error readonly
  ledger.started = 0
  // @ts-expect-error readonly
  stat.size = 0n
  // @ts-expect-error readonly
  pooled.bytes = buffer
  // @ts-expect-error readonly
  file.path = "another"
  // @ts-expect-error readonly
  io.handle = Handle.make(4)
}

export const optionsAreClosed = (): void => {
  // @ts-expect-error there is no such access
  void File.open("a", { access: "appendwrite" })
  // @ts-expect-error there is no such disposition
  void File.open("a", { disposition: "create" })
  // @ts-expect-error a misspelling
  void File.open("a", { writethrough: true })
  // @ts-expect-error there is no such share
  void File.open("a", { share: ["execute"] })
  // @ts-expect-error an offset is needed: a file has no cursor
  void File.read(file, buffer)
  // @ts-expect-error times are bigints
  void File.setBasicInfo(file, { modifiedTimeNs: Date.now() })
  // @ts-expect-error a kernel is not a File
  void File.size(Kernel.Kernel)
  // @ts-expect-error a ThreadpoolIo is not a File
  void File.read(io, buffer, 0)
}

export const thereIsNoCallbackToGive = (): void => {
  const handle = Handle.make(4)
  // @ts-expect-error the callback is the library's own: none can be NULL
  void ThreadpoolIo.make(handle, null)
  // @ts-expect-error likewise
  void ThreadpoolIo.make(handle, () => {})
  // @ts-expect-error the callback of BindIoCompletionCallback is the library's own, too
  void ThreadpoolIo.bind(handle, null)
  // @ts-expect-error its flags must be zero
  void ThreadpoolIo.bind(handle, { flags: 1 })
  // @ts-expect-error it takes handles over, and borrows none
  void ThreadpoolIo.bind(handle, { owned: false })
  // @ts-expect-error a finalization callback would run after everything has been closed
  void CallbackEnvironment.make({ finalizationCallback: () => {} })
  // @ts-expect-error nor is there one for the members of a group
  void CallbackEnvironment.make({ cleanupGroup: true, cleanupGroupCancelCallback: () => {} })
}

export const poolsAreNotClosedByHand = (
  threadpool: Threadpool.Threadpool,
  group: CleanupGroup.CleanupGroup,
  environment: CallbackEnvironment.CallbackEnvironment
): void => {
  // @ts-expect-error a pool is closed by its scope
  void threadpool.close
  // @ts-expect-error a group closes its members when its scope closes
  void group.closeMembers
  // @ts-expect-error an environment is destroyed by its scope
  void environment.destroy
  // @ts-expect-error what looks like a pool is none
  void CallbackEnvironment.make({ threadpool: { pool: 1234 } })
  // @ts-expect-error there are three priorities
  void CallbackEnvironment.make({ priority: "urgent" })
  // @ts-expect-error a pool is no environment
  void CallbackEnvironment.provide(File.remove("a"), threadpool)
}
