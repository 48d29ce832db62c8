//! Which position does a person mean: by its number, or by a time?

use anamnesis_domain::Instant;
use anamnesis_journal::log::Log;
use anyhow::{Context, bail};
use chrono::DateTime;

/// The position that `text` names: a number, or a time in RFC 3339. The future has none.
pub(crate) async fn position_at(log: &Log, text: &str) -> anyhow::Result<u64> {
    if let Ok(position) = text.parse::<u64>() {
        let head = log.head().await?.position;
        if position > head {
            bail!("the log ends at position {head}");
        }
        return Ok(position);
    }
    let time: Instant =
        DateTime::parse_from_rfc3339(text).with_context(|| format!("{text} is neither a position nor a time in RFC 3339"))?.to_utc().into();
    log.position_at(time).await?.with_context(|| format!("{text} lies in the future of the log"))
}
