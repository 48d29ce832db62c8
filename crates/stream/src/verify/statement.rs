//! What was proved about Kafka's copy, in words that are signed.

use std::collections::BTreeMap;
use std::fmt;

use anamnesis_journal::tree::{NoteError, VerifyingKey};

use crate::topics::{Topic, TopicPartition};

const TITLE: &str = "Kafka's copy was compared with the log";

/// How far the copy is proved. Its text: a title, the log's position, a line for each partition.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Statement {
    /// In every partition, everything up to here.
    pub(super) up_to: u64,
    pub(super) partitions: BTreeMap<TopicPartition, Proved>,
}

/// The end of what is proved in one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Proved {
    /// Its last position; 0 if it had none.
    pub(super) position: u64,
    /// The offset after it.
    pub(super) next_offset: i64,
}

impl Statement {
    pub(super) fn read(note: &str, key: &VerifyingKey) -> Result<Self, NoteError> {
        let mut lines = key.open_statement(note)?.lines();
        if lines.next() != Some(TITLE) {
            return Err(NoteError::Note);
        }
        let up_to = lines.next().and_then(|line| line.strip_prefix("up to ")?.parse().ok()).ok_or(NoteError::Note)?;
        let partitions = lines.map(|line| read_partition(line).ok_or(NoteError::Note)).collect::<Result<_, _>>()?;
        Ok(Self { up_to, partitions })
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{TITLE}\nup to {}", self.up_to)?;
        for (partition, Proved { position, next_offset }) in &self.partitions {
            writeln!(f, "{} {} {position} {next_offset}", partition.topic.name(), partition.index)?;
        }
        Ok(())
    }
}

/// Topic, partition, position, next offset.
fn read_partition(line: &str) -> Option<(TopicPartition, Proved)> {
    let mut words = line.split(' ');
    let partition = TopicPartition { topic: Topic::named(words.next()?)?, index: words.next()?.parse().ok()? };
    let proved = Proved { position: words.next()?.parse().ok()?, next_offset: words.next()?.parse().ok()? };
    words.next().is_none().then_some((partition, proved))
}

#[cfg(test)]
mod tests {
    use anamnesis_journal::tree::Signer;

    use super::*;

    #[test]
    fn a_statement_survives_its_signature_and_nothing_else_passes_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::open_or_create(folder.path().join("signer"), "test.example/log").unwrap();
        let partition = TopicPartition { topic: Topic::Audit, index: 11 };
        let statement = Statement { up_to: 40, partitions: [(partition, Proved { position: 39, next_offset: 57 })].into() };
        let note = signer.attest(&statement.to_string());
        assert_eq!(Statement::read(&note, signer.verifying_key()), Ok(statement));
        assert!(Statement::read(&note.replace("39", "40"), signer.verifying_key()).is_err());
        assert!(Statement::read(&signer.attest("something else\n"), signer.verifying_key()).is_err());
        assert!(Statement::read(signer.last().unwrap().note(), signer.verifying_key()).is_err());
    }
}
