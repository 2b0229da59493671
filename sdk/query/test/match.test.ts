import { partialMatchKey } from '@tanstack/query-core'
import { expect, test } from 'vitest'
import { keyCovers, scopeCovers } from '../src/index.ts'

const values: unknown[] = [
  null, true, false, 0, 1, 42, 'a', '', 'true', {}, { page: 1 }, { page: 1, sort: 'name' }, { page: { of: 2 } }, { a: null },
  [], ['a'], [1, 'a'], [['a'], { b: 1 }], [null],
]

test('without numbers as text it agrees with partialMatchKey', () => {
  for (const first of values) {
    for (const second of values) {
      for (const [key, mark] of [
        [[first, second], [first]],
        [[first], [second]],
        [[first, second], [second, first]],
        [[{ x: first }], [{ x: second }]],
        [[[first, second]], [[first]]],
      ] as const) {
        expect(keyCovers(mark, key), `${JSON.stringify(mark)} of ${JSON.stringify(key)}`).toBe(partialMatchKey(key, mark))
      }
    }
  }
})

test.each([
  [['tasks', '42'], ['tasks', 42], true],
  [['tasks', 42], ['tasks', '42', 'more'], true],
  [['tasks', { input: { project: '7' } }], ['tasks', { input: { project: 7, page: 1 } }], true],
  [['tasks', [['1', 2]]], ['tasks', [[1, '2']]], true],
  [['tasks', '042'], ['tasks', 42], false],
  [['tasks', 'true'], ['tasks', true], false],
  [['tasks', 'null'], ['tasks', null], false],
  [['tasks', '1.5'], ['tasks', 1.5], true],
  [['tasks', '42'], ['tasks'], false],
])('%j covers %j: %s', (mark, key, expected) => {
  expect(keyCovers(mark, key)).toBe(expected)
})

test('the empty key covers every key', () => {
  for (const value of values) expect(keyCovers([], [value])).toBe(true)
  expect(keyCovers([], [])).toBe(true)
})

test.each([
  ['project:42', 'project:42', true],
  ['project:42', 'project:4', false],
  ['project:*', 'project:42', true],
  ['project:*', 'projects:42', false],
  ['project:*', 'project', false],
  ['org:*', 'org:1:project:2', true],
  ['*', 'project:42', true],
  ['*', 'all', true],
  ['all', 'all', true],
  ['all', 'project:42', false],
  ['project:42', 'project:*', true],
  ['user:42', 'project:*', false],
  ['project:42', '*', true],
])('the scope %s covers %s: %s', (mark, scope, expected) => {
  expect(scopeCovers(mark, scope)).toBe(expected)
})
