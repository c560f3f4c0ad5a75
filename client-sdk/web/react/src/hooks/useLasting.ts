// What has been so for a while: states that come and go in a moment would only flicker.

import { useEffect, useState } from 'react'

/** True once `now` has been true for `forMs` without a break; false as soon as it is false. */
export function useLasting(now: boolean, forMs: number): boolean {
  const [lasted, setLasted] = useState(false)
  useEffect(() => {
    if (!now) return
    const timer = setTimeout(() => setLasted(true), forMs)
    return () => {
      clearTimeout(timer)
      setLasted(false)
    }
  }, [now, forMs])
  return now && lasted
}
