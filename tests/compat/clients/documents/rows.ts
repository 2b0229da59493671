/* The document's table does not show where its rows come from: they are there when it begins. */
import { useState as reactState } from 'react'

const rows = [
  { id: 'doc_456', embeddedChunks: 0, chunks: 10 },
  { id: 'doc_789', embeddedChunks: 0, chunks: 3 },
]

export const useState = <T>(initial: T) => reactState<T>(Array.isArray(initial) ? (rows as T) : initial)
