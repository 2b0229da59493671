/* The packages as they are published; `npm run build --workspaces --if-present` made them. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'

const run = promisify(execFile)
const sdk = join(import.meta.dirname, '..', '..', 'sdk')
const bin = join(sdk, '..', 'node_modules', '.bin')
const packages = ['client', 'query', 'react', 'testing']

for (const name of packages) {
  const at = join(sdk, name)
  test(`@unstale/${name} is clean to publint and attw`, async () => {
    await run(join(bin, 'publint'), ['run', '--strict', at])
    await run(join(bin, 'attw'), ['--pack', at, '--profile', 'node16'])
  })

  test(`@unstale/${name}: every export is there as ESM, as CommonJS, with types and source maps`, async () => {
    const manifest = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'))
    assert.equal(manifest.sideEffects, false)
    const require = createRequire(join(at, 'package.json'))
    for (const [path, target] of Object.entries<Record<string, Record<string, string>>>(manifest.exports)) {
      if (typeof target === 'string') continue
      for (const way of ['import', 'require'] as const) {
        for (const file of Object.values(target[way] ?? {})) assert.ok(existsSync(join(at, file)), `${path}: ${file}`)
      }
      const id = path === '.' ? manifest.name : manifest.name + path.slice(1)
      const esm = Object.keys(await import(createRequire(join(at, 'package.json')).resolve(id).replace(/\.cjs$/, '.js')))
      assert.deepEqual(Object.keys(require(id)).sort(), esm.filter((key) => key !== 'default' && key !== 'module.exports').sort(), id)
    }
    for (const file of ['index.js', 'index.cjs']) {
      const code = readFileSync(join(at, 'dist', file), 'utf8')
      if (name === 'react') assert.ok(code.startsWith('"use client"'), file)
      if (code.includes('function ')) assert.match(code, /sourceMappingURL/)
    }
  })
}

/* The main entry, bundled and minified for production without its peers and without comments, after gzip -9; bytes. */
const BUDGETS: Record<string, number> = { client: 5000, query: 2500, react: 1500 }
for (const [name, budget] of Object.entries(BUDGETS)) {
  test(`@unstale/${name} is at most ${budget} bytes gzipped`, async (t) => {
    const build = await rolldown({
      input: join(sdk, name, 'dist', 'index.js'),
      platform: 'browser',
      external: [/^@tanstack\//, /^@unstale\//, /^react/],
      transform: { define: { 'process.env.NODE_ENV': '"production"' } },
      logLevel: 'silent',
    })
    const { output } = await build.generate({ format: 'esm', minify: true, comments: false })
    const size = gzipSync(output[0].code, { level: 9 }).length
    t.diagnostic(`${size} bytes`)
    assert.ok(size <= budget, `${size} bytes`)
  })
}
