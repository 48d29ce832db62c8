//! How are events written: a line of JSON each, or as server-sent events?

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::edge::Problem;

/// How a stream is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// A JSON object a line.
    Ndjson,
    /// Server-sent events (WHATWG HTML, 9.2).
    Events,
}

/// From the one that is given when anything is accepted.
const FORMATS: [Format; 2] = [Format::Ndjson, Format::Events];

impl Format {
    /// What the client accepts most; of two that it accepts alike, NDJSON.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Problem> {
        let accept = headers.get_all(header::ACCEPT).iter().map(|value| value.to_str().unwrap_or_default());
        let ranges: Vec<_> = accept.flat_map(|value| value.split(',')).filter_map(Range::parse).collect();
        if ranges.is_empty() && !headers.contains_key(header::ACCEPT) {
            return Ok(Self::Ndjson);
        }
        let wanted = FORMATS.map(|format| (quality(&ranges, format.media_type()), format));
        let best = wanted.into_iter().filter(|(quality, _)| *quality > 0.0).reduce(|best, next| if next.0 > best.0 { next } else { best });
        best.map(|(_, format)| format).ok_or_else(|| {
            let detail = "a stream is given as application/x-ndjson or text/event-stream: accept one of them";
            Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Not in that form", detail)
        })
    }

    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Events => "text/event-stream",
        }
    }

    /// An event.
    pub(super) fn event(self, position: u64, told: &Map<String, Value>) -> String {
        let told = Value::from(told.clone());
        match self {
            Self::Ndjson => format!("{told}\n"),
            Self::Events => format!("id: {position}\ndata: {told}\n\n"),
        }
    }

    /// That everything up to there was looked at. An event without data moves a browser's `Last-Event-ID` on, and nothing else.
    pub(super) fn progress(self, position: u64) -> String {
        match self {
            Self::Ndjson => format!("{}\n", json!({ "position": position })),
            Self::Events => format!(": still here\nid: {position}\n\n"),
        }
    }

    /// Why there is no more.
    pub(super) fn problem(self, problem: &Problem) -> String {
        match self {
            Self::Ndjson => format!("{}\n", json!({ "problem": problem })),
            Self::Events => format!("event: problem\ndata: {}\n\n", json!(problem)),
        }
    }
}

/// One of the media ranges of `Accept` (RFC 9110, 12.5.1).
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    quality: f32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let quality = parts.find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")));
        Some(Self { kind, subtype, quality: quality.map_or(Some(1.0), |quality| quality.parse().ok())? })
    }

    /// How closely it names a media type; `None`: not at all.
    fn closeness(&self, media_type: &str) -> Option<u8> {
        let (kind, subtype) = media_type.split_once('/')?;
        match (self.kind.eq_ignore_ascii_case(kind), self.subtype.eq_ignore_ascii_case(subtype)) {
            (true, true) => Some(2),
            (true, false) if self.subtype == "*" => Some(1),
            (false, _) if (self.kind, self.subtype) == ("*", "*") => Some(0),
            (_, _) => None,
        }
    }
}

/// What the range that names it most closely says.
fn quality(ranges: &[Range<'_>], media_type: &str) -> f32 {
    let named = ranges.iter().filter_map(|range| Some((range.closeness(media_type)?, range.quality)));
    named.max_by_key(|(closeness, _)| *closeness).map_or(0.0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(values: &[&'static str]) -> Option<Format> {
        let headers = values.iter().map(|value| (header::ACCEPT, value.parse().unwrap())).collect();
        Format::accepted(&headers).ok()
    }

    #[test]
    fn the_client_chooses_by_accept() {
        for (accept, format) in [
            (&[][..], Some(Format::Ndjson)),
            (&["*/*"], Some(Format::Ndjson)),
            (&["application/x-ndjson"], Some(Format::Ndjson)),
            (&["text/event-stream"], Some(Format::Events)),
            (&["Text/Event-Stream; charset=utf-8"], Some(Format::Events)),
            (&["text/*"], Some(Format::Events)),
            (&["text/html, text/event-stream;q=0.5, */*;q=0.1"], Some(Format::Events)),
            (&["text/event-stream;q=0, */*"], Some(Format::Ndjson)),
            (&["application/json", "text/event-stream"], Some(Format::Events)),
            (&["application/json"], None),
            (&["application/x-ndjson;q=0"], None),
            (&[""], None),
        ] {
            assert_eq!(accepted(accept), format, "{accept:?}");
        }
    }

    #[test]
    fn what_isnt_acceptable_is_a_problem() {
        let headers = [(header::ACCEPT, "image/png".parse().unwrap())].into_iter().collect();
        let problem = json!(Format::accepted(&headers).unwrap_err());
        assert_eq!((&problem["status"], &problem["type"]), (&json!(406), &json!("urn:anamnesis:problem:not-acceptable")));
    }

    #[test]
    fn an_event_is_a_line_or_has_its_position_as_id() {
        let told: Map<String, Value> = [("eventType".to_owned(), json!("A\nB"))].into_iter().collect();
        assert_eq!(Format::Ndjson.event(7, &told), "{\"eventType\":\"A\\nB\"}\n");
        assert_eq!(Format::Events.event(7, &told), "id: 7\ndata: {\"eventType\":\"A\\nB\"}\n\n");
        assert_eq!(Format::Ndjson.progress(8), "{\"position\":8}\n");
        assert_eq!(Format::Events.progress(8), ": still here\nid: 8\n\n");
    }
}
