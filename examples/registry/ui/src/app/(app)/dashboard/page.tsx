import { useQuery } from '@tanstack/react-query'
import { PageHead } from '@unstale-examples/ui/components/bits.tsx'
import { ago, bytes, number } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { api } from '../../../lib/api.ts'
import { dependencyTrackStatus } from '../../../lib/queries.ts'
import { useIsAdmin } from '../../../providers/user.tsx'
import { Table } from '../../Table.tsx'

const TILES = { users: 'Users', groups: 'Groups', service_accounts: 'Service accounts', repositories: 'Repositories', permissions: 'Permissions', artifacts: 'Artifacts' } as const

export function DashboardPage() {
  usePageTitle('Dashboard')
  const stats = useQuery({ queryKey: ['admin-stats'], queryFn: ({ signal }) => api.stats(signal), enabled: useIsAdmin() })
  const recent = useQuery({ queryKey: ['recent-repositories'], queryFn: ({ signal }) => api.recentRepositories(signal) })
  const status = useQuery(dependencyTrackStatus)
  return (
    <>
      <PageHead title="Dashboard" lead={status.data ? `Dependency-Track is ${status.data.status}, ${status.data.findings_of} repositories are scanned.` : undefined} />
      {stats.data && (
        <dl className="tiles">
          {Object.entries(TILES).map(([name, text]) => (
            <div className="tile" key={name}>
              <dt>{text}</dt>
              <dd data-stat={name}>{number(stats.data[name as keyof typeof TILES])}</dd>
            </div>
          ))}
        </dl>
      )}
      <h2>Changed last</h2>
      <Table
        query={recent}
        empty="No repositories"
        columns={{ Repository: ({ id }) => id, Format: ({ format }) => format, Size: ({ size_bytes }) => bytes(size_bytes), Changed: ({ updated_at }) => ago(updated_at) }}
      />
    </>
  )
}
