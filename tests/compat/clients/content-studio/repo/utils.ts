export const cn = (...names: unknown[]): string => names.filter(Boolean).join(' ')
