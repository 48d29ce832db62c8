//! Does the log still grow?

use std::time::Instant;

use crate::log::LogHead;

/// What a sequencer did last.
#[derive(Clone, Debug, Default)]
pub struct SequencerHealth {
    /// Whether it leads.
    pub state: SequencerState,
    /// When the database last answered it; `None` before the first time.
    pub last_success: Option<Instant>,
    /// Failed attempts since then.
    pub failures: u32,
    /// Where the log ended after its last batch.
    pub head: Option<LogHead>,
}

/// Whether a sequencer leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SequencerState {
    /// It would lead if nobody else did.
    #[default]
    Standby,
    /// It leads.
    Leading {
        /// The lease's number; each new leader has a higher one.
        epoch: u64,
    },
}

impl SequencerHealth {
    pub(super) fn led(&mut self, epoch: i64, head: LogHead) {
        self.succeeded(SequencerState::Leading { epoch: epoch.cast_unsigned() });
        self.head = Some(head);
    }

    pub(crate) fn stood_by(&mut self) {
        self.succeeded(SequencerState::Standby);
    }

    pub(crate) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    fn succeeded(&mut self, state: SequencerState) {
        self.state = state;
        self.last_success = Some(Instant::now());
        self.failures = 0;
    }
}
