/**
 * Skips the cases that cannot be on the portable kernel on Windows, each with its reason: a set-up of vitest's for that
 * lane.
 */
import { basename } from "node:path"
import { beforeEach, type TestContext } from "vitest"
import { rowFor } from "./portableCases.js"

declare module "vitest" {
  interface TaskMeta {
    /** Why a case cannot be here. */
    cannotBe?: string
  }
}

const nameOf = ({ name, suite }: TestContext["task"] | NonNullable<TestContext["task"]["suite"]>): string =>
  suite === undefined || suite.name === "" ? name : `${nameOf(suite)} > ${name}`

beforeEach(({ skip, task }) => {
  const reason = rowFor(basename(task.file.filepath), nameOf(task))?.[2]
  if (reason === undefined) return
  task.meta.cannotBe = reason
  skip(reason)
})
