//! What did the program say, and how did it end?

use std::fmt;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::server::bare_command;

/// The program, run to its end.
pub struct Run {
    /// 0 done, 1 failed, 2 wrong usage, 3 verification found something; -1 killed by a signal.
    pub code: i32,
    /// Data.
    pub stdout: String,
    /// Log lines, errors, progress.
    pub stderr: String,
}

impl Run {
    /// Runs it; what it reads from standard input is empty.
    pub fn of(command: &mut Command) -> Self {
        Self::from(command.stdin(Stdio::null()).output().unwrap())
    }

    /// The program in an empty folder, without a data directory.
    pub fn bare(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::of(bare_command(folder.path()).args(arguments))
    }

    /// Panics unless it ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// What it printed, once it has done its work.
    #[track_caller]
    pub fn json(self) -> Value {
        let run = self.expect(0);
        serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("standard output is no JSON ({error}): {run}"))
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |text: &str| text.chars().rev().take(3_000).collect::<Vec<_>>().into_iter().rev().collect::<String>();
        write!(f, "exit code {}\n--- stdout\n{}\n--- stderr\n{}", self.code, end(&self.stdout), end(&self.stderr))
    }
}

/// The program, running beside the test; killed when dropped.
pub struct Background(Option<Child>);

impl Background {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self(Some(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.0.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Run {
        Run::from(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.kill();
    }
}
