// The page of stories. Public names only.

export { StoriesPage } from './StoriesPage'
