/* Keys at a URL, with a real server: before they come, when they come, of each kind, and when the issuer is gone. */

import assert from 'node:assert/strict'
import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { backend, type Said } from './lib/backend.ts'
import { bearer, mint, within } from './lib/jwt.ts'
import { config, serve, subscribe } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

interface Issuer {
  kid: string
  alg: string
  key: KeyObject
  jwk: Record<string, unknown>
}

function issuer(kid: string, alg: string): Issuer {
  const pair =
    alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : alg.startsWith('ES')
        ? generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' })
        : generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, alg, key: pair.privateKey, jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } }
}

function token({ kid, alg, key }: Issuer, claims: Record<string, unknown> = {}): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg, kid })}.${part({ sub: '7', exp: within(600), ...claims })}`
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`
  const signature = sign(hash, Buffer.from(text), {
    key,
    dsaEncoding: 'ieee-p1363',
    ...(alg.startsWith('PS') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : {}),
  })
  return `${text}.${signature.toString('base64url')}`
}

const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'EdDSA']

test('tokens of every kind are good once the keys have come, and the last keys outlive their issuer and a reload', async (t) => {
  const issuers = ALGORITHMS.map((alg) => issuer(`key of ${alg}`, alg))
  const keys: Said = { status: 200, body: { keys: [{ kty: 'oct', k: 'AAAA' }, { kty: 'new' }, ...issuers.map(({ jwk }) => jwk)] } }
  const nothing: Said = { status: 503 }
  const application = await backend(t, () => nothing)
  const settings = config({ auth: { jwt: { jwks_url: application.url('/keys') }, scopes: ['user:{sub}'] } })
  const server = await serve(t, settings)
  const first = token(issuers[0] as Issuer)

  /* Nobody can say yet whether it is good: come back. */
  await application.askedTimes(1)
  const early = await server.ask('/v1/stream?scope=user:7', { headers: bearer(first) })
  assert.equal(early.status, 503)
  assert.ok(early.headers.has('retry-after'))
  await server.line(/jwks: http:\S+ cannot be read: it answers with 503; nobody with a token can be let in/)

  application.answer = () => keys
  await poll('the keys', async () => (await server.metric('unstale_auth_keys')) === ALGORITHMS.length)
  /* An unknown name, so soon after they came, is just unknown. */
  assert.equal((await server.ask('/v1/stream?scope=user:7', { headers: bearer(token({ ...(issuers[0] as Issuer), kid: 'invented' })) })).status, 401)
  await server.line(/2 of its keys cannot be used: key 0: it is a secret/)
  for (const one of issuers) {
    const stream = await subscribe(t, server, { scopes: ['user:7'], headers: bearer(token(one)) })
    await stream.opened()
    /* With the name of another key it is not. */
    for (const other of issuers)
      if (other !== one) assert.equal((await server.ask('/v1/stream?scope=user:7', { headers: bearer(token({ ...one, kid: other.kid })) })).status, 401, `${one.alg} as ${other.kid}`)
  }
  assert.equal((await server.ask('/v1/stream?scope=user:7', { headers: bearer(mint({ sub: '7', exp: within(600) })) })).status, 401)

  /* The issuer is gone, and the configuration is read again. */
  const stays = await subscribe(t, server, { scopes: ['user:7'], headers: bearer(first) })
  await stays.opened()
  application.answer = () => nothing
  writeFileSync(server.file, JSON.stringify({ ...settings, limits: { ...settings.limits, heartbeat: '20s' } }))
  server.child.kill('SIGHUP')
  await poll('a reload', async () => (await server.metric('unstale_reloads_total{result="applied"}')) === 1)
  await poll('that they cannot be read', async () => (await server.metric('unstale_auth_keys_stale')) === 1)
  assert.equal(await server.metric('unstale_auth_keys'), ALGORITHMS.length)
  await (await subscribe(t, server, { scopes: ['user:7'], headers: bearer(token(issuers[8] as Issuer)) })).opened()
  await server.mark('user:7', ['still'])
  assert.deepEqual((await stays.next('stale')).data.keys, [['still']])
  /* Whether a name is unknown cannot be said now. */
  assert.equal((await server.ask('/v1/stream?scope=user:7', { headers: bearer(token({ ...(issuers[0] as Issuer), kid: 'invented' })) })).status, 503)
})
