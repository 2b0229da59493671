/* Drawn on a grid of 20, one stroke. Decoration only: the text beside an icon, or its button's label, says the same. */

const PATHS = {
  dashboard: 'M3.5 3.5h5.5v6.5H3.5zM11 3.5h5.5V7H11zM11 9.5h5.5v7H11zM3.5 12.5H9v4H3.5z',
  recordings: 'M3 8v4M6.5 5v10M10 7.5v5M13.5 3.5v13M17 8v4',
  projects:
    'M2.5 5.5a1.5 1.5 0 0 1 1.5-1.5h3.6l1.9 2.2H16a1.5 1.5 0 0 1 1.5 1.5V14A1.5 1.5 0 0 1 16 15.5H4A1.5 1.5 0 0 1 2.5 14z',
  chats: 'M4 3.5h12A1.5 1.5 0 0 1 17.5 5v7.5A1.5 1.5 0 0 1 16 14H9l-4 3v-3H4a1.5 1.5 0 0 1-1.5-1.5V5A1.5 1.5 0 0 1 4 3.5z',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4',
  pulse: 'M2 10.5h3.5L8 4.5l3.5 11 2.5-5h4',
  plus: 'M10 4v12M4 10h12',
  pencil: 'M12.5 4.5l3 3L7 16l-3.7.7L4 13z',
  trash: 'M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5',
  close: 'M5 5l10 10M15 5L5 15',
  left: 'M12 4.5L6.5 10l5.5 5.5',
  right: 'M8 4.5l5.5 5.5L8 15.5',
  copy: 'M7 7h9v9.5H7zM4 12.5V3.5h9',
  sun: 'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 1.8v1.7M10 16.5v1.7M1.8 10h1.7M16.5 10h1.7M4.2 4.2l1.2 1.2M14.6 14.6l1.2 1.2M15.8 4.2l-1.2 1.2M5.4 14.6l-1.2 1.2',
  moon: 'M16.5 11.8A7 7 0 0 1 8.2 3.5a7 7 0 1 0 8.3 8.3z',
  history: 'M3.5 10a6.5 6.5 0 1 0 2-4.7L3.5 7.2M3.5 3.5v3.7h3.7M10 6.5V10l2.5 1.7',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
