//! The audit log, for those who answer for it. To look at it is an access too.

mod list_audit_logs;
mod list_compliance_logs;
mod list_data_access_logs;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_logs::list_audit_logs))
        .routes(routes!(list_data_access_logs::list_data_access_logs))
        .routes(routes!(list_compliance_logs::list_compliance_logs))
}
