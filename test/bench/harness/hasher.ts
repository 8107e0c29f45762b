// Keeps a processor busy: `node hasher.js SIGN` makes the file SIGN and hashes until somebody removes it.
import { createHash } from "node:crypto"
import { existsSync, writeFileSync } from "node:fs"

const [sign = ""] = process.argv.slice(2)
const block = Buffer.alloc(1 << 20)
writeFileSync(sign, "")
while (existsSync(sign)) {
  for (let i = 0; i < 32; i++) createHash("sha256").update(block).digest()
}
