import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts', 'src/map.ts', 'src/persist.ts', 'src/helpers.ts', 'src/report.ts'],
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  dts: true,
  sourcemap: true,
  fixedExtension: false,
})
