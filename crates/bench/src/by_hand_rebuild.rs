//! How would one write it by hand, for this one read model? The rows come by COPY, are opened and folded on all cores,
//! and go by COPY. No hash is checked, no metadata opened, nothing compared, no index made but the primary key's, and
//! nobody reads meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZero;
use std::thread::available_parallelism;

use anamnesis_codec::decode_any;
use anamnesis_domain::{Instant, Opened, Origin, Recorded};
use anamnesis_projections::kernel::RowKeys;
use anamnesis_projections::patients::PATIENTS;
use anamnesis_vault::{Context, EventContext, KeyOwner, OpenKeys, Purpose, Sealed, Vault};
use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgCopyIn, PgPoolCopyExt as _};
use sqlx::{PgPool, Postgres};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::server::Installation;

/// Rows that are opened together, at least: a stream isn't cut.
const CHUNK: usize = 5_000;
/// What stands before the first row in binary COPY.
const HEADER: usize = 19;
/// Where a row's first column begins: after the number of columns and the column's length.
const FIRST_COLUMN: usize = 6;
/// Postgres counts microseconds from the year 2000.
const YEAR_2000: i64 = 946_684_800_000_000;

/// Where its table stands.
pub(crate) const SCHEMA: &str = "by_hand";

const ROWS: &str = "
    copy (
        select log.aggregate_id, log.sequence, log.position, log.logged_at, event.recorded_at, log.organization_id, event.event_id,
            event.event_type, event.event_version, event.fingerprint, log.subject_id, event.payload
        from journal.log
        join journal.events as event using (aggregate_type, aggregate_id, sequence)
        where log.aggregate_type = 'patient'
        order by log.aggregate_id, log.sequence)
    to stdout (format binary)";

/// Makes the table that is filled, empty and without the indexes that come later.
pub(crate) async fn clear(installation: &Installation) -> Result<()> {
    let tables = format!("drop schema if exists {SCHEMA} cascade; create schema {SCHEMA}; set search_path to {SCHEMA}; {}", PATIENTS.tables_sql());
    sqlx::raw_sql(&tables).execute(&installation.database.superuser(1).await?).await?;
    Ok(())
}

/// How many events were folded.
pub(crate) async fn run(pool: &PgPool, vault: &Vault) -> Result<u64> {
    let columns: Vec<_> = PATIENTS.tables[0].info().all_columns().map(|column| column.name).collect();
    let mut filling = Filling {
        copy: pool.copy_in_raw(&format!("copy {SCHEMA}.patients ({}) from stdin", columns.join(", "))).await?,
        folding: JoinSet::new(),
        events: 0,
    };
    let mut rows = pool.copy_out_raw(ROWS).await?;
    let (mut chunk, mut header) = (Vec::<Vec<u8>>::with_capacity(CHUNK), HEADER);
    while let Some(bytes) = rows.try_next().await? {
        let row = bytes.get(std::mem::take(&mut header)..).unwrap_or_default();
        // the last one says that it is the last one
        let Some(stream) = stream_of(row) else { continue };
        if chunk.len() >= CHUNK && chunk.last().and_then(|row| stream_of(row)) != Some(stream) {
            filling.begin(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)), vault).await?;
        }
        chunk.push(row.to_vec());
    }
    filling.begin(chunk, vault).await?;
    filling.finish().await
}

fn stream_of(row: &[u8]) -> Option<&[u8]> {
    row.get(FIRST_COLUMN..FIRST_COLUMN + 16)
}

/// Chunks that are folded, a core each, and where their rows go.
struct Filling {
    copy: PgCopyIn<PoolConnection<Postgres>>,
    folding: JoinSet<Result<(u64, Vec<u8>)>>,
    events: u64,
}

impl Filling {
    async fn begin(&mut self, chunk: Vec<Vec<u8>>, vault: &Vault) -> Result<()> {
        if self.folding.len() >= available_parallelism().map_or(1, NonZero::get) {
            self.put_one().await?;
        }
        self.folding.spawn(fold(chunk, vault.clone()));
        Ok(())
    }

    async fn put_one(&mut self) -> Result<()> {
        let Some(folded) = self.folding.join_next().await else { return Ok(()) };
        let (events, lines) = folded??;
        self.events += events;
        self.copy.send(lines).await?;
        Ok(())
    }

    async fn finish(mut self) -> Result<u64> {
        while !self.folding.is_empty() {
            self.put_one().await?;
        }
        self.copy.finish().await?;
        Ok(self.events)
    }
}

/// A chunk's rows in COPY's text format.
async fn fold(chunk: Vec<Vec<u8>>, vault: Vault) -> Result<(u64, Vec<u8>)> {
    let stored = chunk.iter().map(|row| Stored::parse(row)).collect::<Result<Vec<_>>>()?;
    let organizations: BTreeSet<_> = stored.iter().map(|row| row.organization).collect();
    let mut key_ids: Vec<_> = stored.iter().map(|row| row.payload.key_id()).collect();
    key_ids.dedup();
    let keys = vault.open_keys(&key_ids).await?;
    let mut of_organizations = HashMap::new();
    for organization in organizations {
        let audit = vault.key(KeyOwner::organization(organization, Purpose::Audit)).await?;
        of_organizations.insert(organization, RowKeys { subject: None, audit, index: vault.index(organization).await? });
    }
    let mut rows = PATIENTS.tables[0].rows();
    let mut key_of_subject = HashMap::new();
    for row in &stored {
        rows.fold(&row.open(&keys)?)?;
        key_of_subject.insert(row.subject, row.payload.key_id());
    }
    let mut lines = Vec::new();
    for change in rows.changes() {
        let owner = change.owner.context("every patient is a subject")?;
        let of_organization = of_organizations.get(&owner.organization).context("every organization has keys")?;
        let subject = key_of_subject.get(&owner.subject).and_then(|id| keys.get(*id)).cloned();
        let keys = RowKeys { subject, audit: of_organization.audit.clone(), index: of_organization.index.clone() };
        put(&mut lines, &rows.cells(&change.key, &keys).context("no patient is removed")?);
    }
    Ok((stored.len() as u64, lines))
}

fn put(lines: &mut Vec<u8>, cells: &[Option<String>]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            lines.push(b'\t');
        }
        match cell {
            // nothing here has a tab or a line break; arrays have backslashes
            Some(text) => lines.extend_from_slice(text.replace('\\', "\\\\").as_bytes()),
            None => lines.extend_from_slice(b"\\N"),
        }
    }
    lines.push(b'\n');
}

/// A row as it came.
struct Stored {
    stream: Uuid,
    sequence: u64,
    position: u64,
    logged_at: Instant,
    recorded_at: Instant,
    organization: Uuid,
    event_id: Uuid,
    event_type: String,
    event_version: u32,
    fingerprint: [u8; 8],
    subject: Uuid,
    payload: Sealed,
}

impl Stored {
    fn parse(row: &[u8]) -> Result<Self> {
        let mut cells = Cells(row.get(2..).unwrap_or_default());
        Ok(Self {
            stream: Uuid::from_bytes(cells.fixed()?),
            sequence: u64::from_be_bytes(cells.fixed()?),
            position: u64::from_be_bytes(cells.fixed()?),
            logged_at: Instant::from_micros(i64::from_be_bytes(cells.fixed()?) + YEAR_2000),
            recorded_at: Instant::from_micros(i64::from_be_bytes(cells.fixed()?) + YEAR_2000),
            organization: Uuid::from_bytes(cells.fixed()?),
            event_id: Uuid::from_bytes(cells.fixed()?),
            event_type: String::from_utf8(cells.next()?.to_vec())?,
            event_version: u32::from_be_bytes(cells.fixed()?),
            fingerprint: cells.next()?.try_into()?,
            subject: Uuid::from_bytes(cells.fixed()?),
            payload: Sealed::from_stored(cells.next()?.to_vec())?,
        })
    }

    fn open(&self, keys: &OpenKeys) -> Result<Recorded> {
        let place = EventContext {
            organization: self.organization,
            aggregate_type: "patient",
            aggregate_id: self.stream,
            sequence: self.sequence,
            event_id: self.event_id,
            event_type: &self.event_type,
            event_version: self.event_version,
            fingerprint: self.fingerprint,
            subject: self.subject,
        };
        let opened = keys.open(&Context::event(&place), &self.payload)?;
        let bytes = opened.value().context("nobody is erased")?;
        Ok(Recorded {
            position: self.position,
            logged_at: self.logged_at,
            recorded_at: self.recorded_at,
            organization_id: self.organization,
            aggregate_type: "patient",
            aggregate_id: self.stream,
            sequence: self.sequence,
            event_id: self.event_id,
            event_type: self.event_type.clone(),
            subject_id: self.subject,
            // the read model doesn't ask who did it and why
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            actor_id: Uuid::nil(),
            event: Opened::Value(decode_any("patient", &self.event_type, self.event_version, self.fingerprint, &bytes)?),
            origin: Opened::Value(Origin::default()),
        })
    }
}

/// What is left of a row in binary COPY: each cell's length, then the cell.
struct Cells<'a>(&'a [u8]);

impl<'a> Cells<'a> {
    fn next(&mut self) -> Result<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk().context("a row has too few cells")?;
        let length = usize::try_from(i32::from_be_bytes(*length)).context("a cell is null")?;
        let (cell, rest) = rest.split_at_checked(length).context("a cell is cut off")?;
        self.0 = rest;
        Ok(cell)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.next()?.try_into()?)
    }
}
