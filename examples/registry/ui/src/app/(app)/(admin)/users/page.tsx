import { useQuery } from '@tanstack/react-query'
import { PageHead, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { AFTER_USERS, useWrite } from '../../../../hooks/use-admin-mutations.ts'
import { api } from '../../../../lib/api.ts'
import { Table } from '../../../Table.tsx'

export function UsersPage() {
  usePageTitle('Users')
  const [creating, setCreating] = useState(false)
  const users = useQuery({ queryKey: ['admin-users'], queryFn: ({ signal }) => api.users.list({ pageSize: 200 }, signal).then(({ items }) => items) })
  const create = useWrite((name: string) => api.users.create({ name, login: name.toLowerCase().replaceAll(' ', '-') }), AFTER_USERS)
  const remove = useWrite(api.users.delete, AFTER_USERS)
  return (
    <>
      <PageHead title="Users">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New user
        </button>
      </PageHead>
      <Table query={users} empty="Nobody" columns={{ Name: ({ name }) => name, Login: ({ login }) => login, Role: ({ role }) => role, Groups: ({ groups }) => groups }} onDelete={({ id }) => remove.mutate(id)} />
      {creating && <TextDialog title="New user" label="Name" submit="Create" onClose={() => setCreating(false)} onText={(name) => create.mutate(name)} />}
    </>
  )
}
