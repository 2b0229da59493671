export type RecordingFilters = Record<string, unknown>
export type ProjectFilters = Record<string, unknown>
