/** The caller broke a rule of CONTRACT.md: on Windows this would corrupt memory, crash or hang. */
export class ContractViolation extends Error {
  override readonly name = "ContractViolation"

  constructor(readonly rule: number, sentence: string) {
    super(`${sentence} (rule ${rule})`)
  }
}
