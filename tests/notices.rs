//! Is somebody outside told what happened, once, signed, and no more than that?

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anamnesis_tests::{Role, Server, Settings, eventually};
use serde_json::Value;

/// Somebody who is told. Away, they answer 503.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    told: Arc<Mutex<Vec<Told>>>,
    is_away: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
pub(crate) struct Told {
    head: String,
    pub(crate) body: Value,
}

impl Told {
    fn header(&self, name: &str) -> String {
        let line =
            self.head.lines().find_map(|line| line.to_lowercase().starts_with(&format!("{name}:")).then(|| line[name.len() + 1..].trim().to_owned()));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

impl Receiver {
    pub(crate) fn listen(&self) -> SocketAddr {
        let (listener, receiver) = (TcpListener::bind("127.0.0.1:0").unwrap(), self.clone());
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || listener.incoming().for_each(|stream| receiver.answer(stream.unwrap())));
        address
    }

    fn answer(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (mut received, mut buffer) = (Vec::new(), [0; 4096]);
        let (head, body) = loop {
            let count = stream.read(&mut buffer).unwrap();
            assert_ne!(count, 0, "the notice ends in the middle");
            received.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&received).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Ok(body) = serde_json::from_str(body)
            {
                break (head.to_owned(), body);
            }
        };
        self.told.lock().unwrap().push(Told { head, body });
        let status = if self.is_away.load(Ordering::SeqCst) { "503 Service Unavailable" } else { "204 No Content" };
        stream.write_all(format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").as_bytes()).unwrap();
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }
}

/// What notices are signed with, as the receiver was told.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const SOON: Duration = Duration::from_mins(1);

#[track_caller]
fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    eventually(what, SOON, || is_so().then_some(()));
}

#[test]
fn who_is_to_be_told_is_told_what_sort_of_thing_happened_and_nothing_of_whom() {
    let receiver = Receiver::default();
    let url = format!("http://{}/notices", receiver.listen());
    let settings: Settings =
        vec![("ANAMNESIS_WEBHOOK_URL", &*url.leak()), ("ANAMNESIS_WEBHOOK_SECRET", SECRET), ("ANAMNESIS_WEBHOOK_EVENTS", r#"["AccountCreated"]"#)]
            .leak();
    let server = Server::with(settings);
    let reactor = |arguments: &[&str]| server.run(&[&["reactor"], arguments, &["--json"]].concat()).json();
    wait_until("the reactor has begun", || !reactor(&["list"]).as_array().unwrap().is_empty());
    server.administrator();
    let nothing_waits = || reactor(&["list"])[0]["behind"] == 0 && reactor(&["outbox"]).as_array().unwrap().is_empty();
    wait_until("what came before is told", nothing_waits);

    receiver.is_away.store(true, Ordering::SeqCst);
    let before = receiver.told().len();
    server.somebody(Role::Auditor);
    wait_until("they are told, and away", || receiver.told().len() > before);
    wait_until("it is known why they weren't", || reactor(&["outbox"])[0]["failure"] == "the receiver answers 503");
    let effect = &reactor(&["outbox"])[0];
    receiver.is_away.store(false, Ordering::SeqCst);
    let asked = reactor(&["retry", "webhook", &effect["position"].to_string()]);
    assert_eq!(asked["effects"], 1);
    wait_until("they are told again", nothing_waits);

    let told = receiver.told();
    let (first, again) = (&told[before], told.last().unwrap());
    assert_eq!((first.header("webhook-id"), &first.body), (again.header("webhook-id"), &again.body), "the same notice");
    assert!(again.header("webhook-signature").starts_with("v1,"));
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (names(&again.body), names(&again.body["data"])),
        (["data", "timestamp", "type"].map(str::to_owned).to_vec(), ["event_id", "organization_id", "position", "topic"].map(str::to_owned).to_vec(),)
    );
    assert_eq!((&again.body["type"], &again.body["data"]["position"]), (&Value::from("AccountCreated"), &effect["position"]));

    // a rebuild tells nobody anything
    let before = receiver.told().len();
    server.run(&["projection", "rebuild", "accounts"]).expect(0);
    server.somebody(Role::Auditor);
    wait_until("the next is told", || receiver.told().len() > before && nothing_waits());
    assert_eq!(receiver.told().len(), before + 1);
    let doctor = server.run(&["doctor", "--json"]).json();
    let line = doctor.as_array().unwrap().iter().find(|line| line["check"] == "reactors").unwrap().clone();
    assert_eq!((&line["state"], &line["detail"]), (&Value::from("ok"), &Value::from("0 effects to be had")));
}
