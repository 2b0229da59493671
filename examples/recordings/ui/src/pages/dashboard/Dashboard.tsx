import { PageHead, Problem, Skeleton, StatusChip, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import { Waveform } from '../../components/Waveform.tsx'
import { useDashboardStats } from '../../hooks/useDashboard.ts'
import { ago, bytes, hours, number, plural, shortDay } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { STATUSES } from '../../types.ts'
import type { DashboardStats, Recording } from '../../types.ts'

export function Dashboard() {
  usePageTitle('Dashboard')
  const { data, error, refetch } = useDashboardStats()
  return (
    <>
      <PageHead title="Dashboard" lead="Where everything stands at this moment." />
      {data ? <Board stats={data} /> : error ? <Problem error={error} onRetry={() => void refetch()} /> : <Skeleton rows={4} />}
    </>
  )
}

function Board({ stats }: { stats: DashboardStats }) {
  const { totals } = stats
  const count = (status: string) => stats.by_status.find((one) => one.status === status)?.recordings ?? 0
  const busy = count('uploaded') + count('queued') + count('transcribing')
  return (
    <>
      <dl className="tiles">
        <Tile label="Recordings" value={number(totals.recordings)} note={`in ${plural(totals.projects, 'project')}`} />
        <Tile label="Recorded" value={hours(totals.duration_s)} note={bytes(totals.size_bytes)} />
        <Tile label="On their way" value={number(busy)} note={`${count('transcribing')} being transcribed`} />
        <Tile label="Chats" value={number(totals.conversations)} note="about what was said" />
      </dl>
      <section className="card">
        <h2>By status</h2>
        <StatusBar stats={stats} />
      </section>
      <div className="columns">
        <section className="card">
          <h2>Last two weeks</h2>
          <DayChart days={stats.by_day} />
        </section>
        <section className="card">
          <h2>Changed last</h2>
          <ul className="recent">
            {stats.recent.map((row) => (
              <RecentItem key={row.id} row={row} />
            ))}
          </ul>
        </section>
      </div>
    </>
  )
}

function Tile({ label, value, note }: { label: string; value: string; note: string }) {
  return (
    <div className="tile">
      <dt>{label}</dt>
      <dd>
        <strong>{value}</strong>
        <span className="muted">{note}</span>
      </dd>
    </div>
  )
}

function StatusBar({ stats }: { stats: DashboardStats }) {
  const parts = STATUSES.map((status) => ({
    status,
    count: stats.by_status.find((one) => one.status === status)?.recordings ?? 0,
  }))
  return (
    <>
      <div className="status-bar" aria-hidden="true">
        {parts.map(
          ({ status, count }) => count > 0 && <span key={status} className={`bar-${status}`} style={{ flexGrow: count }} />,
        )}
      </div>
      <ul className="legend">
        {parts.map(({ status, count }) => (
          <li key={status}>
            <Link href={`/recordings?status=${status}`} className={`chip chip-${status}`}>
              {status}
            </Link>
            <b data-status={status}>{number(count)}</b>
          </li>
        ))}
      </ul>
    </>
  )
}

function DayChart({ days }: { days: DashboardStats['by_day'] }) {
  const most = Math.max(1, ...days.map((day) => day.recordings))
  return (
    <ol className="day-chart">
      {days.map(({ day, recordings }, index) => (
        <li key={day} title={`${shortDay(day)}: ${plural(recordings, 'recording')}`}>
          <span className="sr-only">
            {shortDay(day)}: {plural(recordings, 'recording')}
          </span>
          <i style={{ blockSize: `calc((100% - 1.6rem) * ${recordings / most})` }} aria-hidden="true" />
          <small aria-hidden="true">{index % 3 === 1 ? shortDay(day) : ''}</small>
        </li>
      ))}
    </ol>
  )
}

function RecentItem({ row }: { row: Recording }) {
  const flash = useFlash(row.updated_at)
  return (
    <li className={flash} data-id={row.id}>
      <Waveform id={row.id} />
      <div>
        <Link href={`/recordings/${encodeURIComponent(row.id)}`}>{row.title}</Link>
        <span className="muted">{[row.project_name, ago(row.updated_at)].filter(Boolean).join(' · ')}</span>
      </div>
      <StatusChip status={row.status} />
    </li>
  )
}
