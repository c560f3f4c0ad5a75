//! What we want of ourselves, and whether this run has shown it.
//!
//! A goal is a bound on one figure of one workload, or on its ratio to the relay's. The
//! workload is found by the beginning of its name, as a quick run has other sizes.
//!
//! Where edits come faster than one at a time, a server may put several into one message,
//! and the relay cannot: there the price of a delivery is compared, not that of a message.

use crate::peers::Kind;
use crate::report::Report;
use std::fmt::Write;

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    TimesRelay(f64),
}

#[derive(Debug)]
struct Goal {
    what: &'static str,
    workload: &'static str,
    figure: &'static str,
    bound: Bound,
}

const GOALS: &[Goal] = &[
    goal(
        "fan-out to 100, gentle, a message",
        "a 100 readers, 4",
        "server CPU us/message",
        Bound::TimesRelay(2.5),
    ),
    goal(
        "fan-out to 100, fast, a delivery",
        "a 100 readers, w",
        "server CPU us/delivery",
        Bound::TimesRelay(2.5),
    ),
    goal(
        "fan-out to 1,000, gentle, a message",
        "a 1000 readers, 4",
        "server CPU us/message",
        Bound::TimesRelay(2.5),
    ),
    goal(
        "fan-out to 1,000, fast, a delivery",
        "a 1000 readers, w",
        "server CPU us/delivery",
        Bound::TimesRelay(2.5),
    ),
    goal(
        "durable edits/s",
        "b 500 documents x 2, window 8",
        "edits/s acknowledged",
        Bound::AtLeast(10_000.0),
    ),
    goal(
        "CPU of a durable edit, us",
        "b 500 documents x 2, window 8",
        "server CPU us/edit",
        Bound::AtMost(100.0),
    ),
    goal("an idle connection, KiB", "c 2000", "KiB/connection, joined", Bound::AtMost(10.0)),
    goal("CPU of a cold open, ms", "d 200", "open: server CPU ms/document", Bound::AtMost(2.0)),
    goal("5,000 offline changes, CPU ms", "e 5000", "server CPU ms", Bound::AtMost(100.0)),
    goal("acknowledged edits lost", "f", "of them lost", Bound::AtMost(0.0)),
];

const fn goal(what: &'static str, workload: &'static str, figure: &'static str, bound: Bound) -> Goal {
    Goal { what, workload, figure, bound }
}

/// The goals that this run says something about.
pub(crate) fn table(report: &Report) -> String {
    let mut out = String::from("| goal | wanted | measured | reached |\n|---|---:|---:|---|\n");
    for goal in GOALS {
        let Some(ours) = report.median(goal.workload, goal.figure, Kind::Dovetail) else { continue };
        let (wanted, measured, reached) = match goal.bound {
            Bound::AtMost(most) => (format!("<= {most}"), ours, ours <= most),
            Bound::AtLeast(least) => (format!(">= {least}"), ours, ours >= least),
            Bound::TimesRelay(times) => {
                let Some(relay) = report.median(goal.workload, goal.figure, Kind::Relay) else { continue };
                (format!("<= {times} x relay"), ours / relay, ours / relay <= times)
            }
        };
        let reached = if reached { "yes" } else { "no" };
        let _ = writeln!(out, "| {} | {wanted} | {measured:.2} | {reached} |", goal.what);
    }
    out
}
