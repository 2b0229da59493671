export { default } from '../../ui/vite.ts'
