import { createParser } from 'eventsource-parser'
import { describe, expect, test } from 'vitest'
import { createSseParser } from '../src/sse.ts'

type Seen = { event: string; data: string } | { retry: number }

function readOurs(chunks: Uint8Array[]): Seen[] {
  const seen: Seen[] = []
  const feed = createSseParser((event, data) => seen.push({ event, data }), (retry) => seen.push({ retry }))
  const decoder = new TextDecoder()
  for (const chunk of chunks) feed(decoder.decode(chunk, { stream: true }))
  return seen
}

function readTheirs(chunks: Uint8Array[]): Seen[] {
  const seen: Seen[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => seen.push({ event: event ?? 'message', data }),
    onRetry: (retry) => seen.push({ retry }),
  })
  const decoder = new TextDecoder()
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
  return seen
}

const samples: Record<string, string> = {
  'a ready event': 'retry: 1500\nevent: ready\nid: k-1\ndata: {"scopes":{"project:42":"exact"}}\n\n',
  'CRLF': 'event: stale\r\ndata: {"a":1}\r\n\r\nevent: position\r\ndata: {}\r\n\r\n',
  'lone CR': 'event: stale\rdata: 1\r\rdata: 2\r\r',
  'mixed line ends': 'data: 1\r\ndata: 2\ndata: 3\r\r\ndata: 4\n\r\n',
  'several data lines': 'data: one\ndata:\ndata:  two\ndata\n\n',
  'empty data': 'data:\n\ndata\n\nevent: x\n\n',
  'comments and blank lines': ':\n\n: keep-alive\n\n\n\n:x\r\ndata: after\n\n',
  'unknown and odd fields': 'foo: bar\nDATA: no\n data: no\ndata : no\nid\nretry: 12x\nretry:\nretry: 007\ndata: yes\n\n',
  'a byte order mark': '\uFEFFdata: bom\n\n\uFEFFdata: not one\n\ndata: \uFEFFinside\n\n',
  'text beyond ASCII': 'event: größe\ndata: "λ 𝄞 \u2028 \u0000 ünïcode"\n\n',
  'no space, two spaces, colon in value': 'data:a:b\ndata:  c\nevent:e:f\n\n',
  'an unfinished message': 'data: done\n\nevent: half\ndata: never',
  'event is forgotten without data': 'event: lost\n\ndata: plain\n\n',
}

describe('the parser agrees with eventsource-parser', () => {
  for (const [name, text] of Object.entries(samples)) {
    const bytes = new TextEncoder().encode(text)
    test(`${name}, in two chunks split at every byte`, () => {
      for (let at = 0; at <= bytes.length; at += 1) {
        const chunks = [bytes.slice(0, at), bytes.slice(at)]
        expect(readOurs(chunks), `split at ${at}`).toEqual(readTheirs(chunks))
        expect(readOurs(chunks), `split at ${at}`).toEqual(readOurs([bytes]))
      }
    })
    test(`${name}, byte by byte`, () => {
      const chunks = [...bytes].map((byte) => Uint8Array.of(byte))
      expect(readOurs(chunks)).toEqual(readTheirs(chunks))
    })
  }

  test('random streams in random chunks', () => {
    const random = seeded(20250101)
    const pieces = ['data', 'event', 'id', 'retry', ':', ' ', '\n', '\n', '\r', '\r\n', '12', 'x', 'ü', '𝄞', '\uFEFF', '\u0000']
    for (let round = 0; round < 1500; round += 1) {
      const text = Array.from({ length: 1 + random(40) }, () => pieces[random(pieces.length)]).join('')
      const bytes = new TextEncoder().encode(text)
      const chunks: Uint8Array[] = []
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + random(7)
        chunks.push(bytes.slice(at, at + length))
        at += length
      }
      expect(readOurs(chunks), JSON.stringify(text)).toEqual(readTheirs(chunks))
    }
  })
})

test('a message ends at a CR without waiting for what follows', () => {
  expect(readOurs([new TextEncoder().encode('data: now\r\r')])).toEqual([{ event: 'message', data: 'now' }])
})

test('a line, or a message of many lines, beyond the limit is an error', () => {
  const parser = () => createSseParser(() => {}, () => {}, 100)
  expect(() => parser()(`data: ${'x'.repeat(200)}`)).toThrow('more than 100')
  expect(() => parser()('data: 0123456789\n'.repeat(20))).toThrow('more than 100')
  expect(() => parser()('data: 0123456789\n\n'.repeat(20))).not.toThrow()
})

test('a long line in many small chunks takes linear time', () => {
  const seen: string[] = []
  const feed = createSseParser((_, data) => seen.push(data), () => {})
  feed('data: ')
  for (let i = 0; i < 200_000; i += 1) feed('abc')
  feed('\n\n')
  expect(seen[0]).toHaveLength(600_000)
})

function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
