//! Which requests came, what was answered, and how long did that take?

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// Seconds: most answers take a few milliseconds; the limit is half a minute.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The route is its template: what is asked for stands in no label.
#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Labels {
    method: &'static str,
    route: String,
    status: u16,
}

/// What was answered so far.
#[derive(Clone)]
pub(crate) struct Requests(Family<Labels, Histogram>);

impl Default for Requests {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(BUCKETS)))
    }
}

impl Requests {
    /// Measures what this router answers.
    pub(crate) fn measure(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), measured))
    }

    pub(super) fn durations(&self) -> Family<impl Clone + std::hash::Hash + Eq + EncodeLabelSet + std::fmt::Debug + Send + Sync + use<>, Histogram> {
        self.0.clone()
    }
}

async fn measured(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let (method, begun) = (known(request.method()), Instant::now());
    // whatever else is asked for shares one label, however many paths somebody tries
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let labels = Labels { method, route, status: response.status().as_u16() };
    requests.0.get_or_create(&labels).observe(begun.elapsed().as_secs_f64());
    response
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        _ => "OTHER",
    }
}
