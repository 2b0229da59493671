import { useState } from 'react'

/** Chooses a repository and does something with it. */
export function Choose({ label, names, submit, onChoose }: { label: string; names: readonly { id: string }[] | undefined; submit: string; onChoose: (id: string) => void }) {
  const [chosen, choose] = useState('')
  const id = chosen || names?.[0]?.id || ''
  return (
    <form
      className="filters pick"
      onSubmit={(event) => {
        event.preventDefault()
        if (id) onChoose(id)
      }}
    >
      <label>
        <span className="sr-only">{label}</span>
        <select aria-label={label} value={id} onChange={(event) => choose(event.target.value)}>
          {names?.map((one) => (
            <option key={one.id}>{one.id}</option>
          ))}
        </select>
      </label>
      <button type="submit" className="button">
        {submit}
      </button>
    </form>
  )
}
