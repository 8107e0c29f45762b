/** The caller broke a rule of docs/CONTRACT.md: on Windows this would corrupt memory, crash or hang. */
export class ContractViolation extends Error {
  override readonly name = "ContractViolation"
  /** The operations that the kernel had at that moment, where a kernel knows them by name. */
  inFlight: ReadonlyArray<string> = []

  constructor(readonly rule: number, sentence: string) {
    super(`${sentence} (rule ${rule})`)
  }
}
