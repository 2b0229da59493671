/* What a test leaves behind, removed in the opposite order of its making. */

import type { TestContext } from 'node:test'

type Step = () => void | Promise<void>

const steps = new WeakMap<TestContext, Step[]>()

export function cleanup(t: TestContext, step: Step): void {
  const known = steps.get(t)
  if (known) {
    known.push(step)
    return
  }
  const all = [step]
  steps.set(t, all)
  t.after(async () => {
    let first: unknown
    for (let last = all.pop(); last; last = all.pop()) {
      try {
        await last()
      } catch (error) {
        first ??= error
      }
    }
    if (first !== undefined) throw first
  })
}
