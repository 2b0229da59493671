import { useState } from 'react'
import type { FormEvent, ReactNode } from 'react'
import { Empty, IconButton, PageHead, Problem, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useConversations } from '../../hooks/useConversations.ts'
import { useProjects } from '../../hooks/useProjects.ts'
import { useRecordings } from '../../hooks/useRecordings.ts'
import { useForgetSearch, useRunSearch, useSearchHistory } from '../../hooks/useSearchHistory.ts'
import { ago, plural } from '@unstale-examples/ui/lib/format.ts'
import { isDraft } from '@unstale-examples/ui/lib/optimistic.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { matches } from '../chats/ChatsPage.tsx'

const SHOWN = 8

export function SearchPage() {
  usePageTitle('Search')
  const [text, setText] = useState('')
  const [q, setQ] = useState('')
  const run = useRunSearch()

  function search(query: string) {
    const wanted = query.trim()
    setText(wanted)
    setQ(wanted)
    if (wanted !== '') run.mutate(wanted)
  }

  function submit(event: FormEvent) {
    event.preventDefault()
    search(text)
  }

  return (
    <>
      <PageHead title="Search" lead="In recordings, projects and chats. The results stay fresh while you look at them." />
      <form className="search-form" role="search" onSubmit={submit}>
        <label className="field-search">
          <span className="sr-only">Search for</span>
          <Icon name="search" />
          <input
            type="search"
            placeholder="Tides, gearbox, a name…"
            value={text}
            maxLength={200}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <button type="submit" className="button button-primary">
          Search
        </button>
      </form>
      <div className="columns search-columns">
        <div>{q === '' ? <Empty icon="search" title="What are you looking for?" /> : <Results q={q} />}</div>
        <History onPick={search} />
      </div>
    </>
  )
}

function Results({ q }: { q: string }) {
  const recordings = useRecordings({ page: 1, pageSize: SHOWN, q })
  const projects = useProjects({ page: 1, pageSize: SHOWN, q })
  const chats = useConversations()
  const error = recordings.error ?? projects.error ?? chats.error

  if (error)
    return <Problem error={error} onRetry={() => void Promise.all([recordings.refetch(), projects.refetch(), chats.refetch()])} />
  if (!recordings.data || !projects.data || !chats.data) return <Skeleton />

  const found = chats.data.items.filter((chat) => matches(chat, q))
  const total = recordings.data.total + projects.data.total + found.length
  return (
    <div aria-live="polite">
      <p className="muted">
        {plural(total, 'result')} for <strong>{q}</strong>
      </p>
      <ResultGroup title="Recordings" total={recordings.data.total}>
        {recordings.data.items.map((row) => (
          <li key={row.id}>
            <Link href={`/recordings/${encodeURIComponent(row.id)}`}>{row.title}</Link>
            <span className="muted">{row.project_name ?? 'no project'}</span>
          </li>
        ))}
      </ResultGroup>
      <ResultGroup title="Projects" total={projects.data.total}>
        {projects.data.items.map((row) => (
          <li key={row.id}>
            {isDraft(row) ? row.name : <Link href={`/projects/${encodeURIComponent(row.id)}`}>{row.name}</Link>}
            <span className="muted">{plural(row.recordings, 'recording')}</span>
          </li>
        ))}
      </ResultGroup>
      <ResultGroup title="Chats" total={found.length}>
        {found.slice(0, SHOWN).map((chat) => (
          <li key={chat.id}>
            <Link href="/chats">{chat.title}</Link>
            <span className="muted">{chat.recording_title ?? ''}</span>
          </li>
        ))}
      </ResultGroup>
    </div>
  )
}

function ResultGroup({ title, total, children }: { title: string; total: number; children: ReactNode }) {
  if (total === 0) return null
  return (
    <section className="card">
      <h2>
        {title} <span className="muted">{total}</span>
      </h2>
      <ul className="plain-list">{children}</ul>
    </section>
  )
}

function History({ onPick }: { onPick: (query: string) => void }) {
  const { data, error, refetch } = useSearchHistory()
  const forget = useForgetSearch()
  return (
    <section className="card history">
      <h2>
        <Icon name="history" /> Recent searches
      </h2>
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton rows={4} />
      ) : data.items.length === 0 ? (
        <p className="muted">Nothing yet.</p>
      ) : (
        <ul>
          {data.items.slice(0, 12).map((search) => (
            <li key={search.id}>
              <button type="button" className="button-quiet" onClick={() => onPick(search.query)}>
                {search.query}
              </button>
              <span className="muted">{ago(search.created_at)}</span>
              <IconButton icon="close" label={`Forget ${search.query}`} onClick={() => forget.mutate(search.id)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
