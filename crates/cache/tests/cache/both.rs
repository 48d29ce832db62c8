//! What holds of a cache wherever it is.

use std::time::Duration;

use anamnesis_cache::{Cache, Entry, Keeper, Key, Lane, Looked, Part};
use uuid::Uuid;

use crate::support::{World, entry, lane, says};

#[tokio::test]
async fn what_was_put_in_is_found_and_reflects_what_its_lane_has_reached() {
    for world in World::both().await {
        let patient = Uuid::now_v7();
        let (mut keeper, key) = (world.keeper(7).await, world.profile(patient));
        assert!(world.found(&key).await.is_none());
        assert!(world.fill(&key, &entry(7, patient, "Glover")).await);
        says(world.found(&key).await, 7, "Glover");
        keeper.moved(&[world.profile(Uuid::now_v7())], true, 9).await;
        says(world.found(&key).await, 9, "Glover");
        assert!(matches!(world.look(&key, 9).await, Looked::Hit(_)));
        assert!(matches!(world.look(&key, 10).await, Looked::Miss(_)), "it doesn't reflect that yet");
    }
}

#[tokio::test]
async fn what_a_batch_touched_is_thrown_out_and_nothing_else() {
    for world in World::both().await {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let mut keeper = world.keeper(1).await;
        for patient in [one, other] {
            assert!(world.fill(&world.profile(patient), &entry(1, patient, "before")).await);
        }
        keeper.moved(&[world.profile(one)], true, 2).await;
        assert!(world.found(&world.profile(one)).await.is_none());
        says(world.found(&world.profile(other)).await, 2, "before");
    }
}

#[tokio::test]
async fn a_slow_reader_never_replaces_what_is_newer() {
    for world in World::both().await {
        let patient = Uuid::now_v7();
        let (mut keeper, key) = (world.keeper(1).await, world.profile(patient));
        let slow = World::ticket(world.look(&key, 0).await);
        keeper.moved(std::slice::from_ref(&key), true, 2).await;
        assert!(world.fill(&key, &entry(2, patient, "new")).await);
        assert!(!world.cache.fill(slow, &entry(1, patient, "old")).await);
        says(world.found(&key).await, 2, "new");
        // nor where there is nothing any more
        let slow = World::ticket(world.look(&key, 3).await);
        keeper.moved(std::slice::from_ref(&key), true, 3).await;
        assert!(!world.cache.fill(slow, &entry(2, patient, "old")).await);
        assert!(world.found(&key).await.is_none());
    }
}

#[tokio::test]
async fn an_answer_to_a_list_holds_until_anything_in_its_read_model_changes() {
    for world in World::both().await {
        let key = Key::api_response(world.organization, "/v1/facilities", [7; 32]);
        let mut keeper = world.keeper(5).await;
        assert!(world.fill(&key, &entry(5, world.organization, "page")).await);
        keeper.moved(&[], false, 6).await;
        says(world.found(&key).await, 6, "page");
        keeper.moved(&[], true, 7).await;
        assert!(world.found(&key).await.is_none());
        // read before the change, put in after it
        assert!(world.fill(&key, &entry(6, world.organization, "page")).await);
        assert!(world.found(&key).await.is_none());
        assert!(world.fill(&key, &entry(7, world.organization, "page")).await);
        says(world.found(&key).await, 7, "page");
    }
}

#[tokio::test]
async fn an_entry_from_several_read_models_reflects_what_all_have_reached() {
    for world in World::both().await {
        let (key, lanes) = (Key::appointments(world.organization, "2026-03-01".parse().unwrap()), [lane(), Lane::new("patients", 1)]);
        let look = async |first, second, at_least| {
            let [one, other] = lanes.clone();
            world.cache.look(&key, &[(one, first), (other, second)], at_least).await
        };
        let mut first = world.keeper(9).await;
        let Looked::Miss(ticket) = look(0, 0, 0).await else { panic!("nothing is there") };
        let entry = Entry { position: 3, parts: vec![Part::new(world.organization, vec![1]), Part::new(Uuid::now_v7(), vec![2])] };
        assert!(!world.cache.fill(ticket, &entry).await, "nobody keeps the second up");
        let mut second = Keeper::new(world.cache.clone(), lanes[1].clone());
        second.moved(&[], false, 4).await;
        let Looked::Miss(ticket) = look(0, 0, 0).await else { panic!("nothing is there") };
        assert!(world.cache.fill(ticket, &entry).await);
        let Looked::Hit(hit) = look(4, 4, 4).await else { panic!("it was filled") };
        assert_eq!((hit.position, hit.filled_at, hit.parts.as_slice()), (4, 3, entry.parts.as_slice()));
        first.moved(&[], false, 10).await;
        assert!(matches!(look(5, 5, 5).await, Looked::Miss(_)));
        // together they reflect what is beyond each one's own checkpoint, if they are where those were known to be
        let Looked::Hit(hit) = look(10, 4, 12).await else { panic!("it is kept up") };
        assert_eq!(hit.position, 12);
        assert!(matches!(look(10, 5, 12).await, Looked::Miss(_)));
    }
}

#[tokio::test]
async fn after_a_new_keeper_began_nothing_older_counts() {
    for world in World::both().await {
        let patient = Uuid::now_v7();
        let key = world.profile(patient);
        drop(world.keeper(5).await);
        assert!(world.fill(&key, &entry(5, patient, "before")).await);
        let slow = World::ticket(world.look(&key, 9).await);
        // the first died after a commit and before it could say what was touched
        let second = world.keeper(6).await;
        assert!(second.is_kept());
        assert!(world.found(&key).await.is_none());
        assert!(!world.cache.fill(slow, &entry(5, patient, "before")).await);
        assert!(world.fill(&key, &entry(6, patient, "after")).await);
        says(world.found(&key).await, 6, "after");
    }
}

#[tokio::test]
async fn without_a_keeper_nothing_counts() {
    for world in World::both().await {
        let patient = Uuid::now_v7();
        assert!(!world.fill(&world.profile(patient), &entry(1, patient, "who knows")).await);
        let mut keeper = world.keeper(1).await;
        assert!(world.fill(&world.profile(patient), &entry(1, patient, "known")).await);
        world.cache.forget_lane(&lane()).await;
        assert!(world.found(&world.profile(patient)).await.is_none());
        keeper.moved(&[], false, 2).await;
        assert!(world.found(&world.profile(patient)).await.is_none(), "it is another epoch");
        assert!(world.fill(&world.profile(patient), &entry(2, patient, "known")).await);
        keeper.doubt();
        keeper.moved(&[], false, 3).await;
        assert!(world.found(&world.profile(patient)).await.is_none(), "and another");
    }
}

#[tokio::test]
async fn that_there_is_nothing_is_remembered_too() {
    for world in World::both().await {
        let (_keeper, key) = (world.keeper(1).await, world.profile(Uuid::now_v7()));
        assert!(world.fill(&key, &Entry { position: 1, parts: vec![] }).await);
        assert_eq!(world.found(&key).await.unwrap().parts, vec![]);
    }
}

#[tokio::test]
async fn what_was_forgotten_is_not_found() {
    for world in World::both().await {
        let patient = Uuid::now_v7();
        let (_keeper, key) = (world.keeper(1).await, world.profile(patient));
        assert!(world.fill(&key, &entry(1, patient, "something")).await);
        let slow = World::ticket(world.look(&key, 2).await);
        assert!(world.cache.forget(&key).await);
        assert!(world.found(&key).await.is_none());
        assert!(!world.cache.fill(slow, &entry(1, patient, "something")).await);
    }
}

#[tokio::test]
async fn what_is_known_of_a_session_ends_with_the_session() {
    for world in World::both().await {
        let user = Uuid::now_v7();
        let session = |left| Key::user_session(world.organization, user, left);
        let fill = async |left, sequence| {
            let Looked::Miss(ticket) = world.cache.look(&session(left), &[], sequence).await else { panic!("nothing so new is there") };
            world.cache.fill(ticket, &entry(sequence, user, "roles")).await
        };
        let found = async |cache: &Cache| matches!(cache.look(&session(Duration::from_secs(9)), &[], 0).await, Looked::Hit(_));
        assert!(!fill(Duration::ZERO, 1).await, "it is over");
        assert!(fill(Duration::from_millis(400), 1).await);
        assert!(found(&world.cache).await);
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!found(&world.cache).await);
    }
}

#[tokio::test]
async fn what_is_about_an_erased_person_is_not_found() {
    let world = World::in_redis().await;
    let (patient, other) = (Uuid::now_v7(), Uuid::now_v7());
    let _keeper = world.keeper(1).await;
    let day = Key::appointments(world.organization, "2026-03-01".parse().unwrap());
    let both = Entry { position: 1, parts: vec![Part::new(patient, vec![1]), Part::new(other, vec![2])] };
    assert!(world.fill(&world.profile(patient), &entry(1, patient, "Glover")).await);
    assert!(world.fill(&world.profile(other), &entry(1, other, "Ann")).await);
    assert!(world.fill(&day, &both).await);
    sqlx::query("update journal.keys set state = 'destroyed', wraps = '{}' where subject_id = $1")
        .bind(patient)
        .execute(&world.database.superuser())
        .await
        .unwrap();
    let elsewhere = World { cache: world.elsewhere().await, ..world };
    assert!(elsewhere.found(&elsewhere.profile(patient)).await.is_none());
    assert!(elsewhere.found(&day).await.is_none());
    says(elsewhere.found(&elsewhere.profile(other)).await, 1, "Ann");
    assert!(!elsewhere.fill(&elsewhere.profile(patient), &entry(1, patient, "Glover")).await, "and is kept no more");
}

#[tokio::test]
async fn who_asks_often_is_counted_for_a_minute_from_the_first_time() {
    for world in World::both().await {
        let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
        let key = |user| Key::rate_limit(world.organization, user, "GET /v1/patients");
        for expected in 1..=3 {
            let counted = world.cache.count(&key(one)).await;
            assert_eq!(counted.count, expected);
            assert!((1..=60).contains(&counted.starts_anew_in.as_secs()), "{counted:?}");
        }
        assert_eq!(world.cache.count(&key(other)).await.count, 1);
    }
}

#[tokio::test]
async fn many_at_once_never_leave_anything_old() {
    for world in World::both().await {
        let patient = Uuid::now_v7();
        let key = world.profile(patient);
        let mut keeper = world.keeper(0).await;
        let truth = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let readers = (0..8).map(|_| {
            let (cache, key, truth) = (world.cache.clone(), key.clone(), std::sync::Arc::clone(&truth));
            tokio::spawn(async move {
                for _ in 0..60 {
                    let before = truth.load(std::sync::atomic::Ordering::SeqCst);
                    match cache.look(&key, &[(lane(), 0)], 0).await {
                        // what it says is what was true at the position that it claims, or later
                        Looked::Hit(hit) => {
                            let said = std::str::from_utf8(&hit.parts[0].body).unwrap().parse::<u64>().unwrap();
                            assert!(said >= hit.position, "says {said}, claims {}", hit.position);
                        }
                        Looked::Miss(ticket) => {
                            let read = truth.load(std::sync::atomic::Ordering::SeqCst);
                            assert!(read >= before);
                            tokio::task::yield_now().await;
                            cache.fill(ticket, &entry(read, patient, &read.to_string())).await;
                        }
                    }
                }
            })
        });
        let readers: Vec<_> = readers.collect();
        for position in 1..=100 {
            truth.store(position, std::sync::atomic::Ordering::SeqCst);
            keeper.moved(std::slice::from_ref(&key), true, position).await;
            tokio::task::yield_now().await;
        }
        for reader in readers {
            reader.await.unwrap();
        }
        keeper.moved(std::slice::from_ref(&key), true, 101).await;
        assert!(world.found(&key).await.is_none());
    }
}
