//! Is each effect had, again only under the same identity, and by a rebuild never?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anamnesis_journal::log::SealedEntry;
use anamnesis_loops::{Condition, Loops};
use anamnesis_projections::ALL;
use anamnesis_projector::reactor::{Effect, EffectFailed, Reactor, ReactorSettings, Reactors, outbox};
use async_trait::async_trait;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::parking::eventually;
use crate::stories::{condition, registered};
use crate::support::Clinic;

const QUICK: Duration = Duration::from_millis(50);

/// Somebody outside, who may be away or take for ever.
#[derive(Default)]
struct Outside {
    had: Mutex<Vec<(u64, Uuid)>>,
    is_away: AtomicBool,
    never_ends: AtomicBool,
}

impl Outside {
    fn had(&self) -> Vec<(u64, Uuid)> {
        self.had.lock().unwrap().clone()
    }

    fn positions(&self) -> Vec<u64> {
        self.had().iter().map(|(position, _)| *position).collect()
    }
}

/// Acts upon every new patient.
struct Greeter(Arc<Outside>);

#[async_trait]
impl Reactor for Greeter {
    fn name(&self) -> &'static str {
        "greeter"
    }

    fn wants(&self, entry: &SealedEntry) -> bool {
        entry.event_type == "PatientRegistered"
    }

    async fn act(&self, effect: &Effect) -> Result<(), EffectFailed> {
        if self.0.is_away.load(Ordering::SeqCst) {
            return Err(EffectFailed("nobody is there".to_owned()));
        }
        self.0.had.lock().unwrap().push((effect.entry.position, effect.id));
        if self.0.never_ends.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl Clinic {
    fn react(&self, outside: &Arc<Outside>, settings: ReactorSettings) -> Reacting {
        let (shutdown, loops) = (CancellationToken::new(), Loops::default());
        let greeter: Arc<dyn Reactor> = Arc::new(Greeter(Arc::clone(outside)));
        let reactors = Reactors::new(self.projector.clone(), self.log(), vec![greeter], settings).with_loops(loops.clone());
        Reacting { task: tokio::spawn(reactors.run(shutdown.clone())), shutdown, loops }
    }

    /// Runs the reactor until it has begun, so that what comes now is news.
    async fn reacting(&self, outside: &Arc<Outside>, settings: ReactorSettings) -> Reacting {
        let reacting = self.react(outside, settings);
        eventually("it has begun", async || !outbox::list(&self.writer).await.unwrap().is_empty()).await;
        reacting
    }

    /// New patients, each with something that nobody acts upon; where the patients are.
    async fn welcome(&self, patients: usize) -> Vec<u64> {
        let mut positions = vec![];
        for _ in 0..patients {
            let patient = Uuid::now_v7();
            positions.push(self.tell(&registered(patient, "Okafor")).await);
            self.tell(&condition(patient, Uuid::now_v7(), "195967001")).await;
        }
        positions
    }

    async fn nothing_waits(&self) -> bool {
        outbox::list(&self.writer).await.unwrap().iter().all(|reactor| (reactor.behind, reactor.waiting, reactor.given_up) == (0, 0, 0))
    }
}

struct Reacting {
    task: JoinHandle<()>,
    shutdown: CancellationToken,
    loops: Loops,
}

impl Reacting {
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// As a killed process does: nothing of it goes on.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
        eventually("it is dead", async || self.loops.states().iter().all(|state| state.condition == Condition::Dead)).await;
    }
}

fn settings() -> ReactorSettings {
    ReactorSettings { batch: 3, wait: QUICK, first_pause: QUICK, longest_pause: QUICK, ..ReactorSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_news_is_acted_upon_once_and_by_a_rebuild_never() {
    let (clinic, outside) = (Clinic::new().await, Arc::new(Outside::default()));
    clinic.welcome(2).await;
    let reacting = clinic.reacting(&outside, settings()).await;
    let news = clinic.welcome(5).await;
    eventually("everything is done", async || outside.had().len() == 5 && clinic.nothing_waits().await).await;
    assert_eq!(outside.positions(), news, "what was there before is no news");
    reacting.stop().await;

    // what comes while none runs is found later
    let later = clinic.welcome(1).await;
    let reacting = clinic.reacting(&outside, settings()).await;
    eventually("what came meanwhile is done", async || outside.positions().last() == later.last() && clinic.nothing_waits().await).await;

    clinic.project_all().await;
    for projection in ALL {
        clinic.rebuild().run(projection, |_, _| {}).await.unwrap();
    }
    clinic.welcome(1).await;
    eventually("the next is done", async || outside.had().len() >= 7 && clinic.nothing_waits().await).await;
    assert_eq!(outside.had().len(), 7);
    reacting.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_act_once_together() {
    let (clinic, outside) = (Clinic::new().await, Arc::new(Outside::default()));
    let first = clinic.reacting(&outside, settings()).await;
    let second = clinic.reacting(&outside, settings()).await;
    let news = clinic.welcome(30).await;
    eventually("everything is done", async || outside.had().len() >= 30 && clinic.nothing_waits().await).await;
    assert_eq!(outside.had().len(), 30);
    assert_eq!(outside.positions().into_iter().collect::<BTreeSet<_>>(), news.into_iter().collect());
    // whichever of them did the work: the other can do it alone
    first.stop().await;
    clinic.welcome(1).await;
    eventually("the other goes on", async || outside.had().len() == 31).await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_just_before_a_crash_is_done_again_under_the_same_identity() {
    let (clinic, outside) = (Clinic::new().await, Arc::new(Outside::default()));
    outside.never_ends.store(true, Ordering::SeqCst);
    let settings = ReactorSettings { patience: Duration::from_secs(2), ..settings() };
    let reacting = clinic.reacting(&outside, settings).await;
    let news = clinic.welcome(1).await;
    eventually("it is had, and nobody knows", async || outside.positions() == news).await;
    reacting.kill().await;
    outside.never_ends.store(false, Ordering::SeqCst);
    let reacting = clinic.reacting(&outside, settings).await;
    eventually("it is had again", async || outside.had().len() == 2 && clinic.nothing_waits().await).await;
    let had = outside.had();
    assert_eq!(had[0], had[1]);
    // another event, another identity
    clinic.welcome(1).await;
    eventually("the next is had", async || outside.had().len() == 3).await;
    assert_ne!(outside.had()[2].1, had[0].1);
    reacting.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_then_waits_for_an_operator_and_holds_nobody_up() {
    let (clinic, outside) = (Clinic::new().await, Arc::new(Outside::default()));
    outside.is_away.store(true, Ordering::SeqCst);
    let reacting = clinic.reacting(&outside, ReactorSettings { most_attempts: 3, ..settings() }).await;
    let news = clinic.welcome(2).await;
    eventually("both are given up", async || outbox::list(&clinic.writer).await.unwrap()[0].given_up == 2).await;
    for waiting in outbox::waiting(&clinic.writer, 10).await.unwrap() {
        assert_eq!((waiting.attempts, waiting.failure.as_deref()), (3, Some("nobody is there")));
    }
    outside.is_away.store(false, Ordering::SeqCst);
    let after = clinic.welcome(1).await;
    eventually("the next doesn't wait", async || outside.positions() == after).await;

    assert_eq!(outbox::retry(&clinic.writer, "greeter", Some(news[1])).await.unwrap(), 1);
    eventually("the one that was asked for", async || outside.positions().contains(&news[1])).await;
    assert_eq!(outbox::retry(&clinic.writer, "greeter", None).await.unwrap(), 1);
    eventually("the other", async || clinic.nothing_waits().await).await;
    let times = outside.positions().into_iter().fold(BTreeMap::new(), |mut times: BTreeMap<u64, u32>, position| {
        *times.entry(position).or_default() += 1;
        times
    });
    assert_eq!(times, news.into_iter().chain(after).map(|position| (position, 1)).collect());
    reacting.stop().await;
}
