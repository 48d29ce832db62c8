//! Does a server run on this cluster, and does it answer?

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

/// How long a healthy server may take to answer one byte.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// "Do you speak TLS?", the shortest question in Postgres's protocol (`SSLRequest`): the answer is one byte.
const QUESTION: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A running server, as its `postmaster.pid` describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Postmaster {
    pub(super) pid: u32,
    pub(super) port: u16,
    ready: bool,
}

impl Postmaster {
    /// `None` if none runs: neither a file left by a crash nor another process with its number counts.
    pub(super) fn of(cluster: &Path) -> Option<Self> {
        let text = fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
        Self::parse(&text).filter(|postmaster| serves(postmaster.pid, cluster))
    }

    /// Whether it takes connections. (A stopped process or one that is shutting down doesn't.)
    pub(super) fn answers(self) -> bool {
        self.ready && ask(self.port).is_ok()
    }

    /// A container's processes get the same few numbers at each start, so the file of a crashed server can name
    /// a living stranger; the server would then refuse to start.
    pub(super) fn forget_stale(cluster: &Path) -> io::Result<()> {
        let file = cluster.join("postmaster.pid");
        let pid = fs::read_to_string(&file).ok().and_then(|text| text.lines().next()?.trim().parse::<u32>().ok());
        let name = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
        match name {
            Some(name) if name.trim() != "postgres" => fs::remove_file(&file),
            _ => Ok(()),
        }
    }

    /// Its lines: process, folder, start, port, socket folder, address, shared memory, state. A starting server hasn't written all.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        Some(Self {
            pid: lines.next()?.trim().parse().ok()?,
            port: lines.nth(2)?.trim().parse().ok()?,
            ready: lines.nth(3).is_some_and(|state| state.trim() == "ready"),
        })
    }
}

/// The command line says which cluster a server serves, and everyone may read it; a dead process has none.
fn serves(pid: u32, cluster: &Path) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    arguments.split(|byte| *byte == 0).any(|argument| argument == cluster.as_os_str().as_encoded_bytes())
}

fn ask(port: u16) -> io::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
    connection.set_read_timeout(Some(ANSWER_LIMIT))?;
    connection.write_all(&QUESTION)?;
    connection.read_exact(&mut [0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starting_server_is_not_ready_and_one_that_has_written_nothing_is_none() {
        let starting = Postmaster::parse("42\n/data\n1700000000\n20123\n").unwrap();
        assert_eq!((starting.pid, starting.port, starting.ready), (42, 20123, false));
        let ready = Postmaster::parse("42\n/data\n1700000000\n20123\n\n127.0.0.1\n  123 4\nready   \n").unwrap();
        assert!(ready.ready);
        let stopping = Postmaster::parse("42\n/data\n1700000000\n20123\n\n127.0.0.1\n  123 4\nstopping\n").unwrap();
        assert!(!stopping.ready);
        assert!(Postmaster::parse("42\n").is_none());
    }
}
