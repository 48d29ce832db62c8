//! How is the edge described? OpenAPI 3.1, from the operations themselves.

use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::edge::schemas;

/// The description's frame; operations add themselves in [`crate::router()`].
#[derive(OpenApi)]
#[openapi(
    info(title = "Anamnesis", description = "Health records that never forget and can prove it."),
    modifiers(&Bearer, &Answers),
    security(("bearer" = []))
)]
pub(crate) struct Frame;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut Document) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("the access_token of POST /v1/auth/login")).build();
        document.components.get_or_insert_default().add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
}

struct Answers;

impl Modify for Answers {
    fn modify(&self, document: &mut Document) {
        document.components.get_or_insert_default().schemas.extend(schemas());
    }
}

/// The whole description.
pub fn document() -> Document {
    let mut document = crate::router::described().into_openapi();
    // a parameter that takes the rest of a path is marked for the router, not for readers
    document.paths.paths = document.paths.paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::document::ChecksumStatus;
    use serde_json::json;

    use super::document;

    #[test]
    fn choices_are_described_as_they_are_written() {
        let document = serde_json::to_value(document()).unwrap();
        let parameters = document["paths"]["/v1/documents"]["get"]["parameters"].as_array().unwrap();
        let checksum = parameters.iter().find(|parameter| parameter["name"] == "checksum").unwrap();
        let written: Vec<_> = ChecksumStatus::ALL.iter().map(|choice| choice.as_str()).collect();
        assert_eq!(checksum["schema"]["enum"], json!(written));
    }
}
