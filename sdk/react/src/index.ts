'use client'

export { UnstaleProvider, useUnstale } from './provider.ts'
export type { UnstaleProviderProps } from './provider.ts'
export { useChanges, useConnectionState, useNotices } from './hooks.ts'
export { ConnectionIndicator } from './indicator.ts'
export type { ConnectionIndicatorProps, IndicatorTexts } from './indicator.ts'
