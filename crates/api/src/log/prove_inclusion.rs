use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::end;
use crate::App;
use crate::edge::{May, Params, Problem, QueryProblems, Shown, may};

/// Of which entry, in which tree.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct InclusionFilter {
    /// The entry's position.
    position: u64,
    /// The size of the tree; none: that of the newest signed head, or of the log if that hasn't the entry yet.
    size: Option<u64>,
}

/// The way from an entry to a root.
#[derive(Serialize, ToSchema)]
pub(crate) struct Inclusion {
    /// The entry. It is leaf `position - 1`.
    position: u64,
    /// Entries in the tree.
    size: u64,
    /// The tree's root, in hex.
    root: String,
    /// The hashes beside the way, from the leaf up, in hex (RFC 6962).
    hashes: Vec<String>,
}

/// Proves that an entry is in the log.
#[utoipa::path(get, path = "/v1/log/proof/inclusion", tag = "log", params(InclusionFilter),
    responses((status = 200, body = Inclusion), QueryProblems))]
pub(crate) async fn prove_log_inclusion(
    State(app): State<App>,
    _may: May<may::ReadLog>,
    Params(filter): Params<InclusionFilter>,
) -> Result<Shown<Inclusion>, Problem> {
    let (InclusionFilter { position, size }, end) = (filter, end(&app).await?);
    let signed = app.following.health().signed.map_or(0, |signed| signed.head().size);
    let size = size.unwrap_or(if position <= signed { signed } else { end });
    if size > end {
        return Err(Problem::field("size", "is larger than the log"));
    }
    if position == 0 || position > size {
        return Err(Problem::field("position", "isn't in the tree of that size"));
    }
    let tree = app.log.tree();
    let hashes = tree.inclusion(position, size).await?;
    let root = tree.head(size).await?.root;
    let inclusion = Inclusion { position, size, root: root.to_string(), hashes: hashes.iter().map(ToString::to_string).collect() };
    Ok(Shown::new(inclusion).at(end))
}
