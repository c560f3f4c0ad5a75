import type { Access, Api, DocumentId, Grant } from '@dovetail/client'
import { describe, expect, it } from 'vitest'
import { badName, edited, linkAddress, placesOf, untilOf } from '../src/share/grants'
import { writeAccess } from '../src/share/write'

const ID = '4NMNnkMhL8jXrdJ9jamS58PAVdXu' as DocumentId

describe('an edit of who may do what', () => {
  const bo: Grant = { user: 'bo', role: 'write', paths: ['/widgets/*/title'], until: 5 }
  const link: Grant = { link: '3fa0', role: 'read' }

  it('gives somebody a role, in the place of the one they have', () => {
    const to = { kind: 'user', name: 'bo' } as const
    expect(edited([link], { do: 'give', to, role: 'read', untilMs: undefined })).toEqual([
      link,
      { user: 'bo', role: 'read' },
    ])
    expect(edited([bo, link], { do: 'give', to, role: 'admin', untilMs: 9 })).toEqual([
      { user: 'bo', role: 'admin', until: 9 },
      link,
    ])
  })

  it('makes another link each time', () => {
    expect(edited([link], { do: 'makeLink', role: 'write', untilMs: 7 })).toEqual([
      link,
      { link: 'new', role: 'write', until: 7 },
    ])
  })

  it('keeps places with the role to write, and with no other', () => {
    expect(edited([bo], { do: 'setRole', key: 'user bo', role: 'write' })).toEqual([bo])
    expect(edited([bo], { do: 'setRole', key: 'user bo', role: 'read' })).toEqual([
      { user: 'bo', role: 'read', until: 5 },
    ])
  })

  it('leaves the places alone when the end changes', () => {
    expect(edited([bo], { do: 'setUntil', key: 'user bo', untilMs: undefined })).toEqual([
      { user: 'bo', role: 'write', paths: ['/widgets/*/title'] },
    ])
  })

  it('takes back one and leaves the others', () => {
    expect(edited([bo, link], { do: 'revoke', key: 'link 3fa0' })).toEqual([bo])
    expect(edited([bo, { user: '3fa0', role: 'read' }], { do: 'revoke', key: 'user 3fa0' })).toEqual([bo])
  })

  it('is nothing when what it is about is gone', () => {
    for (const edit of [
      { do: 'revoke', key: 'user x' },
      { do: 'setRole', key: 'user x', role: 'read' },
      { do: 'setUntil', key: 'user x', untilMs: 1 },
    ] as const) {
      expect(edited([bo], edit)).toBeUndefined()
    }
  })

  it('says what is no name', () => {
    expect(badName('user', 'ana@example.org')).toBeUndefined()
    expect(badName('user', '')).toBe('Say who.')
    expect(badName('group', 'x'.repeat(257))).toContain('too long')
    expect(badName('user', 'a\nb')).toContain('control')
    expect(badName('user', 'link:3f')).toContain('belongs to the server')
    expect(badName('group', 'local')).toBeUndefined()
  })

  it('knows when it is over, and where it holds', () => {
    expect(untilOf('never', 1000)).toBeUndefined()
    expect(untilOf('day', 1000)).toBe(86_401_000)
    expect(placesOf({ user: 'a', role: 'write', paths: ['/a', { path: '/b', may: 'append' }] })).toBe(
      '/a, /b (add only)',
    )
  })

  it('puts the secret where no server sees it', () => {
    expect(linkAddress('https://d.example', ID, 'dvl_a-b_c')).toBe(`https://d.example/d/${ID}#link=dvl_a-b_c`)
  })
})

/** A server that keeps who may do what, as ours does. */
function server(first: readonly Grant[]) {
  let grants: readonly Grant[] = first
  let version = 1
  let links = 0
  const shown = (): Access => ({ role: 'admin', owner: 'ana', grants, follows: null, etag: `"${version}"` })
  const asked: (string | undefined)[] = []
  const api: Pick<Api, 'access' | 'setAccess'> = {
    access: () => Promise.resolve(shown()),
    setAccess: (_, wanted, etag) => {
      asked.push(etag)
      if (etag !== `"${version}"`) {
        return Promise.reject(Object.assign(new Error('changed since'), { code: 'precondition_failed' }))
      }
      const secrets: Record<string, string> = {}
      grants = wanted.grants.map((grant) => {
        if (!('link' in grant) || grant.link !== 'new') return grant
        const name = `l${++links}`
        secrets[name] = `dvl_${name}`
        return { ...grant, link: name }
      })
      version++
      return Promise.resolve({ access: shown(), links: secrets })
    },
  }
  const elsewhere = (change: (grants: readonly Grant[]) => readonly Grant[]) => {
    grants = change(grants)
    version++
  }
  return { api, elsewhere, shown, asked }
}

describe('writing who may do what', () => {
  it('loses nobody who was added meanwhile', async () => {
    const { api, elsewhere, shown, asked } = server([])
    const known = shown()
    elsewhere((grants) => [...grants, { user: 'bo', role: 'read' }])
    const written = await writeAccess(api, ID, known, {
      do: 'give',
      to: { kind: 'group', name: 'ops' },
      role: 'write',
      untilMs: undefined,
    })
    expect(written).toMatchObject({ outcome: 'written' })
    expect(shown().grants).toEqual([
      { user: 'bo', role: 'read' },
      { group: 'ops', role: 'write' },
    ])
    expect(asked).toEqual(['"1"', '"2"'])
  })

  it('tells the secret of the link that it made, and no other', async () => {
    const { api, shown } = server([{ link: 'old', role: 'read' }])
    const written = await writeAccess(api, ID, shown(), { do: 'makeLink', role: 'read', untilMs: undefined })
    expect(written).toMatchObject({ outcome: 'written', secret: 'dvl_l1' })
    const more = await writeAccess(api, ID, shown(), { do: 'revoke', key: 'link l1' })
    expect(more).toMatchObject({ outcome: 'written', secret: undefined })
    expect(shown().grants).toEqual([{ link: 'old', role: 'read' }])
  })

  it('says when somebody else took it away first', async () => {
    const { api, elsewhere, shown } = server([{ user: 'bo', role: 'read' }])
    const known = shown()
    elsewhere(() => [])
    const written = await writeAccess(api, ID, known, { do: 'setRole', key: 'user bo', role: 'admin' })
    expect(written).toMatchObject({ outcome: 'gone', access: { grants: [] } })
  })

  it('gives up when it changes again and again', async () => {
    const { api, elsewhere, shown, asked } = server([])
    const busy = {
      ...api,
      access: async (id: DocumentId) => {
        const now = await api.access(id)
        elsewhere((grants) => grants)
        return now
      },
    }
    const known = { ...shown(), etag: '"0"' }
    const wanted = writeAccess(busy, ID, known, { do: 'makeLink', role: 'read', untilMs: undefined })
    await expect(wanted).rejects.toMatchObject({ code: 'precondition_failed' })
    expect(asked).toHaveLength(4)
  })

  it('passes on what else goes wrong, at once', async () => {
    const { shown } = server([])
    let calls = 0
    const failing = {
      access: () => Promise.reject(new Error('not asked')),
      setAccess: () => {
        calls++
        return Promise.reject(Object.assign(new Error('no'), { code: 'forbidden' }))
      },
    }
    await expect(writeAccess(failing, ID, shown(), { do: 'takeOver', owner: 'bo' })).rejects.toThrow('no')
    expect(calls).toBe(1)
  })

  it('does nothing for those who are no administrators any more', async () => {
    const { api, shown, asked } = server([])
    const written = await writeAccess(api, ID, { ...shown(), grants: null }, { do: 'takeOver', owner: 'bo' })
    expect(written.outcome).toBe('not_allowed')
    expect(asked).toEqual([])
  })
})
