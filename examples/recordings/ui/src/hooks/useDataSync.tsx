/* The hooks of the application for its live connection. */

export { LiveProvider as DataSyncProvider, useInvalidateUnlessLive, useLiveStatus as useDataSyncStatus } from '@unstale-examples/ui/live/live.tsx'
