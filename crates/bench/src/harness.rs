//! How are two ways of doing the same compared on a machine that is never quiet?
//!
//! In short rounds that alternate, so that whatever else the machine does meets all sides alike; every other round runs
//! backwards. What counts is the ratio of two medians, not how many a second it was.

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use crate::machine::Machine;
use crate::server::Server;

/// Fewer rounds tell nothing.
const FEWEST_ROUNDS: usize = 5;
/// How long a round of commands is measured…
pub(crate) const ROUND: Duration = Duration::from_secs(3);
/// …after it has run for so long: the first touch of each page after a checkpoint writes the whole page to the log, and a running
/// system has a checkpoint every few minutes, not every few seconds.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// How many a second it was in one round.
type Round<'a> = Pin<Box<dyn Future<Output = Result<f64>> + 'a>>;

/// Ways of doing the same, to be compared.
pub(crate) struct Bench<'a> {
    name: &'static str,
    unit: &'static str,
    server: &'a Server,
    rounds: usize,
    sides: Vec<Side<'a>>,
}

struct Side<'a> {
    name: &'static str,
    round: Box<dyn Fn() -> Round<'a> + 'a>,
    measured: Vec<f64>,
}

impl<'a> Bench<'a> {
    /// Without sides. Fails for too few rounds.
    pub(crate) fn new(name: &'static str, unit: &'static str, server: &'a Server, rounds: usize) -> Result<Self> {
        ensure!(rounds >= FEWEST_ROUNDS, "{rounds} rounds tell nothing: it takes {FEWEST_ROUNDS}");
        Ok(Self { name, unit, server, rounds, sides: Vec::new() })
    }

    /// Adds a side; each call of `round` measures one round.
    pub(crate) fn side<F: Future<Output = Result<f64>> + 'a>(mut self, name: &'static str, round: impl Fn() -> F + 'a) -> Self {
        self.sides.push(Side { name, round: Box::new(move || Box::pin(round())), measured: Vec::new() });
        self
    }

    /// Runs all rounds; one of each side before them doesn't count.
    pub(crate) async fn run(mut self) -> Result<Report> {
        let machine = Machine::here(&self.server.version);
        println!("\n{} ({}; {} rounds)\n{machine}", self.name, self.unit, self.rounds);
        self.sides.retain(|side| self.server.side.as_ref().is_none_or(|wanted| side.name.contains(wanted)));
        for side in &self.sides {
            (side.round)().await.with_context(|| format!("warming up: {}", side.name))?;
        }
        for n in 0..self.rounds {
            for i in 0..self.sides.len() {
                let place = if n % 2 == 0 { i } else { self.sides.len() - 1 - i };
                self.server.settle().await?;
                let side = &mut self.sides[place];
                side.measured.push((side.round)().await.with_context(|| side.name)?);
            }
        }
        let sides = self.sides.into_iter().map(|side| (side.name, Spread::of(side.measured))).collect();
        let report = Report { name: self.name, unit: self.unit, machine, sides, more: Map::new() };
        report.print_sides();
        ensure!(self.server.side.is_none(), "nothing is concluded from some of the sides");
        Ok(report)
    }
}

/// What several rounds of one side said.
struct Spread {
    min: f64,
    median: f64,
    max: f64,
    rounds: Vec<f64>,
}

impl Spread {
    fn of(rounds: Vec<f64>) -> Self {
        let mut sorted = rounds.clone();
        sorted.sort_by(f64::total_cmp);
        let median = median(&sorted);
        Self { min: sorted[0], median, max: sorted[sorted.len() - 1], rounds }
    }
}

/// The middle one, or what is between the two in the middle.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

/// What a benchmark found.
pub(crate) struct Report {
    name: &'static str,
    unit: &'static str,
    machine: Machine,
    sides: Vec<(&'static str, Spread)>,
    more: Map<String, Value>,
}

impl Report {
    /// Of figures that nothing is compared with.
    pub(crate) fn of_figures(name: &'static str, unit: &'static str, server: &Server) -> Self {
        let machine = Machine::here(&server.version);
        println!("\n{name} ({unit})\n{machine}");
        Self { name, unit, machine, sides: Vec::new(), more: Map::new() }
    }

    /// Prints the ratio of two sides' medians and remembers it under a name.
    pub(crate) fn ratio(&mut self, name: &str, ours: &str, theirs: &str) -> Result<f64> {
        let ratio = self.median(ours)? / self.median(theirs)?;
        println!("  {name}: {ratio:.2} = {ours} ÷ {theirs}");
        self.note(name, json!(ratio));
        Ok(ratio)
    }

    /// As [`Report::ratio`], for the one that counts; it has a floor, and is remembered as `ratio` too.
    pub(crate) fn ratio_at_least(&mut self, name: &str, ours: &str, theirs: &str, floor: f64) -> Result<()> {
        let ratio = self.ratio(name, ours, theirs)?;
        self.at_least(ratio, floor);
        Ok(())
    }

    /// Says how the one that counts, and was printed already, stands to its floor; remembers it as `ratio`.
    pub(crate) fn at_least(&mut self, ratio: f64, floor: f64) {
        println!("  {} {floor}", if ratio >= floor { "which is at least" } else { "TOO SLOW: that is below" });
        self.concluded(ratio, "at_least", floor);
    }

    /// As [`Report::ratio`], for the one that counts where less is better: it has a ceiling.
    pub(crate) fn ratio_at_most(&mut self, name: &str, ours: &str, theirs: &str, ceiling: f64) -> Result<()> {
        let ratio = self.ratio(name, ours, theirs)?;
        println!("  {} {ceiling}", if ratio <= ceiling { "which is at most" } else { "TOO SLOW: that is above" });
        self.concluded(ratio, "at_most", ceiling);
        Ok(())
    }

    /// Prints a figure that has a ceiling, and remembers both under a name; as `ratio` counts the one that comes closest to its own.
    pub(crate) fn at_most(&mut self, name: &str, measured: f64, ceiling: f64) {
        let verdict = if measured <= ceiling { "at most" } else { "TOO MUCH: above" };
        println!("  {name}: {measured:.1} {}, {verdict} {ceiling}", self.unit);
        self.note(name, json!({ "measured": measured, "at_most": ceiling }));
        let closest = self.more.get("ratio").and_then(Value::as_f64).unwrap_or_default();
        self.concluded(closest.max(measured / ceiling), "at_most", 1.0);
    }

    fn concluded(&mut self, ratio: f64, limit: &str, value: f64) {
        self.note("ratio", json!(ratio));
        self.note(limit, json!(value));
    }

    /// Remembers something else.
    pub(crate) fn note(&mut self, name: &str, value: Value) {
        self.more.insert(name.to_owned(), value);
    }

    /// Writes `target/bench/<name>.json`.
    pub(crate) fn write(self) -> Result<()> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/bench"));
        fs::create_dir_all(folder)?;
        let side = |(name, spread): &(&str, Spread)| json!({ "name": name, "min": spread.min, "median": spread.median, "max": spread.max, "rounds": spread.rounds });
        let sides: Vec<_> = self.sides.iter().map(side).collect();
        let mut found = json!({ "name": self.name, "unit": self.unit, "machine": self.machine.json(), "sides": sides });
        if let Some(found) = found.as_object_mut() {
            found.extend(self.more);
        }
        let file = folder.join(format!("{}.json", self.name));
        fs::write(&file, serde_json::to_string_pretty(&found)? + "\n")?;
        Ok(())
    }

    fn median(&self, side: &str) -> Result<f64> {
        let found = self.sides.iter().find(|(name, _)| *name == side).with_context(|| format!("no side is called {side}"))?;
        Ok(found.1.median)
    }

    fn print_sides(&self) {
        let width = self.sides.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        println!("  {:width$}  {:>10} {:>10} {:>10}", self.unit, "min", "median", "max");
        for (name, Spread { min, median, max, .. }) in &self.sides {
            println!("  {name:width$}  {min:>10.0} {median:>10.0} {max:>10.0}");
        }
    }
}

/// Commands a second, when each of `callers` sends its next one as soon as it has the answer to the one before.
pub(crate) async fn commands_a_second<W, F>(callers: usize, work: W) -> Result<f64>
where
    W: Fn() -> F + Clone + Send + 'static,
    F: Future<Output = Result<()>> + Send,
{
    let began = Instant::now();
    let mut calling = JoinSet::new();
    for _ in 0..callers {
        let work = work.clone();
        calling.spawn(async move {
            let mut done: u32 = 0;
            while began.elapsed() < WARM_UP {
                work().await?;
            }
            while began.elapsed() < WARM_UP + ROUND {
                work().await?;
                done += 1;
            }
            anyhow::Ok(done)
        });
    }
    let mut done = 0;
    while let Some(one) = calling.join_next().await {
        done += one??;
    }
    Ok(f64::from(done) / began.elapsed().saturating_sub(WARM_UP).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_between_the_two_in_the_middle() {
        let is = |measured: f64, expected: f64| assert!((measured - expected).abs() < f64::EPSILON, "{measured}, not {expected}");
        let odd = Spread::of(vec![5.0, 1.0, 3.0]);
        is(odd.min, 1.0);
        is(odd.median, 3.0);
        is(odd.max, 5.0);
        is(Spread::of(vec![4.0, 1.0, 2.0, 9.0]).median, 3.0);
    }
}
