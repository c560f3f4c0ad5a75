//! What this process has allocated, and the most it had since somebody asked for that.
//!
//! Always true: what would be more than [`ALLOCATION_BYTES_MAX`] at once is not given. Without that a test that finds such
//! an input would take the machine down with it; with it the process ends and says which input it was.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// More than anything here may ever need, and little enough for every machine that builds this.
const ALLOCATION_BYTES_MAX: usize = 2 << 30;

#[global_allocator]
static METER: Meter = Meter;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The input that is being thrown, to be named by whoever ends the process.
pub(crate) static CURRENT: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted.
struct Meter;

fn grew(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

fn refused(bytes: usize) -> bool {
    if bytes > ALLOCATION_BYTES_MAX {
        // No panic here: it would unwind through whoever allocates. What is written allocates nothing.
        let number = CURRENT.load(Ordering::Relaxed);
        let _closed = writeln!(std::io::stderr(), "input {number} asks for {bytes} bytes at once");
    }
    bytes > ALLOCATION_BYTES_MAX
}

// What is counted is not what is handed out: these only pass on, and count.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refused(layout.size()) {
            return std::ptr::null_mut();
        }
        grew(layout.size());
        // SAFETY: the caller's promise is handed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if refused(layout.size()) {
            return std::ptr::null_mut();
        }
        grew(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        if refused(bytes) {
            return std::ptr::null_mut();
        }
        grew(bytes);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

/// Bytes that are allocated now.
pub(crate) fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// From here on the peak is counted anew.
pub(crate) fn begin() -> usize {
    let live = live();
    PEAK.store(live, Ordering::Relaxed);
    live
}

/// The most that was allocated since.
pub(crate) fn peak() -> usize {
    PEAK.load(Ordering::Relaxed)
}
