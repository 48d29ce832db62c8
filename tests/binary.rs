//! Where is the program? Built here once, unless somebody names one.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// A program to test in place of one that is built here: `./dev test` has just built one.
const NAMED: &str = "ANAMNESIS_TEST_BINARY";

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| env::var_os(NAMED).map_or_else(build, |named| PathBuf::from(named).canonicalize().unwrap()));

pub(crate) fn program() -> &'static Path {
    &PROGRAM
}

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// cargo itself says where it puts it.
fn build() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--workspace", "--bin", "anamnesis", "--message-format", "json-render-diagnostics"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(built.status.success(), "the program doesn't build");
    let messages = String::from_utf8(built.stdout).unwrap();
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executable = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back();
    executable.expect("cargo names the program that it built")
}
