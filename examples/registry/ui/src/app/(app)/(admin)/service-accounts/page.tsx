import { useQuery } from '@tanstack/react-query'
import { PageHead, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { AFTER_SERVICE_ACCOUNTS, useWrite } from '../../../../hooks/use-admin-mutations.ts'
import { api } from '../../../../lib/api.ts'
import { Table } from '../../../Table.tsx'

export function ServiceAccountsPage() {
  usePageTitle('Service accounts')
  const [creating, setCreating] = useState(false)
  const accounts = useQuery({ queryKey: ['service-accounts'], queryFn: ({ signal }) => api.serviceAccounts.list({ pageSize: 200 }, signal).then(({ items }) => items) })
  const create = useWrite((name: string) => api.serviceAccounts.create({ name }), AFTER_SERVICE_ACCOUNTS)
  const remove = useWrite(api.serviceAccounts.delete, AFTER_SERVICE_ACCOUNTS)
  return (
    <>
      <PageHead title="Service accounts">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New service account
        </button>
      </PageHead>
      <Table query={accounts} empty="No service accounts" columns={{ Name: ({ name }) => name, State: ({ enabled }) => (enabled ? 'enabled' : 'disabled') }} onDelete={({ id }) => remove.mutate(id)} />
      {creating && <TextDialog title="New service account" label="Name" submit="Create" onClose={() => setCreating(false)} onText={(name) => create.mutate(name)} />}
    </>
  )
}
