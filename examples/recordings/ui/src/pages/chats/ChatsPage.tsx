import { useState } from 'react'
import {
  Empty,
  FilterText,
  IconButton,
  PageHead,
  Pagination,
  Problem,
  Skeleton,
  TextDialog,
  useFlash,
} from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import {
  useConversations,
  useCreateConversation,
  useDeleteConversation,
  useUpdateConversation,
} from '../../hooks/useConversations.ts'
import { isDraft } from '@unstale-examples/ui/lib/optimistic.ts'
import { ago, plural } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import type { Conversation } from '../../types.ts'

const PAGE_SIZE = 10

export function ChatsPage() {
  usePageTitle('Chats')
  const [q, setQ] = useState('')
  const [asked, setPage] = useState(1)
  const [creating, setCreating] = useState(false)
  const [renaming, setRenaming] = useState<Conversation | null>(null)
  const { data, error, refetch } = useConversations()
  const create = useCreateConversation()
  const update = useUpdateConversation()
  const remove = useDeleteConversation()

  const found = data?.items.filter((chat) => matches(chat, q)) ?? []
  const page = Math.min(asked, Math.max(1, Math.ceil(found.length / PAGE_SIZE)))

  return (
    <>
      <PageHead title="Chats" lead="Questions to the recordings, and what came back.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New chat
        </button>
      </PageHead>
      <div className="filters" role="search" aria-label="Filter chats">
        <FilterText
          label="Filter by title or answer"
          value={q}
          onChange={(value) => {
            setQ(value)
            setPage(1)
          }}
        />
      </div>
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton />
      ) : found.length === 0 ? (
        <Empty icon="chats" title="No chats here" />
      ) : (
        <ul className="chat-list">
          {found.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE).map((chat) => (
            <ChatItem key={chat.id} chat={chat} onRename={() => setRenaming(chat)} onDelete={() => remove.mutate(chat.id)} />
          ))}
        </ul>
      )}
      {data && <Pagination page={page} pageSize={PAGE_SIZE} total={found.length} of="chat" onPage={setPage} />}
      {creating && (
        <TextDialog
          title="New chat"
          label="What do you want to know?"
          submit="Create"
          onClose={() => setCreating(false)}
          onText={(title) => create.mutate(title)}
        />
      )}
      {renaming && (
        <TextDialog
          title="Rename chat"
          label="Title"
          initial={renaming.title}
          submit="Rename"
          onClose={() => setRenaming(null)}
          onText={(title) => update.mutate({ id: renaming.id, title })}
        />
      )}
    </>
  )
}

export function matches(chat: Conversation, q: string): boolean {
  return `${chat.title} ${chat.last_message}`.toLowerCase().includes(q.trim().toLowerCase())
}

function ChatItem({ chat, onRename, onDelete }: { chat: Conversation; onRename: () => void; onDelete: () => void }) {
  const flash = useFlash(chat.updated_at)
  const draft = isDraft(chat)
  return (
    <li className={`card chat ${flash} ${draft ? 'draft' : ''}`} data-id={chat.id}>
      <div>
        <h2>{chat.title}</h2>
        {chat.last_message && <p>{chat.last_message}</p>}
        <p className="muted">
          {plural(chat.message_count, 'message')} · {ago(chat.created_at)}
          {chat.recording_id && chat.recording_title && (
            <>
              {' · '}
              <Link href={`/recordings/${encodeURIComponent(chat.recording_id)}`}>{chat.recording_title}</Link>
            </>
          )}
        </p>
      </div>
      <span className="row-actions">
        <IconButton icon="pencil" label={`Rename ${chat.title}`} disabled={draft} onClick={onRename} />
        <IconButton icon="trash" label={`Delete ${chat.title}`} disabled={draft} onClick={onDelete} />
      </span>
    </li>
  )
}
