// The rules that every dashboard has as long as nobody sets others: a copy of `crdt-core/src/rules/dashboard.json`, which a test
// holds to it.

import type { RuleSetJson } from './set'

export const defaultDashboardRules: RuleSetJson = {
  kind: 'dashboard',
  label: 'title',
  rule: [
    {
      id: 'widgets-apart',
      predicate: 'no_overlap',
      over: 'widgets.*.layout',
      within: 'parent',
      columns: {
        path: 'grid.columns',
        default: 24,
      },
      message: '"{a.title}" and "{b.title}" share a place',
      severity: 'warning',
      proposals: ['push_down', 'first_free'],
    },
    {
      id: 'widgets-on-grid',
      predicate: 'in_bounds',
      over: 'widgets.*.layout',
      columns: {
        path: 'grid.columns',
        default: 24,
      },
      message: '"{title}" reaches beyond the grid of {limit} columns',
      severity: 'warning',
      proposals: ['clamp'],
    },
    {
      id: 'grid-has-columns',
      predicate: 'range',
      over: 'grid.columns',
      min: 1,
      max: 1000,
      message: 'a grid has 1 to 1000 columns, this one has {found}',
      severity: 'error',
      proposals: ['clamp'],
    },
    {
      id: 'parent-exists',
      predicate: 'reference_exists',
      over: 'widgets.*.parent',
      in: 'widgets',
      message: 'the row that held "{title}" is gone',
      severity: 'error',
      proposals: ['clear_reference'],
    },
    {
      id: 'data-source-chosen-once',
      predicate: 'exclusive_field',
      over: 'widgets.*.dataSource',
      message: 'two data sources were chosen for "{title}": {values}',
      severity: 'warning',
      proposals: ['keep_earlier', 'keep_later'],
    },
    {
      id: 'data-attached-once',
      predicate: 'exclusive_field',
      over: 'widgets.*.data',
      message: 'two documents were attached to "{title}": {values}',
      severity: 'warning',
      proposals: ['keep_earlier', 'keep_later'],
    },
    {
      id: 'titles-differ',
      predicate: 'unique',
      over: 'widgets.*.title',
      within: 'parent',
      message: 'there are two widgets "{a.title}" side by side',
      severity: 'info',
      proposals: ['number_title'],
    },
    {
      id: 'widget-has-kind',
      predicate: 'required',
      over: 'widgets.*.kind',
      message: 'nothing says what draws "{title}"',
      severity: 'warning',
      mode: 'audit',
    },
    {
      id: 'widgets-not-too-many',
      predicate: 'max_items',
      over: 'widgets',
      limit: 500,
      message: '{found} widgets on one dashboard, more than {limit}',
      severity: 'info',
      mode: 'audit',
    },
  ],
}
