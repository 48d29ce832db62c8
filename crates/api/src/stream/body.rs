//! How does a stream go on while its client listens?
//!
//! The server asks for the next page when the client has taken what came before, so a slow client holds one page and no
//! connection to the database. A client that leaves takes the stream with it.

use std::convert::Infallible;
use std::time::Duration;

use anamnesis_codec::Telling;
use anamnesis_stream::Topic;
use axum::body::{Body, Bytes};
use futures::stream::unfold;
use tokio::time::{Instant, sleep};

use super::format::Format;
use super::open::Open;
use super::rights::Form;
use super::start::Start;
use crate::App;
use crate::edge::{May, may};

/// How long one who has seen everything waits after the log has grown, so that what comes together is looked at together.
const GATHER: Duration = Duration::from_millis(100);

/// One stream, as far as it has come.
pub(super) struct Stream {
    pub(super) app: App,
    pub(super) may: May<may::ReadStreams>,
    pub(super) topic: Topic,
    pub(super) form: Form,
    pub(super) telling: Telling,
    pub(super) format: Format,
    pub(super) start: Start,
    pub(super) open: Open,
}

impl Stream {
    pub(super) fn into_body(self) -> Body {
        Body::from_stream(unfold(Some(self), async |going_on| {
            let mut stream = going_on?;
            let (written, goes_on) = stream.next().await;
            Some((Ok::<_, Infallible>(Bytes::from(written)), goes_on.then_some(stream)))
        }))
    }

    /// What comes next, and whether anything comes after it.
    async fn next(&mut self) -> (String, bool) {
        let heartbeat = Instant::now() + self.open.heartbeat();
        loop {
            if self.is_at_its_end() {
                return (self.format.progress(self.start.after), false);
            }
            let page = match self.page().await {
                Ok(page) => page,
                Err(problem) => return (self.format.problem(&problem), false),
            };
            self.start.after = page.up_to;
            self.start.left = self.start.left.map(|left| left.saturating_sub(page.events));
            if page.events > 0 {
                return (page.written, true);
            }
            if page.is_last && !self.is_at_its_end() {
                self.wait(heartbeat).await;
            }
            if Instant::now() >= heartbeat {
                return self.beat().await;
            }
        }
    }

    /// Told to end, or nothing is left to give.
    fn is_at_its_end(&self) -> bool {
        self.open.is_closing() || self.start.left == Some(0) || self.start.until.is_some_and(|until| self.start.after >= until)
    }

    /// Until the log has grown, or that moment.
    async fn wait(&self, until: Instant) {
        let grown = async {
            let within = until.saturating_duration_since(Instant::now());
            if self.app.log.wait_for(self.start.after + 1, within).await.is_some() {
                sleep(GATHER).await;
            }
        };
        tokio::select! {
            () = grown => {}
            () = self.open.closing() => {}
        }
    }

    /// That the stream still goes on, if it may, and how far it is.
    async fn beat(&mut self) -> (String, bool) {
        match self.renew().await {
            Ok(()) => (self.format.progress(self.start.after), true),
            Err(problem) => (self.format.problem(&problem), false),
        }
    }
}
