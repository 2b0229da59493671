/* The command line as a person uses it: what goes to standard output, what to standard error, and the exit code. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { binary, config, directory, launch, serve, subscribe } from './lib/unstale.ts'
import { PATIENCE, Watched } from './lib/wait.ts'

const TASKS = `auth: none
sources:
  - sqlite: ./app.db
rules:
  tasks:
    name: task
    id: id
    scope: ["project:{project_id}"]
    stale:
      - [tasks, detail, "{id}"]
      - { key: [tasks, list, "{project_id}"], on: [created, deleted], or_changed: [title] }
      - { key: [[tasks, stats], { input: { project: "{project_id}" } }], at_most: 5s }
    actions: { renamed: { changed: [title] } }
    data: { newTitle: title }
`
const SCHEMA = 'PRAGMA journal_mode=WAL; CREATE TABLE tasks (id INTEGER PRIMARY KEY, project_id INT, title TEXT);'

interface Ran {
  code: number | null
  out: string
  err: string
}

function run(dir: string, args: readonly string[], input = ''): Ran {
  const ran = spawnSync(binary, args, { cwd: dir, input, encoding: 'utf8', timeout: PATIENCE })
  assert.equal(ran.signal, null, ran.stderr)
  return { code: ran.status, out: ran.stdout, err: ran.stderr }
}

/** A directory with unstale.yaml in it, and app.db where there is SQL for it. */
function place(t: TestContext, yaml: string, sql?: string): string {
  const dir = directory(t)
  writeFileSync(join(dir, 'unstale.yaml'), yaml)
  if (sql !== undefined) sqlite(dir, sql)
  return dir
}

function sqlite(dir: string, sql: string): string {
  const ran = spawnSync('sqlite3', ['app.db'], { cwd: dir, input: sql, encoding: 'utf8', timeout: PATIENCE })
  assert.equal(ran.status, 0, ran.stderr)
  return ran.stdout
}

// ---- help ----

test('help names every command, and every command explains itself', (t) => {
  const dir = directory(t)
  const all = run(dir, ['help'])
  assert.equal(all.code, 0)
  assert.equal(all.err, '')
  for (const args of [['--help'], ['-h'], ['help', 'help'], ['help', '--help']]) assert.equal(run(dir, args).out, all.out)
  const names = [...all.out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1] as string)
  assert.deepEqual(names, ['serve', 'check', 'explain', 'doctor', 'setup', 'teardown', 'publish', 'watch', 'token', 'version', 'help'])
  for (const name of names.slice(0, -1)) {
    const one = run(dir, [name, '--help'])
    assert.equal(one.code, 0)
    assert.match(one.out, new RegExp(`^usage: unstale ${name}`))
    assert.equal(run(dir, ['help', name]).out, one.out)
  }
})

test('a command line that cannot be meant is a usage error on standard error', (t) => {
  const dir = place(t, TASKS)
  const rows: [string[], RegExp][] = [
    [[], /^unstale watches your database/],
    [['serv'], /^unstale: unknown command "serv" \(did you mean "serve"\?\)/],
    [['help', 'chek'], /unknown command "chek" \(did you mean "check"\?\)/],
    [['check', '--confg', 'x'], /^unstale: check: unknown option --confg \(did you mean --config\?\)/],
    [['check', '-x'], /unknown option -x/],
    [['check', '-c'], /--config needs a value: --config FILE/],
    [['explain', '--json=1', 'tasks', 'updated'], /--json takes no value/],
    [['check', 'more'], /^unstale: usage: unstale check \[-c FILE\]/],
    [['explain', 'tasks'], /^unstale: usage: unstale explain/],
    [['setup', 'app.db'], /^unstale: usage: unstale setup sqlite DATABASE/],
    [['setup', 'postgres', 'x', 'y'], /^unstale: usage: unstale setup sqlite DATABASE/],
    [['publish'], /^unstale: usage: unstale publish/],
    [['watch'], /^unstale: usage: unstale watch/],
  ]
  for (const [args, said] of rows) {
    const ran = run(dir, args)
    assert.equal(ran.code, 2, args.join(' '))
    assert.equal(ran.out, '')
    assert.match(ran.err, said)
  }
})

test('version prints the name and the version', (t) => {
  const dir = directory(t)
  assert.match(run(dir, ['version']).out, /^unstale \d+\.\d+\.\d+\n$/)
  assert.deepEqual(run(dir, ['--version']), run(dir, ['version']))
})

// ---- check and serve ----

test('check shows each rule with its line, scopes and keys', (t) => {
  const dir = place(t, TASKS, SCHEMA)
  const ran = run(dir, ['check'])
  assert.equal(ran.code, 0)
  assert.match(ran.err, /^unstale: unstale\.yaml:8:13: data: of tasks \(title\) goes to the scope project:\{project_id\}, which everybody who reaches the listener may read\n$/)
  assert.match(ran.out, /^unstale\.yaml is right: 1 source, 1 rule\.$/m)
  assert.match(ran.out, /^3 +sqlite \.\/app\.db +asked every 50ms$/m)
  assert.match(ran.out, /^10 +tasks +project:\{project_id\} +\["tasks","detail","\{id\}"\]$/m)
  assert.match(ran.out, /^11 +\["tasks","list","\{project_id\}"\] +on created, deleted, or when title changed$/m)
  assert.match(ran.out, /^12 +\[\["tasks","stats"\],\{"input":.*\}\] +at most every 5s$/m)
  assert.match(ran.out, /^13 +tasks +action renamed when title changed$/m)
  assert.match(ran.out, /^14 +tasks +sends title as newTitle$/m)
})

test('a mistake is one line with its place, for check and for serve alike, and exit code 2', (t) => {
  const rows: [string, string][] = [
    [TASKS.replace('auth: none', 'auht: none'), 'unstale.yaml:1:1: unknown key "auht" (did you mean "auth"?)'],
    [TASKS.replace('auth: none', 'listen: 0.0.0.0:1'), 'unstale.yaml: auth is missing; write "auth: none" if everyone who'],
    [TASKS.replace('{id}', '{id'), 'unstale.yaml:10:25: bad template "{id"'],
    [TASKS.replace('[title] }', '[titel] }'), 'unstale.yaml:11:84: ./app.db: table tasks has no column "titel" (did you mean "title"?)'],
    [TASKS.replace('"project:{project_id}"', '"project:{projectid}"'), 'unstale.yaml:8:13: ./app.db: table tasks has no column "projectid"'],
    [TASKS.replace('  tasks:', '  task:'), 'unstale.yaml:5:3: ./app.db: the database has no table "task" (did you mean "tasks"?)'],
    [`${TASKS}  Tasks: { scope: all, stale: [[any]] }\n`, 'unstale.yaml:15:3: ./app.db: to SQLite Tasks is the table tasks, which stands here already'],
  ]
  for (const [yaml, said] of rows) {
    const dir = place(t, yaml, SCHEMA)
    for (const command of ['check', 'serve']) {
      const ran = run(dir, [command])
      assert.equal(ran.err.slice(0, `unstale: ${said}`.length), `unstale: ${said}`, command)
      assert.equal(ran.err.trimEnd().split('\n').length, 1)
      assert.deepEqual([ran.code, ran.out], [2, ''])
    }
  }
})

test('another file than unstale.yaml is named by -c, and a missing one is said so', (t) => {
  const dir = place(t, TASKS, SCHEMA)
  writeFileSync(join(dir, 'other.yaml'), TASKS.replace('auth', 'Auth'))
  for (const args of [['-c', 'other.yaml'], ['-cother.yaml'], ['--config', 'other.yaml'], ['--config=other.yaml']])
    assert.match(run(dir, ['check', ...args]).err, /^unstale: other\.yaml:1:1: unknown key "Auth"/)
  const missing = run(dir, ['check', '-c', 'none.yaml'])
  assert.deepEqual([missing.code, missing.err], [2, 'unstale: none.yaml: it cannot be read: No such file or directory\n'])
})

test('a database that does not exist yet is no mistake', (t) => {
  const dir = place(t, TASKS)
  const ran = run(dir, ['check'])
  assert.equal(ran.code, 0)
  assert.match(ran.err, /^unstale: \.\/app\.db: the file does not exist yet; its tables and columns were not checked$/m)
})

test('a table that this database lacks may be a publisher’s', (t) => {
  const dir = place(t, TASKS.replace('rules:', '  - publish: { open: true }\nrules:\n  jobs: { scope: all, stale: [[jobs]] }'), SCHEMA)
  const ran = run(dir, ['check'])
  assert.equal(ran.code, 0)
  assert.match(ran.err, /^unstale: unstale\.yaml:6:3: .*no table "jobs".*; its changes have to come from elsewhere$/m)
  assert.equal(run(dir, ['setup', 'sqlite', 'app.db', '--apply']).code, 0)
  assert.match(sqlite(dir, '.schema'), /_unstale_changes/)
})

test('a rule that waits for published changes does not keep a database from being captured', async (t) => {
  const dir = place(t, '', SCHEMA)
  const rules = {
    tasks: { id: 'id', scope: 'project:{project_id}', stale: [['tasks', '{id}']] },
    jobs: { scope: 'all', stale: [['jobs']] },
  }
  const settings = config({ sources: [{ sqlite: 'app.db' }, { publish: { open: true } }], rules })
  writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(settings))
  assert.equal(run(dir, ['setup', 'sqlite', 'app.db', '--apply']).code, 0)
  const server = await serve(t, settings, { dir })
  await server.line(/capturing changes/)
  const stream = await subscribe(t, server, { scopes: ['project:42', 'all'] })
  await stream.opened()
  sqlite(dir, "INSERT INTO tasks VALUES (7, 42, 'A');")
  await server.publish({ resource: 'jobs', action: 'done' })
  await stream.until('both marks', () => {
    const keys = JSON.stringify(stream.events)
    return keys.includes('["tasks",7]') && keys.includes('["jobs"]')
  })
})

// ---- explain ----

test('explain gives scopes, keys and the rule that gave them', (t) => {
  const dir = place(t, TASKS)
  const ran = run(dir, ['explain', 'tasks', 'created', '{"id":7,"project_id":42,"title":"A"}'])
  assert.deepEqual([ran.code, ran.err], [0, ''])
  assert.match(ran.out, /^ +project:42 +\["tasks","detail",7\] +unstale\.yaml:10:9$/m)
  assert.match(ran.out, /^ +\["tasks","list",42\] +unstale\.yaml:11:9$/m)
  assert.match(ran.out, /^ +\[\["tasks","stats"\],\{"input":\{"project":42\}\}\] +at most every 5s +unstale\.yaml:12:9$/m)
  assert.match(ran.out, /^ +project:42 +task created "7" +\{"newTitle":"A"\} +unstale\.yaml:5:3$/m)
})

test('explain --json says the same for programs', (t) => {
  const dir = place(t, TASKS)
  const ran = run(dir, ['explain', '--json', 'tasks', 'updated', '{"project_id":2,"title":"B"}', '{"id":7,"project_id":1,"title":"A"}'])
  assert.equal(ran.code, 0, ran.err)
  const said = JSON.parse(ran.out) as {
    stale: { scope: string; key: unknown[]; at_most_ms: number; rule: string }[]
    changes: { scope: string; resource: string; action: string; id: unknown; data: unknown }[]
  }
  assert.deepEqual(
    said.stale.map(({ scope, key }) => `${scope} ${JSON.stringify(key)}`),
    [
      'project:1 ["tasks","detail",7]',
      'project:1 ["tasks","list",1]',
      'project:1 [["tasks","stats"],{"input":{"project":1}}]',
      'project:2 ["tasks","detail",7]',
      'project:2 ["tasks","list",2]',
      'project:2 [["tasks","stats"],{"input":{"project":2}}]',
    ],
  )
  assert.equal(said.stale[2]?.at_most_ms, 5000)
  assert.equal(said.stale[0]?.rule, 'unstale.yaml:10:9')
  assert.ok(said.changes.some(({ scope, action }) => scope === 'project:2' && action === 'renamed'))
})

test('one row of a deleted one is its old row', (t) => {
  const dir = place(t, TASKS)
  const row = '{"id":7,"project_id":42}'
  const both = [run(dir, ['explain', '--json', 'tasks', 'deleted', row]), run(dir, ['explain', '--json', 'tasks', 'deleted', '{}', row])]
  assert.equal(both[0]?.out, both[1]?.out)
  assert.match(both[0]?.out ?? '', /"scope":"project:42"/)
})

test('explain says what it does not know', (t) => {
  const dir = place(t, TASKS)
  const rows: [string[], number, RegExp][] = [
    [['taks', 'updated', '{}'], 1, /^unstale: no rule knows "taks" \(did you mean "tasks"\?\)$/m],
    [['tasks', 'updated', '{"id":'], 1, /^unstale: the new row is not JSON: /],
    [['tasks', 'updated', '[7]'], 1, /^unstale: the new row is a JSON object of columns/],
    [['tasks', 'updated', '{}', '7'], 1, /^unstale: the old row is a JSON object of columns/],
    [['tasks', 'updated', '{}', '{}', '{}'], 2, /^unstale: usage:/],
    [['-c', 'none.yaml', 'tasks', 'updated'], 2, /^unstale: none\.yaml: /],
  ]
  for (const [args, code, said] of rows) {
    const ran = run(dir, ['explain', ...args])
    assert.match(ran.err, said)
    assert.deepEqual([ran.code, ran.out], [code, ''])
  }
})

test('a table without a rule of its own is told that only "*" applies', (t) => {
  const dir = place(t, `${TASKS}  "*": { scope: all, stale: [[any]] }\n`)
  const ran = run(dir, ['explain', 'taks', 'updated', '{}'])
  assert.equal(ran.code, 0)
  assert.match(ran.err, /"taks" has no rule of its own \(did you mean "tasks"\?\); only "\*" applies/)
  assert.match(ran.out, /^ +all +\["any"\]/m)
})

test('no value of a row can steer the terminal', (t) => {
  const dir = place(t, TASKS)
  const ran = run(dir, ['explain', 'tasks', 'created', '{"id":"\\u0000\\u001b[31m\\u009b1m\\u007f","project_id":"\\u001b"}'])
  assert.equal(ran.code, 0)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  assert.doesNotMatch(ran.out, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/)
})

// ---- setup and teardown ----

test('setup prints SQL and nothing else; --apply runs it; teardown leaves no trace', (t) => {
  const dir = place(t, TASKS, SCHEMA)
  const before = sqlite(dir, '.schema')
  const printed = run(dir, ['setup', 'sqlite', 'app.db'])
  assert.deepEqual([printed.code, printed.err], [0, ''])
  assert.equal(sqlite(dir, '.schema'), before)
  sqlite(dir, printed.out)
  const byHand = sqlite(dir, '.schema')
  assert.match(byHand, /CREATE TRIGGER/)

  const applied = run(dir, ['setup', 'sqlite', 'app.db', '--apply'])
  assert.deepEqual([applied.code, applied.out], [0, ''])
  assert.equal(sqlite(dir, '.schema'), byHand)

  const down = run(dir, ['teardown', 'sqlite', 'app.db', '-c', 'unstale.yaml', '--apply'])
  assert.deepEqual([down.code, down.out], [0, ''])
  assert.equal(sqlite(dir, '.schema'), before)
})

test('setup for a column that the table lacks names the line', (t) => {
  const dir = place(t, TASKS.replace('[title] }', '[titel] }'), SCHEMA)
  const ran = run(dir, ['setup', 'sqlite', 'app.db'])
  assert.deepEqual([ran.code, ran.out], [2, ''])
  assert.match(ran.err, /^unstale: unstale\.yaml:11:84: .*titel/)
})

test('setup and teardown of a file that is no database fail', (t) => {
  const dir = place(t, TASKS)
  writeFileSync(join(dir, 'text.db'), 'not a database, but long enough to look at\n'.repeat(40))
  for (const command of ['setup', 'teardown'])
    for (const file of ['none.db', 'text.db']) {
      const ran = run(dir, [command, 'sqlite', file])
      assert.deepEqual([ran.code, ran.out], [1, ''], `${command} ${file}`)
      assert.match(ran.err, new RegExp(`^unstale: ${file}: .`))
    }
})

// ---- publish and watch ----

class Watching extends Watched {
  readonly lines: Record<string, unknown>[] = []
  readonly errors: string[] = []
  exit: number | null | undefined
  readonly #child

  constructor(t: TestContext, args: readonly string[]) {
    super()
    this.#child = spawn(binary, ['watch', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = ''
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() as string
      this.lines.push(...lines.map((line) => JSON.parse(line) as Record<string, unknown>))
      this.changed()
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.errors.push(text)
      this.changed()
    })
    this.#child.on('close', (code) => {
      this.exit = code
      this.changed()
    })
    cleanup(t, async () => {
      if (this.exit === undefined) this.#child.kill('SIGKILL')
      await this.until('ended', () => this.exit !== undefined)
    })
  }

  protected override described(): string {
    return `${JSON.stringify(this.lines)}\n${this.errors.join('')}`
  }

  typed(type: string): Promise<Record<string, unknown>> {
    return this.until(`a line of ${type}`, () => this.lines.find((line) => line['type'] === type))
  }

  stop(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

test('what is published is watched, one JSON object a line', async (t) => {
  const server = await serve(t)
  const url = `http://${server.at.host}:${server.at.port}`
  const watching = new Watching(t, ['--url', `${url}/`, 'project:42', 'user:ä b'])
  const ready = await watching.typed('ready')
  assert.deepEqual(ready['scopes'], { 'project:42': 'fresh', 'user:ä b': 'fresh' })

  const published = run(server.dir, ['publish', '--url', url, '{"scope":"project:42","keys":[["tasks","list"]]}'])
  assert.deepEqual([published.code, published.err], [0, ''])
  assert.match(published.out, /^[0-9a-z]+-\d+\n$/)
  const stale = await watching.typed('stale')
  assert.deepEqual([stale['scope'], stale['keys']], ['project:42', [['tasks', 'list']]])
  await watching.until('the position', () => watching.lines.some((line) => line['position'] === published.out.trim()))

  const notice = run(server.dir, ['publish', '--url', url, '--notice', '-'], '{"scope":"user:ä b","type":"done","data":{"n":1}}')
  assert.equal(notice.code, 0, notice.err)
  const shown = await watching.typed('notice')
  assert.deepEqual([shown['notice'], shown['data']], ['done', { n: 1 }], 'as a WebSocket would carry it')

  const nul = run(server.dir, ['publish', '--url', url, '{"scope":"project:42","keys":[["a\\u0000b"]]}'])
  assert.equal(nul.code, 0, nul.err)
  await watching.until('a key with a NUL in it', () =>
    watching.lines.some((line) => JSON.stringify(line['keys']) === '[["a\\u0000b"]]'),
  )

  watching.stop('SIGINT')
  await watching.until('ended', () => watching.exit !== undefined)
  assert.equal(watching.exit, 0)
  assert.deepEqual(watching.errors, [])
})

test('a refused publish says why, and is exit code 1', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'token'), ' s3cret \n')
  writeFileSync(join(dir, 'wrong'), 'other\n')
  const server = await serve(t, config({ sources: [{ publish: { token_file: 'token' } }] }), { dir })
  const url = `http://${server.at.host}:${server.at.port}`
  const mark = '{"scope":"a","keys":[["b"]]}'
  const rows: [string[], number, RegExp][] = [
    [['--url', url, mark], 1, /^unstale: refused with 401/],
    [['--url', url, '--token-file', 'wrong', mark], 1, /^unstale: refused with 401/],
    [['--url', url, '--token-file', 'none', mark], 1, /^unstale: none cannot be read: No such file or directory/],
    [['--url', url, '--token-file', 'token', '{"scope":'], 1, /^unstale: refused with 400: ./],
    [['--url', url, '--token-file', 'token', mark], 0, /^$/],
    [['--url', 'file:///etc/passwd', mark], 1, /^unstale: ./],
  ]
  for (const [args, code, said] of rows) {
    const ran = run(dir, ['publish', ...args])
    assert.match(ran.err, said)
    assert.equal(ran.code, code)
  }
})

test('a watcher comes back after a restart and resumes', async (t) => {
  const server = await serve(t)
  const { host, port } = server.at
  const watching = new Watching(t, ['--url', `http://${host}:${port}`, 'project:42'])
  await watching.typed('ready')
  await server.stop()
  await watching.until('it says that it tries again', () => watching.errors.join('').includes('trying again in'))
  const again = await launch(t, config({ listen: `${host}:${port}` }), { dir: server.dir }).started()
  await again.mark('project:42', ['later'])
  await watching.until('the second ready', () => watching.lines.filter((line) => line['type'] === 'ready').length > 1)
  await watching.until('the mark', () => JSON.stringify(watching.lines).includes('later') || JSON.stringify(watching.lines).includes('reset'))
})

test('who may not read a scope without a token watches it with one', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'secret'), randomBytes(32).toString('hex'))
  const auth = { jwt: { secret_file: 'secret' }, scopes: ['project:{projects[]}'] }
  const server = await serve(t, config({ auth }), { dir })
  const url = `http://${server.at.host}:${server.at.port}`
  const token = join(dir, 'token')
  writeFileSync(token, run(dir, ['token', '--secret-file', 'secret', 'sub=7', 'projects:=[42]']).out)

  const refused = new Watching(t, ['--url', url, 'project:42'])
  await refused.until('ended', () => refused.exit !== undefined)
  assert.deepEqual([refused.exit, refused.errors.join('').slice(0, 26)], [1, 'unstale: refused with 401:'])

  const watching = new Watching(t, ['--url', url, '--token-file', token, 'project:42'])
  assert.deepEqual((await watching.typed('ready'))['scopes'], { 'project:42': 'fresh' })

  const missing = new Watching(t, ['--url', url, '--token-file', join(dir, 'none'), 'project:42'])
  await missing.until('ended', () => missing.exit !== undefined)
  assert.match(missing.errors.join(''), /none cannot be read: No such file or directory/)
})

test('a refusal that is final ends the watch', async (t) => {
  const server = await serve(t)
  const watching = new Watching(t, ['--url', `http://${server.at.host}:${server.at.port}`, 'project:*'])
  await watching.until('ended', () => watching.exit !== undefined)
  assert.equal(watching.exit, 1)
  assert.match(watching.errors.join(''), /^unstale: refused with 400: ./)
})

test('the man page knows every command and every option', (t) => {
  const dir = directory(t)
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'man', 'unstale.1'), 'utf8')
  const commands = [...run(dir, ['help']).out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1] as string)
  for (const command of commands) {
    assert.match(page, new RegExp(`^\\.It Cm ${command}\\b`, 'm'))
    for (const [, option] of run(dir, ['help', command === 'help' ? 'check' : command]).out.matchAll(/^ {2}(?:-., | {4})--([a-z-]+)/gm))
      assert.match(page, new RegExp(`^\\.It Fl (?:[ch] , )?-${option}\\b`, 'm'))
  }
})

test('the configuration of the manual is right', (t) => {
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'configuration.md'), 'utf8')
  /* Whole ones; the others show a part. */
  const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] as string).filter((block) => /^sources:/m.test(block))
  assert.ok(blocks.length > 0)
  for (const block of blocks) {
    const dir = place(t, block)
    writeFileSync(join(dir, 'publish.token'), 'token\n')
    const ran = run(dir, ['check'])
    assert.equal(ran.code, 0, `${ran.err}\n${block}`)
  }
})
