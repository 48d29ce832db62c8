//! How is HTTP served so that nobody can use up all there is by doing nothing?
//!
//! Connections are bounded, and each must bring a whole request head in time: the first one, and the next one after an
//! answer. How long a request may take from there on, its router knows.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tower::Service as _;
use tracing::{debug, error};

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at the same time; more wait in the system's queue.
    pub(crate) connections: usize,
    /// How long a connection may be without a whole request head.
    pub(crate) head_within: Duration,
}

/// How long nothing is accepted after the system couldn't: it has no more files to give.
const BREATH: Duration = Duration::from_secs(1);

/// Serves until it is told to stop, and then until every request that has begun is answered.
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, shutdown: CancellationToken) {
    let room = Arc::new(Semaphore::new(bounds.connections));
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Some((stream, address, place)) = accept(&listener, &room) => {
                let connection = converse(stream, address, router.clone(), bounds.head_within, shutdown.clone());
                open.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Some(_) = open.join_next() => {}
            () = shutdown.cancelled() => break,
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
}

/// The next connection, once there is room for it.
async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return Some((stream, address, place)),
            Err(cause) => {
                error!(error = %cause, "a connection couldn't be accepted");
                sleep(BREATH).await;
            }
        }
    }
}

/// Answers what comes over one connection. What becomes of it is its client's business.
async fn converse(stream: TcpStream, address: SocketAddr, router: Router, head_within: Duration, shutdown: CancellationToken) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(address));
        // a router is always ready
        router.clone().call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_within);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = ended {
        debug!(error = %cause, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;

    const WHOLE: &str = "GET / HTTP/1.1\r\nhost: here\r\n\r\n";
    const SOON: Duration = Duration::from_secs(20);
    const NEVER: Duration = Duration::from_millis(300);

    struct Served {
        address: SocketAddr,
        shutdown: CancellationToken,
        /// Lets what is asked for at `/slow` be answered.
        go_on: Arc<Notify>,
        ends: JoinHandle<()>,
    }

    async fn serving(connections: usize, head_within: Duration) -> Served {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, shutdown, go_on) = (listener.local_addr().unwrap(), CancellationToken::new(), Arc::new(Notify::new()));
        let waits = go_on.clone();
        let slow = move || async move {
            waits.notified().await;
            "at last"
        };
        let from = |ConnectInfo(from): ConnectInfo<SocketAddr>| async move { from.to_string() };
        let router = Router::new().route("/", get(from)).route("/slow", get(slow));
        let ends = tokio::spawn(serve(listener, router, Bounds { connections, head_within }, shutdown.clone()));
        Served { address, shutdown, go_on, ends }
    }

    impl Served {
        async fn says(&self, text: &str) -> TcpStream {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            stream
        }
    }

    /// What comes next; empty: the end.
    async fn hears(stream: &mut TcpStream) -> String {
        let mut heard = [0; 1024];
        let length = timeout(SOON, stream.read(&mut heard)).await.expect("something comes").unwrap_or(0);
        String::from_utf8_lossy(&heard[..length]).into_owned()
    }

    #[tokio::test]
    async fn who_asks_is_known_by_address_and_may_ask_again() {
        let served = serving(1, SOON).await;
        let mut client = served.says(WHOLE).await;
        for _ in 0..2 {
            let heard = hears(&mut client).await;
            assert!(heard.starts_with("HTTP/1.1 200") && heard.ends_with(&client.local_addr().unwrap().to_string()), "{heard}");
            client.write_all(WHOLE.as_bytes()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn who_brings_no_whole_head_in_time_is_sent_away() {
        let served = serving(9, Duration::from_millis(200)).await;
        for said in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: here\r\n"] {
            assert_eq!(hears(&mut served.says(said).await).await, "", "{said}");
        }
        let mut client = served.says(WHOLE).await;
        assert!(hears(&mut client).await.starts_with("HTTP/1.1 200"));
        assert_eq!(hears(&mut client).await, "", "nor another one in time");
    }

    #[tokio::test]
    async fn who_is_one_too_many_waits_while_the_others_are_served() {
        let served = serving(2, SOON).await;
        let (mut first, idle) = (served.says(WHOLE).await, served.says("").await);
        assert!(hears(&mut first).await.starts_with("HTTP/1.1 200"));
        let mut third = served.says(WHOLE).await;
        assert!(timeout(NEVER, third.read(&mut [0; 9])).await.is_err(), "there is no room");
        first.write_all(WHOLE.as_bytes()).await.unwrap();
        assert!(hears(&mut first).await.starts_with("HTTP/1.1 200"));
        drop(idle);
        assert!(hears(&mut third).await.starts_with("HTTP/1.1 200"));
    }

    #[tokio::test]
    async fn what_has_begun_is_answered_before_the_end_and_nothing_else() {
        let served = serving(9, SOON).await;
        let (mut asked, mut idle) = (served.says("GET /slow HTTP/1.1\r\nhost: here\r\n\r\n").await, served.says(WHOLE).await);
        assert!(hears(&mut idle).await.starts_with("HTTP/1.1 200"));
        served.shutdown.cancel();
        assert_eq!(hears(&mut idle).await, "");
        assert!(!served.ends.is_finished());
        served.go_on.notify_one();
        assert!(hears(&mut asked).await.ends_with("at last"));
        timeout(SOON, served.ends).await.expect("it ends").unwrap();
        assert!(TcpStream::connect(served.address).await.is_err());
    }
}
