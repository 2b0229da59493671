/* Tokens, minted as an application does it. */

import { createHmac, type KeyObject, sign } from 'node:crypto'

export const SECRET = 'a secret of more than thirty-two bytes'

export type Claims = Record<string, unknown>

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** HS256. */
export function mint(claims: Claims, secret = SECRET): string {
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** EdDSA. */
export function mintWith(key: KeyObject, kid: string, claims: Claims): string {
  const text = `${part({ alg: 'EdDSA', kid })}.${part(claims)}`
  return `${text}.${sign(null, Buffer.from(text), key).toString('base64url')}`
}

/** Seconds since 1970, so many from now on. */
export function within(seconds: number): number {
  return Date.now() / 1000 + seconds
}

export function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` }
}
