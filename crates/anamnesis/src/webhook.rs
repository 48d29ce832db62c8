//! Who outside is told that something has happened here?
//!
//! A notice says what sort of thing happened and where it stands in the log, and nothing else: who may know more asks the API.
//! It is signed as in Standard Webhooks 1.0 (<https://www.standardwebhooks.com>): `webhook-signature: v1,` and the base64 of
//! HMAC-SHA256 over `id.timestamp.body`.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use anamnesis_domain::{REGISTRY, topic_of};
use anamnesis_journal::log::SealedEntry;
use anamnesis_projector::reactor::{Effect, EffectFailed, Reactor};
use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode, Url, redirect};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde_json::json;
use sha2::Sha256;

/// What privacy officers and operators want to know at once, unless the settings say otherwise.
pub(crate) const EVENTS: [&str; 5] = ["AccountLocked", "AdministratorCreated", "ConfigurationChanged", "EventSkipped", "RoleGranted"];

const PATIENCE: Duration = Duration::from_secs(10);
/// As Standard Webhooks wants it.
const SECRET_PREFIX: &str = "whsec_";
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Tells one receiver.
pub(crate) struct Webhook {
    client: Client,
    url: Url,
    secret: SecretSlice<u8>,
    events: BTreeSet<String>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({:?}, ..)", self.events)
    }
}

impl Webhook {
    /// To that address, which is `https` unless it is this machine's.
    pub(crate) fn new(url: &SecretString, secret: &SecretString, events: &[String]) -> anyhow::Result<Self> {
        let url: Url = url.expose_secret().parse().context("webhook_url is no address")?;
        let is_local = url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        ensure!(url.scheme() == "https" || (url.scheme() == "http" && is_local), "webhook_url must begin with https://");
        let known: BTreeSet<_> = REGISTRY.iter().flat_map(|aggregate| aggregate.kinds).map(|kind| kind.name).collect();
        if let Some(unknown) = events.iter().find(|event| !known.contains(event.as_str())) {
            bail!("webhook_events names {unknown}, which is no event: schemas/ has them all");
        }
        // whoever answers for the receiver isn't followed elsewhere
        let client = Client::builder().timeout(PATIENCE).redirect(redirect::Policy::none()).build().context("make an HTTP client")?;
        Ok(Self { client, url, secret: key_of(secret)?, events: events.iter().cloned().collect() })
    }

    fn signature(&self, id: &str, timestamp: &str, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret()).expect("HMAC takes keys of any length");
        for part in [id, ".", timestamp, ".", body] {
            mac.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn key_of(secret: &SecretString) -> anyhow::Result<SecretSlice<u8>> {
    let text = secret.expose_secret();
    let key = STANDARD.decode(text.strip_prefix(SECRET_PREFIX).unwrap_or(text)).ok().filter(|key| SECRET_BYTES.contains(&key.len()));
    key.map(Into::into).context("webhook_secret must be whsec_ and the base64 of 24 to 64 bytes: `echo whsec_$(head -c 32 /dev/urandom | base64)`")
}

/// What is told of an event: no person, no account, no stream.
fn notice(entry: &SealedEntry) -> String {
    let logged_at = DateTime::<Utc>::from(entry.logged_at).to_rfc3339_opts(SecondsFormat::Micros, true);
    json!({
        "type": entry.event_type,
        "timestamp": logged_at,
        "data": {
            "organization_id": entry.organization_id,
            "topic": topic_of(&entry.aggregate_type),
            "position": entry.position,
            "event_id": entry.event_id,
        },
    })
    .to_string()
}

#[async_trait]
impl Reactor for Webhook {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn wants(&self, entry: &SealedEntry) -> bool {
        self.events.contains(&entry.event_type)
    }

    async fn act(&self, effect: &Effect) -> Result<(), EffectFailed> {
        let (id, timestamp, body) = (effect.id.to_string(), Utc::now().timestamp().to_string(), notice(&effect.entry));
        let signature = self.signature(&id, &timestamp, &body);
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        let request = request.header("webhook-id", id).header("webhook-timestamp", timestamp).header("webhook-signature", signature);
        match request.body(body).send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status) => Err(EffectFailed(format!("the receiver answers {}", StatusCode::as_u16(&status)))),
            Err(error) if error.is_timeout() => Err(EffectFailed("the receiver doesn't answer in time".to_owned())),
            Err(_) => Err(EffectFailed("the receiver can't be reached".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn webhook(url: &str, secret: &str, events: &[&str]) -> anyhow::Result<Webhook> {
        Webhook::new(&url.into(), &secret.into(), &events.iter().map(|&event| event.to_owned()).collect::<Vec<_>>())
    }

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_that_of_standard_webhooks() {
        let webhook = webhook("https://example.org/", SECRET, &EVENTS).unwrap();
        let signature = webhook.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_set_wrongly_is_named() {
        let said = |url, secret, events: &[&str]| format!("{:#}", webhook(url, secret, events).unwrap_err());
        assert!(said("http://example.org/", SECRET, &[]).contains("https"));
        assert!(said("example", SECRET, &[]).contains("webhook_url"));
        assert!(said("https://example.org/", "whsec_c2hvcnQ=", &[]).contains("webhook_secret"));
        assert!(said("https://example.org/", SECRET, &["PatientSneezed"]).contains("PatientSneezed"));
        assert!(webhook("http://127.0.0.1:1/", SECRET, &[]).is_ok());
        assert!(!format!("{:?}", webhook("https://example.org/", SECRET, &EVENTS)).contains("MfKQ"));
    }
}
