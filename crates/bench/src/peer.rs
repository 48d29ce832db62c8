//! How does an event store take part that can't be called from here? As a process, which measures a round whenever it is sent a line.

use std::process::Stdio;

use anamnesis_domain::Event as _;
use anamnesis_domain::patient::PatientEvent;
use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

use crate::harness::{ROUND, WARM_UP};
use crate::server::{Database, Server};

/// What it says when its tables are there.
const READY: &str = "ready";

/// A program of `peers/`, with a database of its own.
pub(crate) struct Peer {
    process: Mutex<Process>,
    _database: Database,
}

struct Process {
    asked: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Peer {
    /// Starts it; `callers` will append events like this one.
    pub(crate) async fn start(mut program: Command, server: &Server, callers: usize, event: &PatientEvent) -> Result<Self> {
        let database = server.database().await?;
        let mut child = program
            .env("DATABASE_URL", database.url())
            .env("EVENT_TYPE", event.kind().name)
            .env("EVENT", payload(event)?.to_string())
            .env("CALLERS", callers.to_string())
            .env("WARM_UP_MS", WARM_UP.as_millis().to_string())
            .env("ROUND_MS", ROUND.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} doesn't start: `./dev bench` installs it", program.as_std().get_program().display()))?;
        let (asked, answers) = (child.stdin.take().context("no stdin")?, child.stdout.take().context("no stdout")?);
        let mut process = Process { asked, answers: BufReader::new(answers).lines(), child };
        let said = process.answer().await?;
        ensure!(said == READY, "it said `{said}` instead of `{READY}`");
        Ok(Self { process: Mutex::new(process), _database: database })
    }

    /// Appends a second.
    pub(crate) async fn round(&self) -> Result<f64> {
        let mut process = self.process.lock().await;
        process.asked.write_all(b"\n").await?;
        Ok(process.answer().await?.parse()?)
    }

    /// Lets it say what it has to, and end.
    pub(crate) async fn finish(self) -> Result<()> {
        let Process { asked, mut child, .. } = self.process.into_inner();
        drop(asked);
        let status = child.wait().await?;
        ensure!(status.success(), "a peer ended with {status}");
        Ok(())
    }
}

impl Process {
    async fn answer(&mut self) -> Result<String> {
        self.answers.next_line().await?.context("it ended before it answered")
    }
}

/// The event as the peers store it: in the clear.
fn payload(event: &PatientEvent) -> Result<serde_json::Value> {
    Ok(event.serialize_payload(serde_json::value::Serializer)?)
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::Aggregate as _;
    use anamnesis_domain::patient::Patient;
    use uuid::Uuid;

    use super::*;
    use crate::stories::Stories;

    #[test]
    fn the_event_has_the_number_where_the_peers_put_another() {
        let number = Uuid::from_u128(7);
        let events = Patient::default().decide(Stories::new().unwrap().register(number).unwrap()).unwrap();
        let payload = payload(&events[0]).unwrap();
        assert_eq!(payload["patient"]["patient_number"], number.to_string());
        assert!(payload["registered_at"].is_string());
        assert_eq!(payload.as_object().unwrap().len(), 2, "peers/disintegrate lists the fields");
    }
}
