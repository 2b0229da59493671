/* The filters of the recordings list outlive the tab. What stands in the address wins, so that a link to "the failed ones of
 * this project" works; and what is stored may be anything, so it is read field by field. */

import { STATUSES } from '../types.ts'
import type { RecordingFilters } from '../types.ts'

const NAME = 'recordings.filters'

export function loadSavedFilters(): RecordingFilters {
  const asked = new URLSearchParams(window.location.search)
  asked.delete('transport')
  if (asked.size > 0) return clean(Object.fromEntries(asked))
  try {
    return clean(JSON.parse(localStorage.getItem(NAME) ?? '{}'))
  } catch {
    return clean({})
  }
}

export function saveFilters(filters: RecordingFilters): void {
  const { page: _page, ...rest } = filters
  try {
    localStorage.setItem(NAME, JSON.stringify(rest))
  } catch {
    /* Private windows may refuse; the filters then last as long as the page. */
  }
}

function clean(value: unknown): RecordingFilters {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const filters: RecordingFilters = { page: 1 }
  if (STATUSES.some((status) => status === given.status)) filters.status = String(given.status)
  if (typeof given.project === 'string' && given.project !== '') filters.project = given.project
  if (typeof given.q === 'string' && given.q !== '') filters.q = given.q.slice(0, 200)
  return filters
}
