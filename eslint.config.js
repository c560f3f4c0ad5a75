// What `npm run lint` says no to, for the packages, the app and their tests.

import hooks from 'eslint-plugin-react-hooks'
import typescript from 'typescript-eslint'

export default typescript.config(
  {
    ignores: [
      'target/**',
      '**/dist/**',
      '**/node_modules/**',
      '**/generated/**',
      'crdt-core/**',
      'server/**',
      'tests/web/**',
      'docs/**',
    ],
  },
  ...typescript.configs.strictTypeChecked.map((config) => ({ ...config, files: ['**/*.ts', '**/*.tsx'] })),
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Members of a document are removed by deleting them from the draft of a change.
      '@typescript-eslint/no-dynamic-delete': 'off',
      // `Doc<unknown>` is how Automerge says: a document of whatever shape.
      '@typescript-eslint/no-generated-empty-object-type': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['**/test/**'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
)
