/* `unstale token`, judged by another implementation: what is signed, what stands in it, and what is refused. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { binary, config, directory, serve, subscribe } from './lib/unstale.ts'
import { PATIENCE } from './lib/wait.ts'

const SECRET = 'a secret of more than sixty-four bytes, which is what HS512 asks for at least'

function mint(dir: string, ...args: string[]): { code: number | null; out: string; err: string } {
  const ran = spawnSync(binary, ['token', ...args], { cwd: dir, encoding: 'utf8', timeout: PATIENCE })
  assert.equal(ran.signal, null, ran.stderr)
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

interface Parts {
  header: Record<string, unknown>
  claims: Record<string, unknown>
}

/** Its parts, after its signature was checked. */
function open(token: string, hash = 'sha256'): Parts {
  const [header = '', claims = '', signature = ''] = token.trim().split('.')
  const expected = createHmac(hash, SECRET).update(`${header}.${claims}`).digest('base64url')
  assert.equal(signature, expected)
  const parse = (text: string): Record<string, unknown> => JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Record<string, unknown>
  return { header: parse(header), claims: parse(claims) }
}

test('a token is signed with the secret of a file, whose line end does not count', (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'secret'), `${SECRET}\r\n`)
  const before = Math.floor(Date.now() / 1000)
  const ran = mint(dir, '--secret-file', 'secret', 'sub=7', 'projects:=[1,"b"]', 'role=admin')
  assert.equal(ran.code, 0, ran.err)
  assert.match(ran.out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const { header, claims } = open(ran.out)
  assert.deepEqual(header, { alg: 'HS256', typ: 'JWT' })
  const { iat, exp, ...rest } = claims
  assert.deepEqual(rest, { sub: '7', projects: [1, 'b'], role: 'admin' })
  assert.ok(typeof iat === 'number' && iat >= before)
  assert.equal(exp, (iat as number) + 3600)
  // It says loudly what it is, and not into the pipe.
  assert.match(ran.err, /for development/)
  assert.ok(!ran.err.includes(SECRET))
})

test('the server believes it, with the same file', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'secret'), ` ${SECRET} \n`)
  const server = await serve(t, config({ auth: { jwt: { secret_file: 'secret', algorithms: 'HS512' }, scopes: ['project:{projects[]}'] } }), { dir })
  const token = mint(dir, '--secret-file', 'secret', '--algorithm', 'HS512', 'sub=7', 'projects:=[1,2]').out.trim()
  const stream = await subscribe(t, server, { scopes: ['project:*'], headers: { Authorization: `Bearer ${token}` } })
  assert.deepEqual(Object.keys((await stream.opened()).data.scopes).sort(), ['project:1', 'project:2'])
  const other = mint(dir, '--secret-file', 'secret', 'sub=7', 'projects:=[1,2]').out.trim()
  assert.equal((await server.ask('/v1/stream?scope=project:1', { headers: { Authorization: `Bearer ${other}` } })).status, 401)
})

test('algorithm, name of the key and life are chosen; claims that are given win', (t) => {
  const dir = directory(t)
  const rows: [string[], string, Partial<Parts['header']>, (claims: Parts['claims']) => boolean][] = [
    [['--algorithm', 'HS384'], 'sha384', { alg: 'HS384' }, () => true],
    [['--algorithm', 'HS512', '--kid', 'a'], 'sha512', { alg: 'HS512', kid: 'a' }, () => true],
    [['--life', '15m'], 'sha256', {}, (claims) => claims['exp'] === (claims['iat'] as number) + 900],
    [['exp:=1'], 'sha256', {}, (claims) => claims['exp'] === 1],
    [['{"sub":"a","exp":2}', 'sub=b'], 'sha256', {}, (claims) => claims['sub'] === 'b' && claims['exp'] === 2],
    [['a=b=c', 'd:="="', 'e='], 'sha256', {}, (claims) => claims['a'] === 'b=c' && claims['d'] === '=' && claims['e'] === ''],
    [['x:=null', 'é=ü'], 'sha256', {}, (claims) => claims['x'] === null && claims['é'] === 'ü'],
  ]
  for (const [args, hash, expected, right] of rows) {
    const ran = mint(dir, '--secret', SECRET, ...args)
    assert.equal(ran.code, 0, ran.err)
    const { header, claims } = open(ran.out, hash)
    assert.deepEqual(header, { alg: 'HS256', typ: 'JWT', ...expected })
    assert.ok(right(claims), JSON.stringify(claims))
  }
})

test('what cannot be signed is said, without the secret and without a token', (t) => {
  const dir = directory(t)
  const rows: [string[], RegExp][] = [
    [['sub=7'], /either --secret-file FILE or --secret TEXT/],
    [['--secret', SECRET, '--secret-file', 'x'], /either --secret-file FILE or --secret TEXT/],
    [['--secret-file', 'missing'], /missing cannot be read: No such file/],
    [['--secret', 'XYZZYXYZZY'], /the secret has 10 bytes, and HS256 needs 32/],
    [['--secret', 'XYZZY'.repeat(8), '--algorithm', 'HS384'], /the secret is the same|the secret has 40 bytes, and HS384 needs 48/],
    [['--secret', SECRET, '--algorithm', 'RS256'], /--algorithm is HS256, HS384 or HS512/],
    [['--secret', SECRET, '--algorithm', 'none'], /--algorithm is HS256, HS384 or HS512/],
    [['--secret', SECRET, '--life', 'long'], /--life is a time such as/],
    [['--secret', SECRET, 'sub'], /sub is no claim/],
    [['--secret', SECRET, '=7'], /=7 is no claim/],
    [['--secret', SECRET, ':=7'], /:=7 is no claim/],
    [['--secret', SECRET, 'a:=[1'], /what stands behind := in a:=\[1 is no JSON/],
    [['--secret', SECRET, '{"a":1,"a":2}'], /is no JSON object/],
    [['--secret', SECRET, `a=${'x'.repeat(100000)}`], /the claims are too long/],
  ]
  for (const [args, said] of rows) {
    const ran = mint(dir, ...args)
    assert.notEqual(ran.code, 0, args.join(' ').slice(0, 80))
    assert.equal(ran.out, '')
    assert.match(ran.err, said)
    assert.ok(!ran.err.includes(SECRET) && !ran.err.includes('XYZZY'), ran.err)
  }
})
