// Waiting for something to be so. No test sleeps for its own sake.

/** Machines that run tests are busy: long enough that only what never comes runs into it. */
export const DEADLINE_MS = 45_000
const POLL_MS = 10

/** Resolves with the first truthy answer of `condition`; rejects, saying what was waited for. */
export async function until(what, condition, deadlineMs = DEADLINE_MS) {
  const end = Date.now() + deadlineMs
  for (;;) {
    const answer = await condition()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
