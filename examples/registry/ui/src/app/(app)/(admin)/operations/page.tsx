/* Two pages that poll, as they did before: what they show changes without any row being written. */

import { useQuery } from '@tanstack/react-query'
import { PageHead, StatusChip } from '@unstale-examples/ui/components/bits.tsx'
import { bytes, fullTime, timeOfDay } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { backups, monitoring } from '../../../../lib/queries.ts'
import { Table } from '../../../Table.tsx'

export function MonitoringPage() {
  usePageTitle('Monitoring')
  const { data } = useQuery(monitoring)
  return (
    <>
      <PageHead title="Monitoring" lead={data && `Measured at ${timeOfDay(data.measured_at)}.`} />
      {data && (
        <dl className="tiles">
          <div className="tile">
            <dt>Scans waiting</dt>
            <dd>{data.scans_waiting}</dd>
          </div>
          <div className="tile">
            <dt>Replications failed</dt>
            <dd>{data.replications_failed}</dd>
          </div>
        </dl>
      )}
    </>
  )
}

export function BackupsPage() {
  usePageTitle('Backups')
  const taken = useQuery(backups)
  return (
    <>
      <PageHead title="Backups" />
      <Table query={taken} empty="No backups" columns={{ Taken: ({ created_at }) => fullTime(created_at), Status: ({ status }) => <StatusChip status={status} />, Size: ({ size_bytes }) => bytes(size_bytes) }} />
    </>
  )
}
