//! The operations on insights.

mod accept;
mod act_on;
mod dismiss;
mod expire;
mod generate;
mod get;
mod list;
mod overrule;
mod review;

use anamnesis_domain::Instant;
use anamnesis_domain::insight::InsightStatus;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::edge::{Item, expire_if_over};

/// The collection's name in paths.
pub(crate) const COLLECTION: &str = "insights";

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list::list_insights))
        .routes(routes!(get::get_insight))
        .routes(routes!(generate::generate_insight))
        .routes(routes!(review::review_insight))
        .routes(routes!(act_on::act_on_insight))
        .routes(routes!(dismiss::dismiss_insight))
        .routes(routes!(expire::expire_insight))
        .routes(routes!(accept::accept_insight))
        .routes(routes!(overrule::override_insight))
}

/// Until somebody notices that its time is over and writes it down, it is told here; `expired_at` stays empty until then. The past
/// is told as the log tells it.
fn end_if_over(item: &mut Item, now: Instant) {
    expire_if_over(item, &[InsightStatus::Generated, InsightStatus::Reviewed], now);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn shown(status: InsightStatus, expires_at: Option<i64>, now: i64) -> Value {
        let mut item =
            Item::from_iter([("status".to_owned(), json!(status)), ("expires_at".to_owned(), json!(expires_at.map(Instant::from_micros)))]);
        end_if_over(&mut item, Instant::from_micros(now));
        item["status"].clone()
    }

    #[test]
    fn what_has_expired_is_not_shown_as_active_before_somebody_notices() {
        use InsightStatus::{ActedOn, Dismissed, Generated, Reviewed};
        for open in [Generated, Reviewed] {
            assert_eq!(shown(open, Some(5), 5), "EXPIRED");
            assert_eq!(shown(open, Some(6), 5), json!(open));
            assert_eq!(shown(open, None, 5), json!(open));
        }
        for decided in [ActedOn, Dismissed] {
            assert_eq!(shown(decided, Some(1), 5), json!(decided));
        }
    }
}
