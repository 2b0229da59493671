import { useQuery } from '@tanstack/react-query'
import { PageHead } from '@unstale-examples/ui/components/bits.tsx'
import { plural } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { api } from '../../../lib/api.ts'
import { Table } from '../../Table.tsx'

export function QualityGatesPage() {
  usePageTitle('Quality gates')
  const gates = useQuery({ queryKey: ['quality-gates'], queryFn: ({ signal }) => api.qualityGates.list({ pageSize: 100 }, signal).then(({ items }) => items) })
  const health = useQuery({ queryKey: ['quality-health-dashboard'], queryFn: ({ signal }) => api.healthDashboard(signal) })
  const below = (id: string) => health.data?.gates.find((gate) => gate.id === id)?.below
  const { data, error, refetch } = health
  return (
    <>
      <PageHead title="Quality gates" lead={data && `${plural(data.overall.repositories, 'repository', 'repositories')}, ${data.overall.health} % healthy on average.`} />
      <Table query={gates} empty="There is no gate" columns={{ Gate: ({ name }) => name, 'At least': ({ least_health }) => `${least_health} %`, Below: ({ id }) => below(id) ?? '…' }} />
      <h2>Least healthy</h2>
      <Table query={{ data: data?.worst, error, refetch: refetch as never }} empty="No repositories" columns={{ Repository: ({ id }) => id, Health: ({ health }) => `${health} %` }} />
    </>
  )
}
