/* A bundler puts the value in, and what only warns or explains to a developer is left out of what it makes for production. Without
 * a bundler there may be no `process`; then nobody is warned. */

export const development = typeof process === 'object' ? process.env.NODE_ENV !== 'production' : false
