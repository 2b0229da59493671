/* Live membership: a table of the database says who may read what, at the commit and not later. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { sse } from './lib/legacy.ts'
import { unstale } from './lib/sqlite.ts'
import { mint, within } from './lib/jwt.ts'
import { AUTH, as, asking, enter, finish, KINDS, MEMBERSHIP, rights, rightsConfig, RULES, type Transport } from './lib/rights.ts'
import { named, sequenceOf, staleKeys } from './lib/sse.ts'
import { directory, open, subscribe } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

after(finish)

const TRANSPORTS: Transport[] = ['SSE', 'WebSocket']

const ADA = "INSERT INTO project_members(project_id, user_id) VALUES (1, 'ada'), (2, 'ada'), (2, 'eve');"

for (const kind of KINDS) {
  for (const transport of TRANSPORTS) {
    test(`${kind}, ${transport}: what a member may read is asked when the stream opens`, async (t) => {
      const { server, database } = await rights(t, kind, {}, ADA)
      const stream = await enter(t, server, transport, 'ada', { scopes: ['user:ada', 'project:1'] })
      assert.deepEqual(Object.keys((await stream.next('ready')).data.scopes).sort(), ['project:1', 'user:ada'])
      await database.run("INSERT INTO tasks VALUES (7, 1, 'a'), (8, 2, 'b')")
      assert.deepEqual(staleKeys([await stream.next('stale')]), ['project:1 ["tasks",7]'])
    })

    test(`${kind}, ${transport}: project:* is every project of the table`, async (t) => {
      const { server } = await rights(t, kind, {}, ADA)
      const stream = await enter(t, server, transport, 'ada', { scopes: ['project:*'] })
      assert.deepEqual(Object.keys((await stream.next('ready')).data.scopes).sort(), ['project:1', 'project:2'])
      const eve = await enter(t, server, transport, 'eve', { scopes: ['project:*'] })
      assert.deepEqual(Object.keys((await eve.next('ready')).data.scopes), ['project:2'])
    })

    test(`${kind}, ${transport}: a removed member is told so, and nothing of that transaction`, async (t) => {
      const { server, database } = await rights(t, kind, {}, ADA)
      const stream = await enter(t, server, transport, 'ada', { scopes: ['user:ada', 'project:1', 'project:2'] })
      await stream.next('ready')
      await database.run("BEGIN; INSERT INTO tasks VALUES (7, 1, 'before'); DELETE FROM project_members WHERE project_id = 1; INSERT INTO tasks VALUES (8, 1, 'after'), (9, 2, 'c'); COMMIT")
      assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:1' })
      await database.run("INSERT INTO tasks VALUES (10, 1, 'later'), (11, 2, 'd')")
      await stream.until('the last of them', () => staleKeys(stream.events).includes('project:2 ["tasks",11]'))
      assert.deepEqual(staleKeys(stream.events), ['project:2 ["tasks",11]', 'project:2 ["tasks",9]'])
      assert.equal(named(stream.events, 'reset').length, 0)
    })

    test(`${kind}, ${transport}: a new member is let in without reconnecting, with a reset of the new scope`, async (t) => {
      const { server, database } = await rights(t, kind, {}, ADA)
      const stream = await enter(t, server, transport, 'eve', { scopes: ['user:eve', 'project:*'] })
      assert.deepEqual(Object.keys((await stream.next('ready')).data.scopes).sort(), ['project:2', 'user:eve'])
      await database.run("BEGIN; INSERT INTO tasks VALUES (7, 3, 'before'); INSERT INTO project_members(project_id, user_id) VALUES (3, 'eve'); COMMIT")
      const ready = await stream.next('ready')
      assert.deepEqual(ready.data.scopes, { 'user:eve': 'exact', 'project:2': 'exact', 'project:3': 'reset' })
      await database.run("INSERT INTO tasks VALUES (8, 3, 'after')")
      await stream.until('its key', () => staleKeys(stream.events).length > 0)
      assert.deepEqual(staleKeys(stream.events), ['project:3 ["tasks",8]'])
    })

    test(`${kind}, ${transport}: who follows a family may have nothing of it yet`, async (t) => {
      const { server, database } = await rights(t, kind)
      const stream = await enter(t, server, transport, 'eve', { scopes: ['project:*'] })
      await poll('she is known', async () => (await server.metric('unstale_members')) === 1)
      await database.run("INSERT INTO project_members(project_id, user_id) VALUES (3, 'eve')")
      assert.deepEqual((await stream.next('ready')).data.scopes, { 'project:3': 'reset' })
    })
  }

  test(`${kind}, SSE: a scope of which one is no member is 403, and a member of nothing has none`, async (t) => {
    const { server } = await rights(t, kind, {}, ADA)
    const answer = await server.ask('/v1/stream?scope=project:1', { headers: as('eve') })
    assert.equal(answer.status, 403, answer.body)
  })

  test(`${kind}, WebSocket: a forbidden scope is an error of that scope alone`, async (t) => {
    const { server } = await rights(t, kind, {}, ADA)
    const stream = await open(t, server, { scopes: ['project:1', 'project:2'], headers: as('eve') })
    assert.deepEqual(Object.keys((await stream.next('ready')).data.scopes), ['project:2'])
    assert.deepEqual(
      stream.errors.map((error) => error.scope),
      ['project:1'],
    )
  })

  test(`${kind}, WebSocket: who says who it is by its first message has the scopes of the table, kept live`, async (t) => {
    const { server, database } = await rights(t, kind, {}, ADA)
    const stream = await open(t, server)
    stream.say({ type: 'token', token: mint({ sub: 'ada', exp: within(3600) }) }).subscribe(['user:ada', 'project:*', 'project:3'])
    assert.deepEqual(Object.keys((await stream.next('ready')).data.scopes).sort(), ['project:1', 'project:2', 'user:ada'])
    assert.equal((await stream.refusedWith()).scope, 'project:3')
    await database.run("DELETE FROM project_members WHERE user_id = 'ada' AND project_id = 1")
    assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:1' })
    await database.run("INSERT INTO project_members(project_id, user_id) VALUES (3, 'ada')")
    assert.equal((await stream.next('ready')).data.scopes['project:3'], 'reset')
    // Another token of the same user changes none of it, and he is counted once.
    stream.say({ type: 'token', token: mint({ sub: 'ada', exp: within(1800) }) }).subscribe(['project:2'])
    assert.deepEqual(Object.keys((await stream.next('ready')).data.scopes), ['project:2'])
    assert.equal(await server.metric('unstale_members'), 1)
    stream.cut()
    await poll('nobody is left', async () => (await server.metric('unstale_members')) === 0)
  })

  test(`${kind}, WebSocket: who says it while nobody can be asked is closed with 1013, and who leaves meanwhile is forgotten`, async (t) => {
    const { server, database, settings } = await rights(t, kind, {}, ADA, '1s')
    await database.tearDown(settings)
    await database.run("INSERT INTO tasks VALUES (99, 9, 'whoever captures hears of it')")
    await poll('it is not captured', async () => (await server.admin('/readyz')).body.includes('"current":false'))
    const token = mint({ sub: 'ada', exp: within(3600) })
    const stream = await open(t, server)
    const gone = await open(t, server)
    gone.say({ type: 'token', token }).subscribe(['project:1'])
    stream.say({ type: 'token', token }).subscribe(['project:1'])
    await poll('both wait', async () => (await server.metric('unstale_members_waiting')) === 2)
    gone.cut()
    assert.equal((await stream.over()).code, 1013)
    assert.equal(stream.errors.length, 1)
    await database.setUp(settings)
    await poll('nobody is left', async () => (await server.metric('unstale_members')) === 0)
  })

  test(`${kind}, WebSocket: who has lost the last scope is closed with 4403`, async (t) => {
    const { server, database } = await rights(t, kind, {}, ADA)
    const stream = await open(t, server, { scopes: ['project:2'], headers: as('eve') })
    await stream.next('ready')
    await database.run("DELETE FROM project_members WHERE user_id = 'eve'")
    await stream.next('revoked')
    await stream.until('the close', () => stream.closed?.code === 4403)
  })

  test(`${kind}, another rule that grants the scope keeps it`, async (t) => {
    const { server, database } = await rights(t, kind, {
      auth: { ...AUTH, scopes: ['user:{sub}', { scope: 'project:1', when: { sub: 'ada' } }] },
    }, ADA)
    const stream = await subscribe(t, server, { scopes: ['project:1', 'project:2'], headers: as('ada') })
    await stream.next('ready')
    await database.run("DELETE FROM project_members WHERE user_id = 'ada'")
    assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:2' })
    await database.run("INSERT INTO tasks VALUES (7, 1, 'a')")
    assert.deepEqual(staleKeys([await stream.next('stale')]), ['project:1 ["tasks",7]'])
    assert.equal(named(stream.events, 'revoked').length, 1)
  })

  test(`${kind}, a member who is moved, marked as gone, brought back: each is what the row says`, async (t) => {
    const { server, database } = await rights(t, kind, {}, ADA)
    const stream = await subscribe(t, server, { scopes: ['user:eve', 'project:*'], headers: as('eve') })
    await stream.next('ready')
    await database.run("UPDATE project_members SET project_id = 5 WHERE user_id = 'eve'")
    assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:2' })
    assert.deepEqual((await stream.next('ready')).data.scopes, { 'user:eve': 'exact', 'project:5': 'reset' })
    await database.run("UPDATE project_members SET gone = 1 WHERE user_id = 'eve'")
    assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:5' })
    await database.run("UPDATE project_members SET gone = NULL WHERE user_id = 'eve'")
    assert.deepEqual((await stream.next('ready')).data.scopes, { 'user:eve': 'exact', 'project:5': 'reset' })
    await database.run("UPDATE project_members SET user_id = 'bob' WHERE user_id = 'eve'")
    assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:5' })
  })

  test(`${kind}, a role that changes is no reason to say anything`, async (t) => {
    const { server, database } = await rights(t, kind, {}, ADA)
    const stream = await subscribe(t, server, { scopes: ['project:2'], headers: as('eve') })
    await stream.next('ready')
    await database.run("UPDATE project_members SET role = 'owner' WHERE user_id = 'eve'; INSERT INTO tasks VALUES (7, 2, 'a')")
    assert.deepEqual(staleKeys([await stream.next('stale')]), ['project:2 ["tasks",7]'])
    assert.deepEqual(
      stream.events.map((event) => event.event).filter((name) => name === 'revoked' || name === 'ready'),
      ['ready'],
    )
  })

  test(`${kind}, who was removed and is back in one commit is reset, not told what happened in between`, async (t) => {
    const { server, database } = await rights(t, kind, {}, ADA)
    const stream = await subscribe(t, server, { scopes: ['user:eve', 'project:2'], headers: as('eve') })
    await stream.next('ready')
    await database.run(
      "BEGIN; DELETE FROM project_members WHERE user_id = 'eve'; INSERT INTO tasks VALUES (7, 2, 'a'); INSERT INTO project_members(project_id, user_id) VALUES (2, 'eve'); COMMIT",
    )
    assert.deepEqual((await stream.next('ready')).data.scopes, { 'user:eve': 'exact', 'project:2': 'reset' })
    await database.run("INSERT INTO tasks VALUES (8, 2, 'b')")
    assert.deepEqual(staleKeys([await stream.next('stale')]), ['project:2 ["tasks",8]'])
    assert.deepEqual(staleKeys(stream.events), ['project:2 ["tasks",8]'])
  })

  test(`${kind}, an emptied table revokes everything`, async (t) => {
    const { server, database } = await rights(t, kind, {}, ADA)
    const ada = await subscribe(t, server, { scopes: ['user:ada', 'project:*'], headers: as('ada') })
    const eve = await subscribe(t, server, { scopes: ['user:eve', 'project:*'], headers: as('eve') })
    await ada.next('ready')
    await eve.next('ready')
    await database.run('DELETE FROM project_members')
    await ada.until('both', () => named(ada.events, 'revoked').length === 2)
    assert.deepEqual((await eve.next('revoked')).data, { scope: 'project:2' })
  })

  test(`${kind}, users are compared as text: "07" is not user 7`, async (t) => {
    const schema = 'DROP TABLE project_members; CREATE TABLE project_members(project_id INTEGER, user_id INTEGER, gone INTEGER);'
    const { server } = await rights(t, kind, {}, `${schema} INSERT INTO project_members VALUES (1, 7, NULL), (2, 8, NULL);`)
    const seven = await subscribe(t, server, { scopes: ['project:*', 'user:7'], headers: as('7') })
    assert.deepEqual(Object.keys((await seven.next('ready')).data.scopes).sort(), ['project:1', 'user:7'])
    for (const other of ['07', ' 7', '7.0', '7e0', '+7']) {
      const answer = await server.ask('/v1/stream?scope=project:1', { headers: as(other) })
      assert.equal(answer.status, 403, `${other}: ${answer.body}`)
    }
  })

  test(`${kind}, while the table is not followed nobody reads by it: 503, and open streams are suspended`, async (t) => {
    const { server, database, settings } = await rights(t, kind, {}, ADA, '1s')
    const stream = await subscribe(t, server, { scopes: ['user:ada', 'project:1'], headers: as('ada') })
    await stream.next('ready')
    await database.tearDown(settings)
    await database.run("INSERT INTO tasks VALUES (99, 9, 'whoever captures hears of it')")
    await poll('suspended', async () => (await server.metric('unstale_membership_rights_total{news="suspended"}')) >= 1)
    const answer = await server.ask('/v1/stream?scope=project:1', { headers: as('ada') })
    assert.equal(answer.status, 503, answer.body)
    await server.mark('project:1', ['published'])
    await server.mark('user:ada', ['published'])
    await stream.until('what is hers', () => staleKeys(stream.events).length > 0)
    assert.deepEqual(staleKeys(stream.events), ['user:ada ["published"]'])
    await database.setUp(settings)
    await stream.until('resumed', () => named(stream.events, 'ready').some((ready) => ready.scopes['project:1'] === 'reset'))
  })

  test(`${kind}, another membership in a reloaded configuration takes effect on open streams`, async (t) => {
    const { server, database, settings } = await rights(t, kind, {}, `${ADA} UPDATE project_members SET role = 'owner' WHERE project_id = 1;`)
    const stream = await subscribe(t, server, { scopes: ['user:ada', 'project:*'], headers: as('ada') })
    await stream.next('ready')
    const next = { ...settings, auth: { ...AUTH, membership: [{ ...MEMBERSHIP[0], where: { gone: null, role: ['owner', 'editor'] } }] } }
    await database.setUp(next)
    writeFileSync(server.file, JSON.stringify(next))
    server.child.kill('SIGHUP')
    await stream.until('revoked', () => named(stream.events, 'revoked').some((event) => event.scope === 'project:2'))
  })

  test(`${kind}, a reloaded configuration without the membership ends what only that granted`, async (t) => {
    const { server, settings } = await rights(t, kind, {}, ADA)
    const ada = await subscribe(t, server, { scopes: ['user:ada', 'project:*'], headers: as('ada') })
    const eve = await open(t, server, { scopes: ['project:2'], headers: as('eve') })
    await ada.next('ready')
    await eve.next('ready')
    const { membership, ...claims } = AUTH
    assert.ok(membership)
    writeFileSync(server.file, JSON.stringify({ ...settings, auth: claims }))
    server.child.kill('SIGHUP')
    await ada.until('revoked', () => named(ada.events, 'revoked').length === 2)
    assert.equal((await eve.over()).code, 4403)
    await ada.reaches(await server.mark('user:ada', ['hers']))
  })
}

/* SQLite's answer is there in the same turn. */
for (const kind of KINDS.filter((kind) => kind !== 'SQLite')) {
  const beating = { limits: { heartbeat: '200ms' } }
  const back = "DELETE FROM project_members WHERE user_id = 'ada' AND project_id = 1; INSERT INTO project_members(project_id, user_id) VALUES (1, 'ada')"
  const owners = "CREATE TABLE owners(project_id INTEGER, user_id TEXT, PRIMARY KEY(project_id, user_id));"
  const owned = { auth: { ...AUTH, membership: [...MEMBERSHIP, { scope: 'project:{project_id}', table: 'owners', user: 'user_id' }] } }

  for (const transport of TRANSPORTS) {
    test(`${kind}, ${transport}: who breaks off while a right is asked about again resumes from before what was withheld`, async (t) => {
      const { server, database } = await rights(t, kind, beating, ADA)
      const scopes = ['user:ada', 'project:1']
      const stream = await enter(t, server, transport, 'ada', { scopes })
      await stream.next('ready')
      const answer = await asking(t, server, database, back)
      const withheld = await server.mark('project:1', ['withheld'])
      await server.mark('user:ada', ['told'])
      await stream.until('what is hers', () => staleKeys(stream.events).length > 0)
      const { data } = await stream.next('heartbeat')
      assert.ok(sequenceOf(data.position) < sequenceOf(withheld), `${data.position} was granted`)
      stream.cut()
      assert.deepEqual(staleKeys(stream.events), ['user:ada ["told"]'])
      await answer()
      const again = await enter(t, server, transport, 'ada', transport === 'SSE' ? { scopes, lastEventId: stream.position as string } : { scopes, since: stream.position as string })
      assert.deepEqual((await again.next('ready')).data.scopes, { 'user:ada': 'exact', 'project:1': 'exact' })
      await again.until('what was withheld', () => staleKeys(again.events).includes('project:1 ["withheld"]'))
    })

    test(`${kind}, ${transport}: the position follows once the right is known to be there, or gone`, async (t) => {
      const { server, database } = await rights(t, kind, owned, owners + ADA)
      const stream = await enter(t, server, transport, 'ada', { scopes: ['user:ada', 'project:1', 'project:2'] })
      await stream.next('ready')
      const answer = await asking(t, server, database, "DELETE FROM project_members WHERE user_id = 'ada' AND project_id = 2; INSERT INTO owners VALUES (1, 'ada')")
      await server.mark('project:1', ['withheld'])
      const told = await server.mark('user:ada', ['told'])
      await stream.until('what is hers', () => staleKeys(stream.events).length > 0)
      await answer()
      assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:2' })
      const ready = await stream.next('ready')
      assert.deepEqual(ready.data.scopes, { 'user:ada': 'exact', 'project:1': 'exact' })
      assert.ok(sequenceOf(ready.data.position) < sequenceOf(told))
      assert.ok(staleKeys(await stream.reaches(told)).includes('project:1 ["withheld"]'))
      await stream.reaches(await server.mark('project:1', ['later']))
    })

    test(`${kind}, ${transport}: the position follows once the last scope that was asked about is gone`, async (t) => {
      const { server, database } = await rights(t, kind, {}, ADA)
      const stream = await enter(t, server, transport, 'ada', { scopes: ['user:ada', 'project:1'] })
      await stream.next('ready')
      const answer = await asking(t, server, database, "DELETE FROM project_members WHERE user_id = 'ada'")
      await server.mark('user:ada', ['told'])
      await stream.until('what is hers', () => staleKeys(stream.events).length > 0)
      await answer()
      await stream.next('revoked')
      await stream.reaches(await server.mark('user:ada', ['later']))
    })
  }

  test(`${kind}, WebSocket: who does not want a scope any more that is asked about, or gets it by a token, waits for nothing`, async (t) => {
    const claims = ['user:{sub}', { scope: 'project:1', when: { role: 'admin' } }]
    const { server, database } = await rights(t, kind, { auth: { ...AUTH, scopes: claims } }, ADA)
    const stream = await open(t, server, { scopes: ['user:ada', 'project:1', 'project:2'], headers: as('ada') })
    await stream.next('ready')
    const answer = await asking(t, server, database, "DELETE FROM project_members WHERE user_id = 'ada'")
    const withheld = await server.mark('project:1', ['withheld'])
    stream.say({ type: 'token', token: mint({ sub: 'ada', role: 'admin', exp: within(3600) }) })
    assert.equal((await stream.next('ready')).data.scopes['project:1'], 'exact')
    await stream.until('what was withheld', () => staleKeys(stream.events).includes('project:1 ["withheld"]'))
    assert.ok(sequenceOf(stream.position as string) < sequenceOf(withheld), `${stream.position} was granted`)
    stream.say({ type: 'unsubscribe', scopes: ['project:2'] })
    await stream.reaches(await server.mark('user:ada', ['later']))
    await answer()
    await stream.reaches(await server.mark('project:1', ['kept']))
    assert.equal(named(stream.events, 'revoked').length, 0)
  })

  test(`${kind}, an endpoint that browsers resume by Last-Event-ID grants nothing meanwhile`, async (t) => {
    const path = '/events?p=1'
    const endpoints = [{ path: '/events', dialect: 'registry', scope: ['user:{claim.sub}', 'project:{query.p}'] }]
    const rules = { ...RULES, notes: { scope: ['user:{user_id}'], stale: [['notes']] } }
    const { server, database } = await rights(t, kind, { endpoints, rules, limits: { spread: '0' } }, ADA)
    const ids = (text: string): string[] => [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] as string)
    const stream = await sse(t, server, path, as('ada'))
    await stream.until('its first id', () => ids(stream.text).length > 0)
    const answer = await asking(t, server, database, back)
    await server.publish({ resource: 'tasks', action: 'updated', id: 'withheld', new: { project_id: 1 } })
    await server.publish({ resource: 'notes', action: 'updated', id: 'told', new: { user_id: 'ada' } })
    await stream.until('what is hers', () => stream.text.includes('"told"'))
    stream.cut()
    assert.ok(!stream.text.includes('withheld'))
    await answer()
    const again = await sse(t, server, path, { ...as('ada'), 'Last-Event-ID': ids(stream.text).at(-1) as string })
    await again.until('what was withheld', () => again.text.includes('"withheld"'))
  })
}

test('PostgreSQL by NOTIFY, a table without a key: what nobody can pair is asked about', async (t) => {
  const schema = 'DROP TABLE project_members; CREATE TABLE project_members(project_id INTEGER, user_id TEXT, role TEXT, gone INTEGER);'
  const { server, database } = await rights(t, 'PostgreSQL by NOTIFY', {}, schema + ADA)
  const stream = await subscribe(t, server, { scopes: ['user:eve', 'project:*'], headers: as('eve') })
  await stream.next('ready')
  await database.run("UPDATE project_members SET gone = 1 WHERE user_id = 'eve'")
  assert.deepEqual((await stream.next('revoked')).data, { scope: 'project:2' })
  await database.run("UPDATE project_members SET project_id = 5, gone = NULL WHERE user_id = 'eve'")
  assert.deepEqual((await stream.next('ready')).data.scopes, { 'user:eve': 'exact', 'project:5': 'reset' })
})

test('PostgreSQL by NOTIFY, more rows than a notification holds revoke all the same', async (t) => {
  const { server, database } = await rights(t, 'PostgreSQL by NOTIFY', {}, ADA)
  const stream = await subscribe(t, server, { scopes: ['user:eve', 'project:*'], headers: as('eve') })
  await stream.next('ready')
  await database.run("INSERT INTO project_members(project_id, user_id) SELECT n, 'bob' || n FROM generate_series(10, 3000) n")
  await database.run('DELETE FROM project_members')
  await stream.until('revoked', () => named(stream.events, 'revoked').some((event) => event.scope === 'project:2'))
  assert.deepEqual(named(stream.events, 'revoked').length, 1)
})

test('triggers of your own cannot keep a membership true', async (t) => {
  const dir = directory(t)
  const source = { postgres: 'postgres://127.0.0.1:1/none', capture: 'notify', channel: 'mine' }
  writeFileSync(join(dir, 'own.yaml'), JSON.stringify(rightsConfig(source)))
  const { code, err, out } = await unstale(dir, ['check', '-c', 'own.yaml'])
  assert.equal(code, 2)
  assert.match(err + out, /triggers of your own/)
})
