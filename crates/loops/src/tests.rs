use std::future::pending;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;

const LONG: Duration = Duration::from_mins(1);

async fn condition(loops: &Loops, wanted: Condition) {
    let come = async {
        while !loops.states().iter().all(|state| state.condition == wanted) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, come).await.unwrap();
}

#[tokio::test]
async fn a_loop_that_returns_panics_or_is_aborted_is_dead_and_named() {
    for (work, is_aborted) in [("returns", false), ("panics", false), ("goes on", true)] {
        let loops = Loops::default();
        let running = loops.spawn("pump of the well", LONG, |_| async move {
            match work {
                "returns" => {}
                "panics" => panic!("as a fault would"),
                _ => pending().await,
            }
        });
        if is_aborted {
            assert_eq!(loops.unwell(), []);
            loops.break_down("pump of the well");
        }
        assert_eq!(timeout(LONG, loops.died()).await.unwrap(), "pump of the well", "{work}");
        assert_eq!((loops.unwell()[0].condition, loops.unwell()[0].kind()), (Condition::Dead, "pump"));
        // nothing makes it well again
        drop(running);
        assert_eq!(loops.unwell().len(), 1);
    }
}

#[tokio::test]
async fn a_thread_that_returns_panics_or_is_broken_down_is_dead_and_one_that_was_told_to_end_is_not() {
    for work in ["returns", "panics", "goes on", "ends"] {
        let loops = Loops::default();
        let go_on = |pulse: &Pulse| {
            for _ in 0..10_000 {
                pulse.beat();
                thread::sleep(Duration::from_millis(1));
            }
        };
        let thread = loops.spawn_thread("pump", LONG, move |pulse| match work {
            "returns" => {}
            "ends" => pulse.ends(),
            "panics" => panic!("as a fault would"),
            _ => go_on(&pulse),
        });
        loops.break_down("pump");
        let ended = thread.unwrap().join();
        assert_eq!((ended.is_ok(), loops.states().is_empty()), (["returns", "ends"].contains(&work), work == "ends"), "{work}");
        if work != "ends" {
            assert_eq!((timeout(LONG, loops.died()).await.unwrap(), loops.unwell()[0].condition), ("pump".to_owned(), Condition::Dead));
        }
    }
}

#[tokio::test]
async fn a_loop_that_was_told_to_end_is_missed_by_nobody() {
    let loops = Loops::default();
    drop(loops.spawn("dropped", LONG, |_| pending()));
    loops.spawn("by itself", LONG, |pulse| async move { pulse.ends() }).go_on();
    timeout(LONG, async {
        while !loops.states().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    assert!(timeout(Duration::from_millis(10), loops.died()).await.is_err());
}

#[tokio::test]
async fn a_loop_that_does_not_get_on_is_stuck_until_it_does() {
    let loops = Loops::default();
    let (go, goes) = tokio::sync::oneshot::channel();
    let _running = loops.spawn("slow", Duration::from_millis(20), |pulse| async move {
        goes.await.unwrap();
        loop {
            pulse.beat();
            sleep(Duration::from_millis(1)).await;
        }
    });
    condition(&loops, Condition::Stuck).await;
    go.send(()).unwrap();
    condition(&loops, Condition::Alive).await;
}

#[tokio::test]
async fn who_waits_beats() {
    let loops = Loops::default();
    let _running = loops.spawn("idle", Duration::from_millis(500), |pulse| async move { pulse.while_waiting(pending()).await });
    sleep(Duration::from_millis(700)).await;
    assert_eq!(loops.unwell(), []);
}

#[tokio::test]
async fn who_asks_meanwhile_is_answered_together_and_each_for_their_own_question() {
    let (loops, batches) = (Loops::default(), Arc::new(Mutex::new(Vec::new())));
    let (go, goes) = watch::channel(false);
    let doubling = Together::start(&loops, "doubling", {
        let batches = Arc::clone(&batches);
        move |numbers: Vec<u32>| {
            batches.lock().unwrap().push(numbers.len());
            let mut goes = goes.clone();
            async move {
                goes.wait_for(|go| *go).await.unwrap();
                numbers.into_iter().map(|number| number * 2).collect()
            }
        }
    });
    let mut asking = JoinSet::new();
    for numbers in [0..1, 1..10] {
        for number in numbers {
            let doubling = doubling.clone();
            asking.spawn(async move { (number, doubling.ask(number).await) });
        }
        sleep(Duration::from_millis(10)).await;
    }
    go.send(true).unwrap();
    for (number, doubled) in asking.join_all().await {
        assert_eq!(doubled, Some(number * 2));
    }
    assert_eq!(*batches.lock().unwrap(), [1, 9]);
}

#[tokio::test]
async fn who_can_not_be_answered_is_told_so_and_the_next_one_is_answered() {
    let loops = Loops::default();
    let echo = Together::start(&loops, "echo", |words: Vec<&str>| async move { if words.contains(&"silence") { vec![] } else { words } });
    assert_eq!(echo.ask("silence").await, None);
    assert_eq!(echo.ask("word").await, Some("word"));
    drop(echo);
    timeout(LONG, async {
        while !loops.states().is_empty() {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
    assert!(loops.0.dead.borrow().is_none());
}
