/**
 * internal/fileSystem/text: the length of a text is known before a string is made of it.
 */
import { describe, expect, it } from "@effect/vitest"
import { decode } from "../../src/internal/fileSystem/text.js"

const encodings = [
  ...[
    "utf-8",
    "utf-16le",
    "utf-16be",
    "latin1",
    "ascii",
    "windows-1251",
    "iso-8859-7",
    "koi8-r",
    "macintosh",
    "ibm866"
  ],
  ...["gbk", "gb18030", "big5", "euc-jp", "iso-2022-jp", "shift_jis", "euc-kr"]
]

/** The same numbers in every run. */
const bytesOf = (seed: number, length: number, from = 0, to = 256): Uint8Array => {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return from + Math.floor(state / 2 ** 32 * (to - from))
  })
}

/** Bytes of every kind: what is text in the encoding, what looks like it, and what is broken off. */
const samples: ReadonlyArray<Uint8Array> = [
  ...Array.from({ length: 100 }, (_, seed) => bytesOf(seed, 1 + seed % 7)),
  ...Array.from({ length: 5 }, (_, seed) => bytesOf(seed, 500)),
  ...Array.from({ length: 5 }, (_, seed) => bytesOf(seed, 500, 0x80)),
  bytesOf(1, 500, 0x20, 0x7f),
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  Uint8Array.of(0xef, 0xbb, 0xbf, 0x41),
  Uint8Array.of(0xff, 0xfe, 0x41, 0),
  Uint8Array.of(0x1b, 0x24, 0x42, 0x24, 0x22, 0x1b, 0x28, 0x42),
  Buffer.from("naïve ☃ 🎈 \ud83c".repeat(20)),
  Buffer.from("naïve ☃ 🎈".repeat(20), "utf16le")
]

describe("a text that may be longer than a string can be", () => {
  for (const encoding of encodings) {
    it(`${encoding} makes no more characters than there are bytes`, () => {
      const grown = samples.filter((bytes) => new TextDecoder(encoding).decode(bytes).length > bytes.length)
      expect(grown).toEqual([])
    })

    it(`${encoding} is read in pieces as it is at once, when it fits exactly, and refused when one character does not`, () => {
      const wrong = samples.filter((bytes) => {
        const text = new TextDecoder(encoding).decode(bytes)
        const inPieces = (most: number, piece: number) => decode(new TextDecoder(encoding), bytes, most, piece)
        return [64, 301].some((piece) =>
          // A text that is not longer in bytes is decoded at once.
          (text.length < bytes.length && inPieces(text.length, piece) !== text) ||
          (text.length > 0 && inPieces(text.length - 1, piece) !== undefined)
        ) || inPieces(bytes.length, 64) !== text
      })
      expect(wrong).toEqual([])
    })
  }
})
