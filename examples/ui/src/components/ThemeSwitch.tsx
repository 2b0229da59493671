import { useState } from 'react'
import { IconButton } from './bits.tsx'

const NAME = 'unstale-example.theme'

function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme
  return chosen ? chosen === 'dark' : window.matchMedia('(prefers-color-scheme: dark)').matches
}

/** The system's choice until somebody chooses. */
export function ThemeSwitch() {
  const [dark, setDark] = useState(isDark)

  function toggle() {
    const theme = dark ? 'light' : 'dark'
    document.documentElement.dataset.theme = theme
    setDark(!dark)
    try {
      localStorage.setItem(NAME, theme)
    } catch {
      /* Then it lasts as long as the page. */
    }
  }

  return <IconButton icon={dark ? 'sun' : 'moon'} label={dark ? 'Use light colours' : 'Use dark colours'} onClick={toggle} />
}
