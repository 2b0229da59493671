import { defineConfig } from 'vitest/config'

/* The packages as they are, not as they were built. */
const conditions = ['unstale-source']

export default defineConfig({
  resolve: { conditions: [...conditions, 'module', 'browser', 'development|production'] },
  ssr: { resolve: { conditions: [...conditions, 'module', 'node', 'development|production'] } },
  test: {
    include: ['*/test/**/*.test.ts'],
    testTimeout: 10_000,
  },
})
