// Loads one module of the build with a mistake in it.
import { mutate, mutations } from "./list.mjs"

const mutation = mutations[Number(process.env.TPIO_MUTATION)]

export const load = async (url, context, next) => {
  const loaded = await next(url, context)
  if (mutation === undefined || !url.endsWith(`/src/${mutation.file}.js`)) return loaded
  const source = mutate(String(loaded.source), mutation)
  if (source === undefined) throw new Error(`the place of this mutation is not there: ${mutation.name}`)
  return { ...loaded, source }
}
