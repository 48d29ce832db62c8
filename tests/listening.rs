//! Who listens to a stream, and what have they heard?

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::wait_for;

/// An answer that comes bit by bit. To drop it is to leave.
pub struct Listening {
    asked: String,
    response: reqwest::Response,
    unread: Vec<u8>,
}

impl Listening {
    pub(crate) fn new(asked: String, response: reqwest::Response) -> Self {
        Self { asked, response, unread: Vec::new() }
    }

    /// The media type that the server chose.
    pub fn media_type(&self) -> &str {
        self.response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// What came up to the next `end`, without it; `None`: there is no more, or the connection is lost.
    pub fn next(&mut self, end: &str, within: Duration) -> Option<String> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|part| part == end.as_bytes()) {
                let whole = self.unread.drain(..at + end.len()).collect::<Vec<_>>();
                return Some(String::from_utf8(whole[..at].to_vec()).unwrap());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let came = wait_for(async { tokio::time::timeout(left, self.response.chunk()).await });
            let came = came.unwrap_or_else(|_| panic!("{}: nothing came within {} s", self.asked, within.as_secs()));
            self.unread.extend(came.ok()??);
        }
    }

    /// The next line of JSON.
    pub fn line(&mut self, within: Duration) -> Option<Value> {
        self.next("\n", within).map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{}: {error}: {line}", self.asked)))
    }

    /// The next line that is an event; those before only say how far the stream is.
    #[track_caller]
    pub fn event(&mut self, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let line = self.line(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|| panic!("{}: it has ended", self.asked));
            assert!(line.get("problem").is_none(), "{}: {line}", self.asked);
            if line.get("eventType").is_some() {
                return line;
            }
        }
    }

    /// How far the stream says it is, once that is at least so far. Answers the events that came before.
    #[track_caller]
    pub fn until(&mut self, position: u64, within: Duration) -> Vec<Value> {
        let (deadline, mut events) = (Instant::now() + within, Vec::new());
        loop {
            let line = self.line(deadline.saturating_duration_since(Instant::now())).unwrap_or_else(|| panic!("{}: it has ended", self.asked));
            let told = line["position"].as_u64().unwrap_or_else(|| panic!("{}: {line}", self.asked));
            if line.get("eventType").is_some() {
                events.push(line);
            }
            if told >= position {
                return events;
            }
        }
    }
}
