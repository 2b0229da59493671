/* A query's rows in a table, with what one may do about each. */

import { Empty, IconButton, Problem, Skeleton, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import type { UseQueryResult } from '@tanstack/react-query'
import type { ReactNode } from 'react'

interface Row {
  id: string
  updated_at?: number
}

export interface TableProps<T extends Row> {
  query: Pick<UseQueryResult<readonly T[]>, 'data' | 'error' | 'refetch'>
  columns: Record<string, (row: T) => ReactNode>
  onDelete?: (row: T) => void
  empty: string
}

export function Table<T extends Row>({ query, columns, onDelete, empty }: TableProps<T>) {
  const { data, error, refetch } = query
  if (error) return <Problem error={error} onRetry={() => void refetch()} />
  if (!data) return <Skeleton />
  if (data.length === 0) return <Empty icon="search" title={empty} />
  return (
    <table className="rows">
      <thead>
        <tr>
          {Object.keys(columns).map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
          {onDelete && <th aria-label="What to do" />}
        </tr>
      </thead>
      <tbody>
        {data.map((row) => (
          <TableRow key={row.id} row={row} columns={columns} onDelete={onDelete} />
        ))}
      </tbody>
    </table>
  )
}

function TableRow<T extends Row>({ row, columns, onDelete }: { row: T; columns: TableProps<T>['columns']; onDelete: ((row: T) => void) | undefined }) {
  const flash = useFlash(row.updated_at ?? 0)
  return (
    <tr data-id={row.id} className={flash}>
      {Object.entries(columns).map(([name, show], index) => (index === 0 ? <th key={name} scope="row">{show(row)}</th> : <td key={name}>{show(row)}</td>))}
      {onDelete && (
        <td className="row-actions">
          <IconButton icon="trash" label={`Delete ${row.id}`} onClick={() => onDelete(row)} />
        </td>
      )}
    </tr>
  )
}
