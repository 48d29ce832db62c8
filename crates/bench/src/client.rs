//! Who sends commands over HTTP? As little of a client as can be: it shares the machine with the server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::harness::commands_a_second;
use crate::program::Program;
use crate::stories::Stories;

/// How many accounts are made and signed in to at the same time: the server hashes two passwords at once.
const ACCOUNTS_AT_ONCE: usize = 4;

/// A connection that is kept open, and who speaks over it.
pub(crate) struct Client {
    connection: SendRequest<Full<Bytes>>,
    host: HeaderValue,
    bearer: Option<HeaderValue>,
}

impl Client {
    async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (connection, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self { connection, host: address.to_string().try_into()?, bearer: None })
    }

    async fn sign_in(&mut self, email: &str, password: &str) -> Result<()> {
        let answer = self.post("/v1/auth/login", json!({ "email": email, "password": password }).to_string(), StatusCode::OK).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let token = answer["access_token"].as_str().context("no token was given")?;
        self.bearer = Some(format!("Bearer {token}").try_into()?);
        Ok(())
    }

    /// Somebody with these roles.
    pub(crate) async fn with_roles(program: &Program, roles: &[&str]) -> Result<Self> {
        let administrator = Self::administrator(program).await?;
        with_account(administrator, 0, roles).await
    }

    async fn administrator(program: &Program) -> Result<Self> {
        let email = "admin@clinic.example";
        let mut administrator = Self::connect(program.address).await?;
        administrator.sign_in(email, &program.administrator(email).await?).await?;
        Ok(administrator)
    }

    /// What is answered at a path, with a query if it has one.
    pub(crate) async fn get(&mut self, path: &str) -> Result<(StatusCode, Bytes)> {
        let mut request = Request::get(path).header(HOST, &self.host);
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        if self.connection.ready().await.is_err() {
            // the server closes what wasn't used for a while
            let again = Self::connect(self.host.to_str()?.parse()?).await?;
            self.connection = again.connection;
            self.connection.ready().await?;
        }
        let answer = self.connection.send_request(request.body(Full::default())?).await?;
        Ok((answer.status(), answer.into_body().collect().await?.to_bytes()))
    }

    async fn post(&mut self, path: &'static str, body: String, expected: StatusCode) -> Result<Bytes> {
        let mut request = Request::post(path)
            .header(HOST, &self.host)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("idempotency-key", Uuid::now_v7().to_string());
        if let Some(bearer) = &self.bearer {
            request = request.header(AUTHORIZATION, bearer);
        }
        self.connection.ready().await?;
        let answer = self.connection.send_request(request.body(Full::from(body))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        if status != expected {
            bail!("POST {path}: {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

/// Clients with an account and a connection each, who have signed in.
#[derive(Clone)]
pub(crate) struct Clients(Arc<Mutex<Vec<Client>>>);

impl Clients {
    /// So many who receive patients. The first administrator is made on the host and makes the others' accounts.
    pub(crate) async fn of(program: &Program, count: usize) -> Result<Self> {
        let bearer = &Client::administrator(program).await?.bearer;
        let clients = stream::iter(0..count)
            .map(|n| async move {
                let client = Client::connect(program.address).await?;
                with_account(Client { bearer: bearer.clone(), ..client }, n, &["STAFF"]).await
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE);
        Ok(Self(Arc::new(Mutex::new(clients.try_collect().await?))))
    }

    /// Patients registered a second, by each client one after another.
    pub(crate) async fn register(&self) -> Result<f64> {
        let callers = self.with(|clients| clients.len());
        let clients = self.clone();
        commands_a_second(callers, move || {
            let clients = clients.clone();
            async move {
                let mut client = clients.with(Vec::pop).context("there are more callers than clients")?;
                client.post("/v1/patients", Stories::registration(Uuid::now_v7()), StatusCode::CREATED).await?;
                clients.with(|clients| clients.push(client));
                Ok(())
            }
        })
        .await
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Client>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Makes an account as an administrator and signs in to it.
async fn with_account(mut client: Client, n: usize, roles: &[&str]) -> Result<Client> {
    let (email, password) = (format!("staff{n}@clinic.example"), Uuid::new_v4().to_string());
    let account = json!({
        "profile": { "email": email, "display_name": format!("Staff {n}") },
        "roles": roles.iter().map(|role| json!({ "role": role })).collect::<Vec<_>>(),
        "links": {},
    });
    client.post("/v1/accounts", json!({ "account": account, "password": password }).to_string(), StatusCode::CREATED).await?;
    client.sign_in(&email, &password).await?;
    Ok(client)
}
