import { useEffect, useState } from 'react'
import type { Key } from '@unstale/client'
import { timeOfDay } from '../lib/format.ts'
import type { Happening, History, Refetch } from '../live/activity.ts'
import { useActivity, useLiveStatus } from '../live/live.tsx'
import { IconButton } from './bits.tsx'
import { LiveSign } from './ConnectionStatus.tsx'

const MOST_KEYS = 6

export interface ActivityPanelProps {
  database: string | null
  /** SQL to try out; it should do something each time. */
  statement: string
  onClose: () => void
}

export function ActivityPanel({ database, statement, onClose }: ActivityPanelProps) {
  const { happenings, pushes, fetches, clear } = useActivity()
  return (
    <aside className="activity" aria-label="What just happened">
      <header>
        <h2>What just happened</h2>
        <LiveSign />
        <IconButton icon="close" label="Hide this panel" onClick={onClose} />
      </header>
      <Summary happenings={happenings} pushes={pushes} fetches={fetches} />
      <TryIt database={database} statement={statement} open={happenings.length < 2} />
      <ol className="happenings">
        {happenings.map((happening) => (
          <HappeningItem key={happening.id} happening={happening} />
        ))}
      </ol>
      <footer>
        <Connection />
        {happenings.length > 0 && (
          <button type="button" className="button-quiet" onClick={clear}>
            Clear
          </button>
        )}
      </footer>
    </aside>
  )
}

/* ---- numbers ---- */

function writtenSpan({ writtenAt, paintedAt }: Happening): number | null {
  return writtenAt !== null && paintedAt !== null ? Math.max(0, paintedAt - writtenAt) : null
}

function Summary({ happenings, pushes, fetches }: History) {
  const spans = happenings
    .filter((one) => one.from === 'stale')
    .map(writtenSpan)
    .filter((span) => span !== null)
  return (
    <dl className="activity-summary">
      <div>
        <dt>pushes</dt>
        <dd>{pushes}</dd>
      </div>
      <div title="A refetch that answers several pushes counts once">
        <dt>refetches</dt>
        <dd>{fetches}</dd>
      </div>
      <div title="Median, from the time in the written row to the frame that showed it">
        <dt>written → screen</dt>
        <dd>{spans.length > 0 ? span(median(spans)) : '–'}</dd>
      </div>
    </dl>
  )
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function span(milliseconds: number): string {
  return milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(0)} s`
}

/* ---- one push ---- */

const TITLES: Record<Exclude<Happening['from'], 'stale'>, string> = {
  reset: 'Reset: anything may be stale',
  fresh: 'Connected: checking what was fetched before',
  attach: 'Attached',
}

function HappeningItem({ happening }: { happening: Happening }) {
  const { keys, refetches, from } = happening
  const looked = refetches.filter((one) => one.state !== 'later')
  const later = refetches.length - looked.length
  return (
    <li className={`happening happening-${from}`}>
      <div className="happening-head">
        <strong>{from === 'stale' ? subject(keys) : TITLES[from]}</strong>
        <time dateTime={new Date(happening.at).toISOString()}>{timeOfDay(happening.at)}</time>
      </div>
      {from === 'stale' && (
        <ul className="keys" aria-label="Keys that went stale">
          {keys.slice(0, MOST_KEYS).map((key) => (
            <li key={JSON.stringify(key)}>
              <KeyText value={key} />
            </li>
          ))}
          {keys.length > MOST_KEYS && <li className="muted">and {keys.length - MOST_KEYS} more</li>}
        </ul>
      )}
      {looked.length > 0 && (
        <ul className="refetches" aria-label="Queries that were fetched again">
          {looked.map((refetch) => (
            <RefetchItem key={refetch.hash} refetch={refetch} />
          ))}
        </ul>
      )}
      <p className="happening-foot">
        <Latency happening={happening} />
        <span className="muted">
          {later > 0
            ? `${later} off screen, fetched when opened`
            : looked.length === 0
              ? 'nothing here shows it: no refetch'
              : ''}
        </span>
      </p>
    </li>
  )
}

/** What the keys say about the change: the rows while they are few, else the resources. */
function subject(keys: readonly Key[]): string {
  const rows = keys.filter((key) => key[1] === 'detail')
  if (rows.length > 2) return `${rows.length} rows of ${resources(rows)}`
  if (rows.length > 0) return rows.map(([resource, , id]) => `${resource} ${id ?? '(many)'}`).join(', ')
  return resources(keys)
}

function resources(keys: readonly Key[]): string {
  return [...new Set(keys.map(([first]) => (Array.isArray(first) ? first.join('.') : String(first ?? 'everything'))))].join(', ')
}

function KeyText({ value }: { value: Key }) {
  return <code>{value.length === 0 ? '[ ] everything' : JSON.stringify(value).replaceAll(',', ', ')}</code>
}

const STATES: Record<Refetch['state'], string> = {
  waiting: 'about to be fetched',
  fetching: 'being fetched',
  done: 'fetched again',
  failed: 'failed',
  later: 'later',
}

function RefetchItem({ refetch }: { refetch: Refetch }) {
  return (
    <li className={`refetch refetch-${refetch.state}`}>
      <KeyText value={refetch.key} />
      <span className="sr-only">{STATES[refetch.state]}</span>
    </li>
  )
}

function Latency({ happening }: { happening: Happening }) {
  const { at, paintedAt } = happening
  const written = writtenSpan(happening)
  if (paintedAt === null) return null
  if (happening.from !== 'stale') return <span className="latency latency-part">on screen after {span(paintedAt - at)}</span>
  if (written !== null)
    return (
      <span className="latency" title="From the time in the written row, as its refetch brought it, to the frame that shows it">
        <b>{span(written)}</b> written → on screen
      </span>
    )
  return (
    <span
      className="latency latency-part"
      title="From the arrival of the message to the frame after its last refetch. No refetched row carries a newer time of writing (a deleted row carries none)."
    >
      <b>{span(paintedAt - at)}</b> pushed → on screen
    </span>
  )
}

/* ---- around it ---- */

function TryIt({ database, statement, open }: { database: string | null; statement: string; open: boolean }) {
  const [copied, setCopied] = useState(false)
  const [wanted, setWanted] = useState<boolean | null>(null)
  const command = commandFor(database ?? 'app.db', statement)

  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1500)
    return () => clearTimeout(timer)
  }, [copied])

  return (
    <details
      className="try-it"
      open={wanted ?? open}
      onToggle={(event) => event.currentTarget.open !== (wanted ?? open) && setWanted(event.currentTarget.open)}
    >
      <summary>Change a row from a shell</summary>
      <p>The page has no part in it, and neither has its backend. Keep this in sight and run:</p>
      <div className="command">
        <code>{command}</code>
        <IconButton
          icon="copy"
          label="Copy the command"
          onClick={() => void navigator.clipboard?.writeText(command).then(() => setCopied(true))}
        />
      </div>
      <p role="status" className="muted">
        {copied ? 'Copied.' : ''}
      </p>
    </details>
  )
}

function commandFor(database: string, statement: string): string {
  return database.startsWith('postgres') ? `psql ${database} -c "${statement}"` : `sqlite3 ${quote(database)} "${statement}"`
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

function Connection() {
  const { state, reconnect } = useLiveStatus()
  if (state.status === 'connected')
    return (
      <span className="muted" title="What the server could say about the time before this connection">
        {Object.entries(state.scopes).map(([scope, answer]) => (
          <span key={scope}>
            scope <code>{scope}</code>, {answer}{' '}
          </span>
        ))}
      </span>
    )
  return (
    <span className="muted">
      {state.failure?.message ?? 'connecting'}{' '}
      <button type="button" className="button-quiet" onClick={reconnect}>
        Try now
      </button>
    </span>
  )
}
