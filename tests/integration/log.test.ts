/* What the log says of connections, and that a flood of anything stays a few lines. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Wire } from './lib/http.ts'
import { config, serve, subscribe } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

test('a stream is a line when it opens and one when it ends, with the name that its client knows', async (t) => {
  const server = await serve(t, { ...config(), log: { level: 'debug' } })
  const stream = await subscribe(t, server, { scopes: ['a', 'b'] })
  const name = (await stream.opened()).data.connection
  await server.line(new RegExp(`debug delivery: ${name}: opens \\(127\\.0\\.0\\.1\\): SSE, 2 scopes`))
  stream.cut()
  await server.line(new RegExp(`debug server: ${name}: ends \\(.*\\): the peer closed the connection`))

  const socket = new WebSocket(`ws://${server.at.host}:${server.at.port}/v1/ws?scope=a&changes=1`)
  const message = await new Promise<{ connection: string }>((resolve) => {
    socket.onmessage = ({ data }) => resolve(JSON.parse(data as string) as { connection: string })
  })
  await server.line(new RegExp(`debug delivery: ${message.connection}: opens \\(127\\.0\\.0\\.1\\): WebSocket with changes, 1 scopes`))
  socket.close()
  await server.line(new RegExp(`debug server: ${message.connection}: ends`))
})

test('in JSON every line is an object, and the connection a field of it', async (t) => {
  const server = await serve(t, { ...config(), log: { level: 'debug', format: 'json' } })
  const stream = await subscribe(t, server, { scopes: ['a'] })
  const name = (await stream.opened()).data.connection
  stream.cut()
  await server.line(new RegExp(`"connection":"${name}","message":"ends`))
  for (const line of server.lines) {
    const { time, level, part, message } = JSON.parse(line) as Record<string, string>
    assert.ok(time && level && part && message, line)
  }
  const of = server.lines.map((line) => JSON.parse(line) as { connection?: string; message: string }).filter(({ connection }) => connection === name)
  assert.deepEqual(
    of.map(({ message }) => message.replace(/ .*/, '')),
    ['opens', 'ends'],
  )
})

test('nothing secret is in it, nor what a peer sends', async (t) => {
  const secret = 'not-for-the-log'
  const server = await serve(t, { ...config(), log: { level: 'debug' } })
  const headers = { Authorization: `Bearer ${secret}`, Cookie: `session=${secret}` }
  await server.ask('/v1/changes', { body: `{"scope":"a","keys":[["${secret}"]]}`, headers })
  const stream = await subscribe(t, server, { scopes: ['a', secret], headers })
  await stream.opened()
  await server.ask(`/${secret}`, { headers })
  const wire = new Wire(server.at)
  wire.send(`GET /${secret} HTTP/1.1\r\nHost : x\r\n\r\n`, 'GET')
  await wire.end()
  stream.cut()
  await server.stop()
  assert.doesNotMatch(server.log, new RegExp(secret))
})

test('a flood of one line is a burst and a count', async (t) => {
  const server = await serve(t, config())
  writeFileSync(server.file, 'nonsense')
  for (let i = 1; i <= 50; i++) {
    server.child.kill('SIGHUP')
    await poll('refused', async () => (await server.metric('unstale_reloads_total{result="refused"}')) === i)
  }
  const mistakes = server.lines.filter((line) => /error app: reload: /.test(line))
  assert.ok(mistakes.length >= 20 && mistakes.length < 50, `${mistakes.length}`)
  await server.stop()
  assert.match(server.log, /error app: and \d+ more like: reload: .*unstale\.yaml/)
})
