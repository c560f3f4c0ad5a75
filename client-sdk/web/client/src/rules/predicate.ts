// What a rule may demand: a closed list, and what each demand was compiled to.

import type { Field } from './plan'

/** The four members of a rectangle: x, y, w, h. */
export type RectangleFields = readonly [Field, Field, Field, Field]

/** A number, or a field of the root where one stands. */
export type Operand =
  | { readonly operand: 'number'; readonly number: number }
  | {
      readonly operand: 'root'
      readonly field: Field
      readonly path: string
      readonly default: number | undefined
    }

/** A predicate with its parameters, as it is evaluated. Fields are those of the rule's collection. */
export type Check =
  /** No two rectangles share a place. */
  | {
      readonly predicate: 'no_overlap'
      readonly rectangle: RectangleFields
      readonly within: Field | undefined
      readonly columns: Operand | undefined
    }
  /** A rectangle lies on the grid. */
  | { readonly predicate: 'in_bounds'; readonly rectangle: RectangleFields; readonly columns: Operand }
  /** No two items have the same value. */
  | {
      readonly predicate: 'unique'
      readonly value: Field
      readonly within: Field | undefined
      readonly ignoreEmpty: boolean
    }
  /** The value is the key of an item of the collection `target`. */
  | { readonly predicate: 'reference_exists'; readonly value: Field; readonly target: number }
  /** No more items than that. */
  | { readonly predicate: 'max_items'; readonly limit: Operand }
  /** The value is there. */
  | { readonly predicate: 'required'; readonly value: Field }
  /** The value is a number within bounds. */
  | {
      readonly predicate: 'range'
      readonly value: Field
      readonly min: Operand | undefined
      readonly max: Operand | undefined
    }
  /** The value is one of these, as canonical JSON. */
  | { readonly predicate: 'one_of'; readonly value: Field; readonly allowed: ReadonlySet<string> }
  /** The values of all items amount to no more than that. */
  | { readonly predicate: 'sum_at_most'; readonly value: Field; readonly limit: Operand }
  /** One of these at most is there. */
  | { readonly predicate: 'mutually_exclusive'; readonly fields: readonly Field[] }
  /** The value is the one that the object was created with. */
  | { readonly predicate: 'immutable'; readonly value: Field }
  /** Nobody has set the value to something else while apart. */
  | { readonly predicate: 'exclusive_field'; readonly value: Field }

/** The name of a predicate. */
export type Predicate = Check['predicate']

/** The predicates that are judged here, in the order of the documentation, and the parameters that each takes. */
export const PREDICATES: Readonly<Record<Predicate, readonly string[]>> = {
  no_overlap: ['within', 'columns'],
  in_bounds: ['columns'],
  unique: ['within', 'ignore_empty'],
  reference_exists: ['in'],
  max_items: ['limit'],
  required: [],
  range: ['min', 'max'],
  one_of: ['values'],
  sum_at_most: ['limit'],
  mutually_exclusive: ['fields'],
  immutable: [],
  exclusive_field: [],
}

/** Whether a predicate is one of those that are judged here. */
export function isPredicate(name: string): name is Predicate {
  return Object.hasOwn(PREDICATES, name)
}
