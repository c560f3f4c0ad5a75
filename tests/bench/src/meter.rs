//! What a process has cost so far, read from `/proc`: processor time and memory.
//!
//! Processor time comes from the scheduler's own counters (nanoseconds a thread); the
//! ticks of `/proc/PID/stat` (10 ms) only fill in for threads that have ended meanwhile.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// How far ticks and counters may differ by rounding alone: one tick at each end.
const ROUNDING: Duration = Duration::from_millis(20);

/// Processor time of one process at one moment.
#[derive(Debug, Default)]
pub(crate) struct Cpu {
    threads: HashMap<String, u64>,
    ticks: Duration,
}

impl Cpu {
    /// What the process has used up to now. Nothing, if there is none.
    pub(crate) fn of(process: u32) -> Self {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        let nanos = |text: String| text.split(' ').next()?.parse().ok();
        let threads = tasks
            .filter_map(|task| {
                let used = fs::read_to_string(task.path().join("schedstat")).ok().and_then(nanos)?;
                Some((task.file_name().to_string_lossy().into_owned(), used))
            })
            .collect();
        Self { threads, ticks: ticks(process).unwrap_or_default() }
    }

    /// What was used between `earlier` and this moment.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let spent = |(thread, used): (&String, &u64)| {
            used.saturating_sub(earlier.threads.get(thread).copied().unwrap_or_default())
        };
        let exact = Duration::from_nanos(self.threads.iter().map(spent).sum());
        let coarse = self.ticks.saturating_sub(earlier.ticks);
        if coarse > exact + ROUNDING { coarse } else { exact }
    }
}

/// User and system time from `/proc/PID/stat`: the 14th and 15th field. The second one,
/// the program's name in brackets, may hold spaces.
fn ticks(process: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    let per_second = rustix::param::clock_ticks_per_second().max(1);
    Some(Duration::from_millis((user + system) * 1_000 / per_second))
}

/// Resident memory in bytes. Socket buffers are the kernel's and not in it.
pub(crate) fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    kib * 1_024
}

/// The load average of the last minute: how far the figures can be trusted.
pub(crate) fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or("?").to_owned()
}

/// Raises this process's limit of open files as far as the system allows; children
/// inherit it. Answers the limit.
pub(crate) fn raise_file_limit() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // What is refused is said by the number that is printed.
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The processor's name and how many of it this process may use.
pub(crate) fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{cores} cores of {}", name.map_or("an unnamed processor", |(_, name)| name))
}
