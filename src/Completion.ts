/**
 * The result of an operation that succeeded.
 *
 * @since 0.1.0
 */

/**
 * The success of one overlapped operation.
 *
 * @since 0.1.0
 * @category models
 */
export interface Completion {
  /** Bytes transferred, as the system counted them. */
  readonly bytesTransferred: number
  /**
   * A read found nothing more: the end of the file (38 `ERROR_HANDLE_EOF`), or a pipe whose other end is gone (109,
   * 232, 233). End of file is data, not an error.
   */
  readonly endOfFile: boolean
  /**
   * The Win32 status: 0; 38, 109, 232 or 233 at the end; 234 (`ERROR_MORE_DATA`) when a message is longer than the
   * buffer.
   */
  readonly status: number
  /** It completed inside the initiating call (skip mode), without a callback. */
  readonly inline: boolean
  /**
   * `CancelIoEx` was asked for, by `cancelAll` or an interrupted `cancellable`, and lost the race, wholly or in part.
   */
  readonly cancelRequested: boolean
}
