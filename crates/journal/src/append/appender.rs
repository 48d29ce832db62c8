//! How do commands that arrive at the same time share one flush?
//!
//! While one statement is flushed, whoever arrives waits; the next statement takes all of them. Commands that touch the
//! same stream, claim or resource never fly together, so they can't fail each other's statement.

use std::collections::{HashMap, HashSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anamnesis_loops::{Loops, PATIENCE, Pulse};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};
use tokio::time::sleep;

use super::writer::{AppendError, Outcome, Writer};
use super::{Append, Verdict};
use crate::journal::JournalSettings;

/// How often it comes round while nothing arrives and nothing lands.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The way to the task that appends. The task ends, with all it has begun, after the last clone.
#[derive(Clone)]
pub(crate) struct Appender {
    requests: mpsc::Sender<Request>,
    counts: Arc<Counts>,
}

/// What was sent to the database so far.
#[derive(Default)]
struct Counts {
    statements: AtomicU64,
    commands: AtomicU64,
}

/// How many commands shared how many statements, since this process opened the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Appends {
    /// Statements that were sent.
    pub statements: u64,
    /// Commands in them.
    pub commands: u64,
}

/// Commands that fly together or not at all, and who waits for them.
struct Request {
    commands: Vec<Append>,
    is_group: bool,
    locks: Vec<u64>,
    shares: Vec<u64>,
    reply: oneshot::Sender<Vec<Outcome>>,
}

impl Appender {
    pub(crate) fn start(writer: Writer, settings: JournalSettings, loops: &Loops) -> Self {
        let (requests, queue) = mpsc::channel(settings.longest_queue.max(1));
        let counts = Arc::<Counts>::default();
        let dispatcher = Dispatcher::new(writer, settings, Arc::clone(&counts));
        loops.spawn("append", PATIENCE, |pulse| dispatcher.run(queue, pulse)).go_on();
        Self { requests, counts }
    }

    pub(crate) fn appends(&self) -> Appends {
        let Counts { statements, commands } = &*self.counts;
        Appends { statements: statements.load(Ordering::Relaxed), commands: commands.load(Ordering::Relaxed) }
    }

    /// Appends one command, together with others.
    pub(crate) async fn append(&self, command: Append) -> Result<Verdict, AppendError> {
        let mut outcomes = self.send(vec![command], false).await?;
        outcomes.pop().unwrap_or(Err(AppendError::Unavailable(None)))
    }

    /// Appends several commands, all or none, in a transaction of their own.
    pub(crate) async fn append_group(&self, commands: Vec<Append>) -> Result<Vec<Verdict>, AppendError> {
        self.send(commands, true).await?.into_iter().collect()
    }

    async fn send(&self, commands: Vec<Append>, is_group: bool) -> Result<Vec<Outcome>, AppendError> {
        let (reply, outcomes) = oneshot::channel();
        let (locks, shares) = (commands.iter().flat_map(Append::locks).collect(), commands.iter().flat_map(Append::shares).collect());
        let closed = || AppendError::Unavailable(None);
        self.requests.send(Request { commands, is_group, locks, shares, reply }).await.map_err(|_| closed())?;
        outcomes.await.map_err(|_| closed())
    }
}

struct Dispatcher {
    writer: Writer,
    settings: JournalSettings,
    waiting: VecDeque<Request>,
    /// What the statements that fly at the moment have locked.
    locked: HashSet<u64>,
    flying: JoinSet<()>,
    flights: HashMap<Id, Flight>,
    counts: Arc<Counts>,
}

/// A statement that is under way.
struct Flight {
    requests: usize,
    locks: Vec<u64>,
    shares: Vec<u64>,
}

impl Dispatcher {
    fn new(writer: Writer, settings: JournalSettings, counts: Arc<Counts>) -> Self {
        let (waiting, locked, flights) = (VecDeque::new(), HashSet::new(), HashMap::new());
        Self { writer, settings, waiting, locked, flying: JoinSet::new(), flights, counts }
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Request>, pulse: Pulse) {
        let (mut arrived, mut is_open) = (Vec::new(), true);
        loop {
            pulse.beat();
            self.let_fly();
            let room = self.settings.longest_queue.saturating_sub(self.waiting.len());
            tokio::select! {
                count = queue.recv_many(&mut arrived, room), if is_open && room > 0 => {
                    is_open = count > 0;
                    self.waiting.extend(arrived.drain(..));
                }
                Some(landed) = self.flying.join_next_with_id() => {
                    let id = landed.map_or_else(|error| error.id(), |(id, ())| id);
                    for lock in self.flights.remove(&id).iter().flat_map(|flight| &flight.locks) {
                        self.locked.remove(lock);
                    }
                }
                () = sleep(LOOK_EVERY), if is_open || !self.flying.is_empty() => {}
                else => return pulse.ends(),
            }
        }
    }

    /// Starts statements as long as there are connections for them and commands that may fly.
    fn let_fly(&mut self) {
        while self.flying.len() < self.settings.append_connections.max(1) && self.is_worth_a_flight() {
            let batch = self.next_batch();
            if batch.is_empty() {
                return;
            }
            let locks: Vec<u64> = batch.iter().flat_map(|request| request.locks.iter().copied()).collect();
            let shares = batch.iter().flat_map(|request| request.shares.iter().copied()).collect();
            self.locked.extend(&locks);
            let requests = batch.len();
            self.counts.statements.fetch_add(1, Ordering::Relaxed);
            self.counts.commands.fetch_add(batch.iter().map(|request| request.commands.len() as u64).sum(), Ordering::Relaxed);
            let id = self.flying.spawn(fly(self.writer.clone(), batch)).id();
            self.flights.insert(id, Flight { requests, locks, shares });
        }
    }

    /// Beside others only with as many as they carry: a statement itself costs as much as several commands in it, so
    /// small ones make everybody later.
    fn is_worth_a_flight(&self) -> bool {
        let flying: usize = self.flights.values().map(|flight| flight.requests).sum();
        self.waiting.len() * self.flights.len() >= flying
    }

    /// The longest that wait first; a group flies alone. Whoever must wait holds back those behind it that share a
    /// lock, so that nobody is overtaken for ever.
    fn next_batch(&mut self) -> Vec<Request> {
        let mut taken = self.locked.clone();
        let mut shared: HashSet<u64> = self.flights.values().flat_map(|flight| flight.shares.iter().copied()).collect();
        let (mut batch, mut left) = (Vec::<Request>::new(), VecDeque::new());
        for request in mem::take(&mut self.waiting) {
            let is_free = !request.locks.iter().any(|lock| taken.contains(lock) || shared.contains(lock))
                && !request.shares.iter().any(|lock| taken.contains(lock));
            taken.extend(&request.locks);
            shared.extend(&request.shares);
            let fits = match batch.first() {
                None => true,
                Some(first) => !first.is_group && !request.is_group && batch.len() < self.settings.largest_batch,
            };
            if is_free && fits { batch.push(request) } else { left.push_back(request) }
        }
        self.waiting = left;
        batch
    }
}

async fn fly(writer: Writer, mut batch: Vec<Request>) {
    // in the order of the receipts' index; a group flies alone
    batch.sort_by_key(|request| request.commands.first().map(|command| (command.receipt_id, command.account_id, command.organization_id)));
    let commands: Vec<&Append> = batch.iter().flat_map(|request| &request.commands).collect();
    let is_group = batch.iter().any(|request| request.is_group);
    let outcomes = if is_group { writer.group(&commands).await } else { writer.batch(&commands).await };
    let mut outcomes = outcomes.into_iter();
    for request in batch {
        // a caller that went away needs no answer
        let _ = request.reply.send(outcomes.by_ref().take(request.commands.len()).collect());
    }
}
