//! How is data printed? As text for people, or as JSON for programs.

use std::io::{ErrorKind, Write as _};

use anyhow::Context;
use serde::Serialize;

/// Where answers go: standard output.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Text as it is.
    #[expect(clippy::unused_self, reason = "standard output belongs to it")]
    pub(crate) fn text(self, text: &str) -> anyhow::Result<()> {
        match writeln!(std::io::stdout().lock(), "{}", text.trim_end()) {
            // who reads has read enough
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.context("write to standard output"),
        }
    }

    /// `data` as JSON, or as `text` says.
    pub(crate) fn data<T: Serialize>(self, data: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json { self.text(&serde_json::to_string(data).context("write JSON")?) } else { self.text(&text()) }
    }

    /// A table: JSON as a list of objects, text in columns.
    pub(crate) fn table<T: Serialize>(self, rows: &[T], header: &[&str], cells: impl Fn(&T) -> Vec<String>) -> anyhow::Result<()> {
        self.data(&rows, || {
            let mut lines = vec![header.iter().map(|&title| title.to_owned()).collect::<Vec<_>>()];
            lines.extend(rows.iter().map(cells));
            columns(&lines)
        })
    }
}

fn columns(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> =
        (0..lines[0].len()).map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default()).collect();
    let padded = |line: &Vec<String>| -> String {
        let cells: Vec<_> = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}
