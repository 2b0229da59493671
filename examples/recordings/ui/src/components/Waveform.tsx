/* A picture for a recording: always the same for the same id. It stands for the sound, it does not show it. */

import type { CSSProperties } from 'react'

export function Waveform({ id, bars = 14, className = '' }: { id: string; bars?: number; className?: string }) {
  const heights = wave(id, bars)
  const width = bars * 4 - 2
  return (
    <svg className={`waveform ${className}`} viewBox={`0 0 ${width} 24`} preserveAspectRatio="none" aria-hidden="true">
      {heights.map((height, index) => (
        <rect
          key={index}
          x={index * 4}
          y={12 - height / 2}
          width="2"
          height={height}
          rx="1"
          style={{ '--bar': index } as CSSProperties}
        />
      ))}
    </svg>
  )
}

function wave(id: string, bars: number): number[] {
  let seed = 2166136261
  for (const character of id) seed = Math.imul(seed ^ character.charCodeAt(0), 16777619)
  return Array.from({ length: bars }, (_, index) => {
    seed = Math.imul(seed ^ (seed >>> 15), 2246822519) + index
    const noise = ((seed >>> 8) & 0xffff) / 0xffff
    const envelope = Math.sin(((index + 0.8) / (bars + 0.6)) * Math.PI)
    return 3 + Math.round(noise * envelope * 20)
  })
}
