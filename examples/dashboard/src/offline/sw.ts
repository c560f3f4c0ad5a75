// The service worker: the app starts without a network.
//
// Edit path: ← the browser, when the app is installed, when it asks for a file, when a page speaks to us; → files of this build,
// from a cache that is filled once and never changed.
//
// Always true: a new build waits until somebody wants it (`take_over`) or no page of the old one is open, so a page never gets
// files of two builds. What is decided, is decided in plan.ts.

import { follow } from './worker'
import type { WorkerScope } from './scope'

// In a worker the global object is its scope; this file is built for nowhere else.
follow(globalThis as unknown as WorkerScope, DOVETAIL_BUILD)
