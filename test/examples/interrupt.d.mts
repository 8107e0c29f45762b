/** Interrupts copies at these moments: parts of the file, or, above 1, seconds into the verification. */
export declare const interruptAll: (options: {
  readonly program?: string
  readonly kernel32?: boolean
  readonly mib?: number
  readonly moments?: ReadonlyArray<number>
  readonly say?: (line: string) => void
}) => Promise<{ readonly passed: number; readonly failed: number }>
