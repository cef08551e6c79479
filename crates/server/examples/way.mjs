// A video goes in, is packaged, and plays; with JavaScript (Node.js 20, or any browser but for the reading of files).
// usage: REELPACK_URL=http://127.0.0.1:5000 REELPACK_TOKEN_FILE=token.txt node way.mjs FILE
import { openAsBlob, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const api = `${process.env.REELPACK_URL ?? 'http://127.0.0.1:5000'}/api/v1`
const tokenFile = process.env.REELPACK_TOKEN_FILE
// Where access is open, no token is needed.
const credentials = tokenFile ? { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` } : {}

// Errors are application/problem+json: programs decide by `code`, `errors` names each wrong field.
class Problem extends Error {
  constructor(problem) {
    super(`${problem.title}: ${problem.detail} (${problem.request_id})`)
    Object.assign(this, problem)
  }
}

async function ask(method, path, body, headers = {}) {
  const json = body !== undefined && !(body instanceof FormData)
  const answer = await fetch(api + path, {
    method,
    headers: { ...credentials, ...headers, ...(json && { 'content-type': 'application/json' }) },
    body: json ? JSON.stringify(body) : body,
  })
  const found = await answer.json()
  if (!answer.ok) throw new Problem(found)
  return found
}

// 1. Upload. Large files go by tus, which goes on after an interruption: POST /api/v1/uploads.
const form = new FormData()
form.set('file', await openAsBlob(process.argv[2]), basename(process.argv[2]))
const asset = await ask('POST', '/assets', form)
console.log(`asset ${asset.id}`)

// 2. Package. With a name of its own the request can be sent again when its answer was lost: it is done once.
const order = () =>
  ask('POST', `/assets/${asset.id}/packages`, { scheme: 'cbcs' }, { 'idempotency-key': `order-${asset.id}` })
let made = await order()
if ((await order()).id === made.id) console.log(`package ${made.id}`)

// 3. Wait. `percent` and `seconds_left` say how far it is; GET /api/v1/events tells without being asked.
while (!['Ready', 'Failed'].includes(made.status)) {
  await wait(1000)
  made = await ask('GET', `/packages/${made.id}`)
}

// 4. Play: the manifest names everything else, the licence server included.
const plays = async (url) => (await (await fetch(url)).text()).includes('<MPD')
if (await plays(made.dash_url)) console.log(`plays ${made.dash_url}`)

// 5. Signed playback: from now on, players need a token that runs out.
await ask('PUT', `/assets/${asset.id}/playback`, { policy: 'signed' })
const signed = await ask('POST', `/assets/${asset.id}/playback_tokens`, { expires_in: 600 })
if (await plays(signed.packages[0].dash_url)) console.log('plays with a token')
console.log(`without a token: ${(await fetch(made.dash_url)).status}`)

// 6. Errors.
try {
  await ask('POST', `/assets/${asset.id}/packages`, { scheme: 'rot13' })
} catch (problem) {
  console.log(`error ${problem.code} at ${problem.errors[0].pointer}`)
}
