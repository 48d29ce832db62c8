use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::end;
use crate::App;
use crate::edge::{May, Params, Problem, QueryProblems, Shown, may};

/// Of which trees.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsistencyFilter {
    /// The size of the older tree.
    from: u64,
    /// The size of the newer tree.
    to: u64,
}

/// What shows that an older tree is the beginning of a newer one.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsistencyProof {
    /// The older size.
    from: u64,
    /// The newer size.
    to: u64,
    /// The older root, in hex.
    from_root: String,
    /// The newer root, in hex.
    to_root: String,
    /// The proof's hashes, in hex (RFC 6962).
    hashes: Vec<String>,
}

/// Proves that the log only grew.
#[utoipa::path(get, path = "/v1/log/proof/consistency", tag = "log", params(ConsistencyFilter),
    responses((status = 200, body = ConsistencyProof), QueryProblems))]
pub(crate) async fn prove_log_consistency(
    State(app): State<App>,
    _may: May<may::ReadLog>,
    Params(filter): Params<ConsistencyFilter>,
) -> Result<Shown<ConsistencyProof>, Problem> {
    let (ConsistencyFilter { from, to }, end) = (filter, end(&app).await?);
    if to > end {
        return Err(Problem::field("to", "is larger than the log"));
    }
    if from > to {
        return Err(Problem::field("from", "is larger than `to`"));
    }
    let tree = app.log.tree();
    let proof = tree.consistency(from, to).await?;
    let (older, newer) = (tree.head(from).await?, tree.head(to).await?);
    let hashes = proof.hashes.iter().map(ToString::to_string).collect();
    let shown = ConsistencyProof { from, to, from_root: older.root.to_string(), to_root: newer.root.to_string(), hashes };
    Ok(Shown::new(shown).at(end))
}
