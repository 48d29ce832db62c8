//! What does a client send, and what does it get back?

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::{Listening, eventually, wait_for};

/// Longer than the server's own limit, so that it is the server that gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// No test listens for longer.
const LONGEST_LISTENING: Duration = Duration::from_mins(10);

/// Somebody who sends requests, signed in or not.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    /// The account that signed in.
    pub account_id: String,
}

impl Client {
    /// Somebody who isn't signed in.
    pub fn new(base: &str) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).user_agent("anamnesis-tests").build().unwrap();
        Self { http, base: base.to_owned(), token: None, account_id: String::new() }
    }

    /// Signs in as somebody who may.
    #[track_caller]
    pub fn sign_in(&self, email: &str, password: &str) -> Self {
        let answer = self.post("/v1/auth/login", &json!({ "email": email, "password": password })).expect(200).json();
        let account_id = answer["account_id"].as_str().unwrap().to_owned();
        Self { account_id, ..self.with_token(answer["access_token"].as_str().unwrap()) }
    }

    /// Whoever holds this token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The token that it sends.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    /// A request to be made.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let mut headers = HeaderMap::new();
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Request { client: self.clone(), method, path: path.to_owned(), headers, body: None }
    }

    /// Reads.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// Reads what is at least as new as `token`, as any client would: told that this isn't there yet, it asks again.
    #[track_caller]
    pub fn get_after(&self, path: &str, token: &str) -> Answer {
        let early = |answer: &Answer| answer.status == 503 && answer.text().contains("hasn't reached Anamnesis-After");
        eventually("the read model is that new", PATIENCE, || Some(self.get_once_after(path, token)).filter(|answer| !early(answer)))
    }

    /// As [`Client::get_after`], but takes the first answer.
    #[track_caller]
    pub fn get_once_after(&self, path: &str, token: &str) -> Answer {
        self.request("GET", path).header("anamnesis-after", token).send()
    }

    /// Commands.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send()
    }
}

/// A request with all that it says.
#[derive(Clone)]
pub struct Request {
    client: Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

impl Request {
    /// With a header in place of what was there.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str().to_owned().leak(), "application/json").body(body.to_string())
    }

    /// With a body as it is.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends it; whatever comes back is an answer.
    #[track_caller]
    pub fn send(self) -> Answer {
        let asked = format!("{} {}", self.method, self.path);
        match wait_for(self.attempt()) {
            Ok(answer) => answer,
            Err(error) => panic!("{asked}: {error:?}"),
        }
    }

    /// Sends it; `None` if nobody answers.
    pub fn try_send(self) -> Option<Answer> {
        wait_for(self.attempt()).ok()
    }

    /// Sends it; the answer comes bit by bit. It must be one.
    #[track_caller]
    pub fn listen(self) -> Listening {
        let asked = format!("{} {}", self.method, self.path);
        let response = wait_for(async { self.built().timeout(LONGEST_LISTENING).send().await }).unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        assert_eq!(response.status().as_u16(), 200, "{asked}");
        Listening::new(asked, response)
    }

    fn built(self) -> reqwest::RequestBuilder {
        let request = self.client.http.request(self.method, format!("{}{}", self.client.base, self.path)).headers(self.headers);
        match self.body {
            Some(body) => request.body(body),
            None => request,
        }
    }

    async fn attempt(self) -> reqwest::Result<Answer> {
        let asked = format!("{} {}", self.method, self.path);
        let response = self.built().send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { asked, status, headers, body: response.bytes().await?.to_vec() })
    }
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// The HTTP status.
    pub status: u16,
    headers: HeaderMap,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// Panics unless it has this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A header that must be there.
    #[track_caller]
    pub fn must(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("{}: no header {name}: {:?}", self.asked, self.headers))
    }

    /// The body.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: no JSON ({error}): {}", self.asked, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The id of what a command created or changed.
    #[track_caller]
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_else(|| panic!("{}: no id: {}", self.asked, self.text())).to_owned()
    }

    /// The token with which a query sees what a command did.
    #[track_caller]
    pub fn consistency(&self) -> String {
        self.must("anamnesis-token").to_owned()
    }

    /// The position that a query's answer reflects, or that a command's event got.
    #[track_caller]
    pub fn position(&self) -> u64 {
        self.must("anamnesis-position").parse().unwrap()
    }

    /// The problem document that it must be: with that status, well formed, telling what is wrong in words. Answers its `type`'s last part.
    #[track_caller]
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}: {}", self.asked, self.text());
        let document = self.json();
        assert_eq!(document["status"], status, "{document}");
        assert!(document["title"].as_str().is_some_and(|title| !title.is_empty()), "{document}");
        assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{document}");
        let kind = document["type"].as_str().unwrap();
        kind.strip_prefix("urn:anamnesis:problem:").unwrap_or_else(|| panic!("an unknown type: {document}")).to_owned()
    }

    /// The fields that a problem document names.
    pub fn fields(&self) -> Vec<String> {
        let document = self.json();
        let errors = document["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().filter_map(|error| error["field"].as_str().map(str::to_owned)).collect()
    }

    /// The rule that said no.
    pub fn rule(&self) -> Option<String> {
        self.json()["rule"].as_str().map(str::to_owned)
    }
}
