//! What was measured, and how it is told: one row a figure, one column a peer, and ratios.

use crate::driver::percentile;
use crate::peers::Kind;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Which way a figure is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// Costs, latencies, losses.
    Lower,
    /// Rates.
    Higher,
    /// Says something about the run and not about a server.
    Neither,
}

#[derive(Debug)]
struct Row {
    workload: String,
    figure: &'static str,
    better: Better,
    values: BTreeMap<Kind, Vec<f64>>,
}

/// All figures of a run, in the order in which they were first measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    /// Adds one measurement; several of the same are told as their median.
    pub(crate) fn add(
        &mut self,
        workload: &str,
        figure: &'static str,
        better: Better,
        kind: Kind,
        value: f64,
    ) {
        let same = |row: &&mut Row| row.workload == workload && row.figure == figure;
        let row = match self.rows.iter_mut().find(same) {
            Some(row) => row,
            None => {
                let workload = workload.to_owned();
                self.rows.push(Row { workload, figure, better, values: BTreeMap::new() });
                self.rows.last_mut().expect("a row was just added")
            }
        };
        row.values.entry(kind).or_default().push(value);
    }

    /// Adds something that does not fit into a number, and says it at once.
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("  ! {note}");
        self.notes.push(note);
    }

    /// The median of a figure, if it was measured. The workload is named by its beginning.
    pub(crate) fn median(&self, workload: &str, figure: &str, kind: Kind) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.workload.starts_with(workload) && row.figure == figure)?;
        row.median(kind)
    }

    /// The table, as Markdown, which reads as well on a terminal.
    pub(crate) fn table(&self) -> String {
        let titles = [
            "workload",
            "figure",
            "n",
            "relay",
            "dovetail",
            "stock",
            "dovetail : relay",
            "better than stock",
        ];
        let mut lines = vec![titles.map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let widths: Vec<_> = (0..titles.len())
            .map(|at| lines.iter().map(|line| line[at].chars().count()).max().unwrap_or(0))
            .collect();
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            for (at, cell) in line.iter().enumerate() {
                let _ = match at {
                    0 | 1 => write!(out, "| {cell:<width$} ", width = widths[at]),
                    _ => write!(out, "| {cell:>width$} ", width = widths[at]),
                };
            }
            out.push_str("|\n");
            if number == 0 {
                for (at, width) in widths.iter().enumerate() {
                    let mark = if at < 2 { '-' } else { ':' };
                    let _ = write!(out, "|{}{mark}", "-".repeat(width + 1));
                }
                out.push_str("|\n");
            }
        }
        for note in &self.notes {
            let _ = write!(out, "\n* {note}");
        }
        out
    }
}

impl Row {
    fn median(&self, kind: Kind) -> Option<f64> {
        let mut values = self.values.get(&kind)?.clone();
        Some(percentile(&mut values, 0.5))
    }

    fn cells(&self) -> [String; 8] {
        let [relay, ours, stock] = [Kind::Relay, Kind::Dovetail, Kind::Stock].map(|kind| self.median(kind));
        let runs = self.values.values().map(Vec::len).max().unwrap_or(0);
        let to_stock = match self.better {
            Better::Lower => ratio(stock, ours),
            Better::Higher => ratio(ours, stock),
            Better::Neither => None,
        };
        let to_relay = ratio(ours, relay).filter(|_| self.better != Better::Neither);
        [
            self.workload.clone(),
            self.figure.to_owned(),
            runs.to_string(),
            number(relay),
            number(ours),
            number(stock),
            to_relay.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            to_stock.map_or_else(String::new, |ratio| format!("{ratio:.1}x")),
        ]
    }
}

fn ratio(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? / b?).filter(|ratio| ratio.is_finite())
}

/// Three digits are more than such a measurement has.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(value) if value.is_nan() => "not reached".to_owned(),
        Some(value) if value.abs() >= 100.0 || value == 0.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}
