/* Signs somebody in to the backend of an example, which believes whoever says a name, and prints the token.
 *
 *   node scripts/lib/demo-sign-in.ts BACKEND-URL LOGIN
 */

import { argv } from 'node:process'

const [backend, user] = argv.slice(2)
const response = await fetch(`${backend}/api/session`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ user }),
  signal: AbortSignal.timeout(15_000),
})
const answer = (await response.json()) as { token?: string; error?: string }
if (answer.token === undefined) throw new Error(`${backend} does not sign ${user} in: ${answer.error ?? response.status}`)
console.log(answer.token)
