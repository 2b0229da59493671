/* The small parts that every page uses. */

import { useEffect, useId, useRef, useState } from 'react'
import type { ButtonHTMLAttributes, FormEvent, ReactNode } from 'react'
import { plural } from '../lib/format.ts'
import { Icon } from './Icon.tsx'
import type { IconName } from './Icon.tsx'

export function StatusChip({ status }: { status: string }) {
  return <span className={`chip chip-${status}`}>{status}</span>
}

export function PageHead({ title, lead, children }: { title: ReactNode; lead?: ReactNode; children?: ReactNode }) {
  return (
    <header className="page-head">
      <div>
        <h1>{title}</h1>
        {lead && <p className="lead">{lead}</p>}
      </div>
      {children && <div className="page-actions">{children}</div>}
    </header>
  )
}

export function IconButton({
  icon,
  label,
  className = '',
  ...rest
}: { icon: IconName; label: string } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  )
}

/** A text that becomes a filter once the typing pauses. */
export function FilterText({ label, value, onChange }: { label: string; value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value)
  const latest = useRef(onChange)
  latest.current = onChange

  useEffect(() => setText(value), [value])
  useEffect(() => {
    if (text === value) return
    const timer = setTimeout(() => latest.current(text), 250)
    return () => clearTimeout(timer)
  }, [text, value])

  return (
    <label className="field-search">
      <span className="sr-only">{label}</span>
      <Icon name="search" />
      <input type="search" placeholder={label} value={text} maxLength={200} onChange={(event) => setText(event.target.value)} />
    </label>
  )
}

export function Pagination({
  page,
  pageSize,
  total,
  onPage,
  of,
}: {
  page: number
  pageSize: number
  total: number
  onPage: (page: number) => void
  of: string
}) {
  const pages = Math.max(1, Math.ceil(total / pageSize))
  if (total === 0) return null
  return (
    <nav className="pagination" aria-label={`Pages of ${of}s`}>
      <span className="muted">{plural(total, of)}</span>
      <div>
        <IconButton icon="left" label="Previous page" disabled={page <= 1} onClick={() => onPage(page - 1)} />
        <span aria-current="page">
          Page {page} of {pages}
        </span>
        <IconButton icon="right" label="Next page" disabled={page >= pages} onClick={() => onPage(page + 1)} />
      </div>
    </nav>
  )
}

export function Skeleton({ rows = 6 }: { rows?: number }) {
  return (
    <div className="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} />
      ))}
    </div>
  )
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children && <p>{children}</p>}
    </div>
  )
}

export function Problem({ error, onRetry }: { error: Error; onRetry: () => void }) {
  return (
    <div className="problem" role="alert">
      <p>
        <strong>This could not be loaded.</strong> {error.message}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  )
}

/** A modal question. Closing it in any way calls `onClose`. */
export function Dialog({
  title,
  onClose,
  onSubmit,
  submit,
  danger = false,
  children,
}: {
  title: string
  onClose: () => void
  onSubmit: () => void
  submit: string
  danger?: boolean
  children: ReactNode
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const heading = useId()

  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    return () => element?.close()
  }, [])

  function finish(event: FormEvent) {
    event.preventDefault()
    onSubmit()
    onClose()
  }

  return (
    <dialog
      ref={dialog}
      aria-labelledby={heading}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <form onSubmit={finish}>
        <h2 id={heading}>{title}</h2>
        {children}
        <div className="dialog-actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className={`button ${danger ? 'button-danger' : 'button-primary'}`}>
            {submit}
          </button>
        </div>
      </form>
    </dialog>
  )
}

/** Asks for one text, for instance a new name. */
export function TextDialog({
  title,
  label,
  initial = '',
  submit,
  onClose,
  onText,
}: {
  title: string
  label: string
  initial?: string
  submit: string
  onClose: () => void
  onText: (text: string) => void
}) {
  const [text, setText] = useState(initial)
  return (
    <Dialog title={title} submit={submit} onClose={onClose} onSubmit={() => text.trim() !== initial && onText(text.trim())}>
      <label className="field">
        {label}
        <input
          value={text}
          onChange={(event) => setText(event.target.value)}
          onFocus={(event) => event.target.select()}
          pattern=".*\S.*"
          title="Not only spaces"
          maxLength={200}
          required
          autoFocus
        />
      </label>
    </Dialog>
  )
}

/** 'flash' for a moment after a row was written, whoever wrote it. */
export function useFlash(updatedAt: number): string {
  const shown = useRef<number | null>(null)
  const [flash, setFlash] = useState(false)

  useEffect(() => {
    const isNew = shown.current === null ? Date.now() - updatedAt < 2500 : updatedAt > shown.current
    shown.current = updatedAt
    if (!isNew) return
    setFlash(true)
    const timer = setTimeout(() => setFlash(false), 1800)
    return () => clearTimeout(timer)
  }, [updatedAt])

  return flash ? 'flash' : ''
}
