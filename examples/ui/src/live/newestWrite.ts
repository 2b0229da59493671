/* When the newest row in an answer was written, by the row's own column; null when the answer carries no such time. */
export function newestWrite(data: unknown): number | null {
  if (typeof data !== 'object' || data === null) return null
  if (Array.isArray(data)) return data.map(newestWrite).reduce(later, null)
  const { items, totals, updated_at: updated, created_at: created } = data as Record<string, unknown>
  if (Array.isArray(items)) return items.map(newestWrite).reduce(later, null)
  if (totals !== undefined) return newestWrite(totals)
  if (typeof updated === 'number') return updated
  return typeof created === 'number' ? created : null
}

export function later(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.max(a, b)
}
