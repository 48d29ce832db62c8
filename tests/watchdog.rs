//! Who stops a server when the tests end, however they end? A shell that outlives them and waits for the end of its input.
//!
//! A static is never dropped, and a killed process drops nothing. The operating system closes its pipes all the same.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Processes are known by the file that holds their number and by the folder that they work in or have in their arguments: a number alone
/// may be a stranger's by now.
const SCRIPT: &str = r#"
home=$1
cat >/dev/null
stop() {
    pid=$(head -n 1 "$2" 2>/dev/null) && [ -n "$pid" ] || return 0
    { tr '\0' '\n' <"/proc/$pid/cmdline"; readlink "/proc/$pid/cwd"; } 2>/dev/null | grep -qF "$home" || return 0
    kill -CONT "$pid" 2>/dev/null
    kill "-$1" "$pid" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.5
    done
    kill -KILL "$pid" 2>/dev/null
}
for file in "$home"/*.pid "$home"/*/pid; do
    stop KILL "$file" &
done
wait
stop QUIT "$home/data/postgres/cluster/postmaster.pid"
rm -rf "$home"
"#;

/// Stops what runs in a home and removes it, when the tests are gone.
pub(crate) struct Watchdog(Child);

impl Watchdog {
    pub(crate) fn over(home: &Path) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "watchdog"]).arg(home).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // a group of its own, so that Ctrl-C at the terminal is for the tests alone
        Self(command.process_group(0).spawn().unwrap())
    }

    /// Stops and removes now.
    pub(crate) fn act(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
