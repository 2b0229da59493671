/* As a service: what the manager is told, and that the unit is one that systemd takes. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { binary, config, directory, serve, subscribe } from './lib/unstale.ts'
import { Watched } from './lib/wait.ts'

/** The manager's end: a datagram socket, which Node does not have. */
class Manager extends Watched {
  readonly said: string[] = []
  listening = false

  constructor(t: TestContext, path: string) {
    super()
    const program = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1][0] == '@' else sys.argv[1])
print('""', flush=True)
while True: print(json.dumps(s.recv(4096).decode()), flush=True)`
    const child = spawn('python3', ['-c', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => child.on('close', resolve))
    cleanup(t, async () => {
      child.kill('SIGKILL')
      await gone
    })
    let rest = ''
    child.stdout.setEncoding('utf8')
    child.stdout.on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() as string
      for (const line of lines) {
        const words = JSON.parse(line) as string
        if (words === '') this.listening = true
        else this.said.push(words)
      }
      this.changed()
    })
  }

  protected override described(): string {
    return JSON.stringify(this.said)
  }

  async hears(pattern: RegExp, from = 0): Promise<number> {
    return this.until(`said: ${pattern}`, () => {
      const index = this.said.findIndex((words, i) => i >= from && pattern.test(words))
      return index < 0 ? null : index + 1
    })
  }
}

for (const kind of ['a path', 'an abstract name'])
  test(`the manager hears of the start, of life, of a reload and of the stop (${kind})`, async (t) => {
    const dir = directory(t)
    const path = kind === 'a path' ? join(dir, 'notify') : `@unstale-test-${process.pid}`
    const manager = new Manager(t, path)
    await manager.until('listening', () => manager.listening)
    const server = await serve(t, config({ limits: { drain: '300ms' } }), { dir, env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: '400000' } })
    let at = await manager.hears(/^READY=1\nSTATUS=listening on http:\/\/127\.0\.0\.1:\d+$/)
    at = await manager.hears(/^WATCHDOG=1$/, at)
    at = await manager.hears(/^WATCHDOG=1$/, at)
    server.child.kill('SIGHUP')
    at = await manager.hears(/^RELOADING=1\nMONOTONIC_USEC=\d+$/, at)
    at = await manager.hears(/^READY=1/, at)
    writeFileSync(server.file, 'nonsense')
    server.child.kill('SIGHUP')
    at = await manager.hears(/^RELOADING=1/, at)
    at = await manager.hears(/^READY=1/, at)
    const stream = await subscribe(t, server, { scopes: ['a'] })
    await stream.opened()
    server.child.kill('SIGTERM')
    await manager.hears(/^STOPPING=1/, at)
    await server.ended()
    assert.equal(manager.said.filter((words) => words.startsWith('STOPPING=1')).length, 1)
  })

test('a server whose start fails never says that it is ready', async (t) => {
  const dir = directory(t)
  const manager = new Manager(t, join(dir, 'notify'))
  await manager.until('listening', () => manager.listening)
  const first = await serve(t, config())
  await assert.rejects(serve(t, config({ listen: `127.0.0.1:${first.at.port}` }), { dir, env: { NOTIFY_SOCKET: join(dir, 'notify') } }))
  assert.deepEqual(manager.said.filter((words) => words.includes('READY')), [])
})

const unit = join(dirname(binary), 'unstale.service')

test('the unit is hardened: every line that matters is there, once', () => {
  const lines = readFileSync(unit, 'utf8').split('\n')
  const value = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1))
  for (const [name, wanted] of Object.entries({
    Type: 'notify',
    DynamicUser: 'yes',
    StateDirectory: 'unstale',
    NoNewPrivileges: 'yes',
    CapabilityBoundingSet: '',
    ProtectSystem: 'strict',
    ProtectHome: 'yes',
    PrivateTmp: 'yes',
    PrivateDevices: 'yes',
    MemoryDenyWriteExecute: 'yes',
    RestrictAddressFamilies: 'AF_INET AF_INET6 AF_UNIX',
    Restart: 'on-failure',
  }))
    assert.deepEqual(value(name), [wanted], name)
  assert.ok(Number(value('LimitNOFILE')[0]) >= 100000)
  assert.ok(Number(value('TimeoutStopSec')[0]) > 10, 'longer than drain')
  assert.match(value('ExecStart')[0] ?? '', /^\/.*\/unstale serve -c \/etc\/unstale\/unstale\.yaml$/)
  assert.match(value('ExecReload')[0] ?? '', /kill -HUP \$MAINPID/)
})

test('systemd takes the unit and finds it well protected', (t) => {
  if (!['/usr/bin/systemd-analyze', '/bin/systemd-analyze'].some((path) => existsSync(path))) {
    t.diagnostic('systemd is not here; the test above looks at the lines')
    return
  }
  const copy = join(directory(t), 'unstale.service')
  writeFileSync(copy, readFileSync(unit, 'utf8').replace(/^ExecStart=\S+/m, `ExecStart=${binary}`).replace(/^Documentation=.*$/m, ''))
  const said = execFileSync('systemd-analyze', ['verify', '--man=no', copy], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  assert.doesNotMatch(said, /unstale/)
  execFileSync('systemd-analyze', ['security', '--offline=yes', '--threshold=20', '--no-pager', copy], { stdio: 'ignore' })
})
