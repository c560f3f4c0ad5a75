// Whose a right is: tabs of one store may be different people, and no one of them may take another's right for their own.

import { expect, test } from 'vitest'
import { mayBe, readWhose, rightOf, whose, withRight, type Right, type Whose } from '../src/rights'
import type { Session } from '../src/types'

const ana: Whose = { user: 'ana', link: null }
const bo: Whose = { user: 'bo', link: null }
const byLink: Whose = { user: 'link:1', link: 'digest' }
const may = (who: Whose, role: Right['role']): Right => ({ whose: who, role, paths: undefined })

test('CL230 nobody takes a right of somebody else for their own', () => {
  const rights = [may(ana, 'admin'), may(bo, 'read'), may(byLink, 'none')]
  expect(rightOf(rights, ana)?.role).toBe('admin')
  expect(rightOf(rights, bo)?.role).toBe('read')
  expect(rightOf(rights, byLink)?.role).toBe('none')
  // The same person by another way may do something else.
  expect(rightOf(rights, { ...ana, link: 'digest' })).toBeUndefined()
})

test('CL230 who does not know yet who they are believes what all agree on whom they could be', () => {
  const nobodyYet: Whose = { user: undefined, link: null }
  expect(rightOf([may(ana, 'write')], nobodyYet)?.role).toBe('write')
  expect(rightOf([may(ana, 'write'), may(bo, 'read')], nobodyYet)).toBeUndefined()
  expect(rightOf([may(ana, 'write'), may(byLink, 'read')], nobodyYet)?.role).toBe('write')
  expect(mayBe(nobodyYet, byLink)).toBe(false)
})

test('CL230 of one person the last counts, and of many the last twenty', () => {
  expect(withRight([may(ana, 'read'), may(bo, 'write')], may(ana, 'write'))).toEqual([
    may(bo, 'write'),
    may(ana, 'write'),
  ])
  const many = Array.from({ length: 30 }, (_, n) => may({ user: `${n}`, link: null }, 'read'))
  const kept = many.reduce<readonly Right[]>(withRight, [])
  expect(kept.map((right) => right.whose.user)).toEqual(many.slice(10).map((right) => right.whose.user))
})

test('CL230 the secret of a link is told to nobody', () => {
  const session = { user: { id: 'link:1' } } as unknown as Session
  const me = whose({ link: 'dvl_secret' }, session)
  expect(JSON.stringify(me)).not.toContain('secret')
  expect(me.user).toBe('link:1')
  expect(whose({}, undefined)).toEqual({ user: undefined, link: null })
  expect(whose({}, { user: null } as Session)).toEqual({ user: null, link: null })
  expect([readWhose(me), readWhose({ user: undefined, link: null }), readWhose(5)]).toEqual([
    me,
    undefined,
    undefined,
  ])
})
