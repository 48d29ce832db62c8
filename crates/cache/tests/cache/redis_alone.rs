//! What Redis, its network and whoever else writes into it can do to a cache: nothing worse than a miss.

use std::time::{Duration, Instant};

use anamnesis_cache::{Cache, CacheError, Key, Kind, Looked, RedisSettings};
use base64::Engine as _;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{SHORT, World, entry, lane, redis_url, says};

#[tokio::test]
async fn nothing_stands_in_redis_in_the_clear_and_everything_ends() {
    let world = World::in_redis().await;
    let patient = Uuid::now_v7();
    let mut keeper = world.keeper(1).await;
    let name = "Glover-Canary";
    assert!(world.fill(&world.profile(patient), &entry(1, patient, &name.repeat(40))).await);
    let spellings = [name.to_owned(), hex::encode(name), base64::engine::general_purpose::STANDARD_NO_PAD.encode(name)];
    for (key, value) in world.dump().await {
        let text = format!("{key} {}", String::from_utf8_lossy(&value));
        assert!(!spellings.iter().any(|spelling| text.contains(spelling)), "{text}");
    }
    keeper.moved(&[world.profile(Uuid::now_v7())], true, 2).await;
    let mut redis = world.redis().await;
    for (key, _) in world.dump().await.into_iter().filter(|(key, _)| !key.contains(":lane:")) {
        let left: i64 = redis::cmd("TTL").arg(&key).query_async(&mut redis).await.unwrap();
        assert!(left > 0 && left <= 3600, "{key}: {left}");
        if key.ends_with(":profile") {
            assert!(left > 1700 && left <= Kind::PatientProfile.ttl().as_secs().cast_signed(), "{key}: {left}");
        }
    }
}

#[tokio::test]
async fn garbage_and_what_belongs_elsewhere_is_a_miss() {
    let world = World::in_redis().await;
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut keeper = world.keeper(1).await;
    for patient in [one, other] {
        assert!(world.fill(&world.profile(patient), &entry(1, patient, &patient.to_string())).await);
    }
    let prefix = world.prefix.clone().unwrap();
    let name = |patient| format!("{prefix}{}", world.profile(patient));
    let mut redis = world.redis().await;
    let real: Vec<u8> = redis::cmd("GET").arg(name(one)).query_async(&mut redis).await.unwrap();
    let mut flipped = real.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let set = async |at: String, value: &[u8]| {
        let () = redis::cmd("SET").arg(at).arg(value).query_async(&mut world.redis().await).await.unwrap();
    };
    for wrong in [b"".as_slice(), b"garbage", &flipped, &real[..real.len() - 1], &[0; 4000]] {
        set(name(one), wrong).await;
        assert!(world.found(&world.profile(one)).await.is_none());
    }
    set(name(other), &real).await;
    assert!(world.found(&world.profile(other)).await.is_none(), "it is about somebody else");
    set(name(one), &real).await;
    says(world.found(&world.profile(one)).await, 1, &one.to_string());

    // of another type, each where it is used
    for broken in [name(one), format!("{}:generation", name(one)), format!("{prefix}{}", lane())] {
        let mut push = redis::pipe();
        push.del(&broken).rpush(&broken, "x");
        let () = push.query_async(&mut redis).await.unwrap();
        let _ = world.found(&world.profile(one)).await;
        keeper.moved(&[world.profile(one)], true, 2).await;
        assert!(world.found(&world.profile(one)).await.is_none());
        assert!(world.fill(&world.profile(one), &entry(2, one, "mended")).await, "{broken}");
        says(world.found(&world.profile(one)).await, 2, "mended");
    }
    let counter = Key::rate_limit(world.organization, one, "x");
    set(format!("{prefix}{counter}"), b"garbage").await;
    assert_eq!(world.cache.count(&counter).await.count, 1);
    assert!(world.cache.health().await.is_well);
}

#[tokio::test]
async fn after_a_flush_or_an_old_dump_nothing_older_counts() {
    let world = World::in_redis().await;
    let patient = Uuid::now_v7();
    let (mut keeper, key) = (world.keeper(1).await, world.profile(patient));
    assert!(world.fill(&key, &entry(1, patient, "old")).await);
    let dump = world.dump().await;
    keeper.moved(std::slice::from_ref(&key), true, 2).await;

    let slow = World::ticket(world.look(&key, 9).await);
    keeper.moved(std::slice::from_ref(&key), true, 3).await;
    world.flush().await;
    assert!(world.found(&key).await.is_none());
    keeper.moved(&[], false, 4).await;
    assert!(!world.cache.fill(slow, &entry(2, patient, "old")).await);

    // Redis restarts from a dump that it wrote before the entry was thrown out
    world.flush().await;
    let mut redis = world.redis().await;
    for (name, value) in dump {
        let () = redis::cmd("SET").arg(name).arg(value).query_async(&mut redis).await.unwrap();
    }
    assert!(matches!(world.look(&key, 4).await, Looked::Miss(_)), "it claims no more than it reflects");
    keeper.moved(&[], false, 5).await;
    assert!(world.found(&key).await.is_none());
}

/// Redis behind a network that can fail.
struct Network {
    address: String,
    cut: tokio::sync::watch::Sender<bool>,
}

impl Network {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (cut, is_cut) = tokio::sync::watch::channel(false);
        let (_, behind) = redis_url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        let behind = behind.split('/').next().unwrap().to_owned();
        tokio::spawn(async move {
            let mut flows = JoinSet::new();
            while let Ok((mut here, _)) = listener.accept().await {
                let (behind, mut is_cut) = (behind.clone(), is_cut.clone());
                flows.spawn(async move {
                    if *is_cut.borrow() {
                        return;
                    }
                    let Ok(mut there) = TcpStream::connect(behind).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut here, &mut there) => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self { address, cut }
    }

    fn url(&self) -> String {
        let url = redis_url();
        let (user, rest) = url.rsplit_once('@').unwrap();
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        format!("{user}@{}/{path}", self.address)
    }
}

#[tokio::test]
async fn while_redis_is_out_of_reach_everything_is_a_quick_miss_and_then_all_is_well_again() {
    let network = Network::new().await;
    let mut world = World::at(|settings| RedisSettings { url: network.url().into(), timeout: SHORT, ..settings }).await;
    let patient = Uuid::now_v7();
    let (mut keeper, key) = (world.keeper(1).await, world.profile(patient));
    assert!(world.fill(&key, &entry(1, patient, "old")).await);

    network.cut.send_replace(true);
    let began = Instant::now();
    for _ in 0..100 {
        assert!(world.found(&key).await.is_none());
    }
    let counter = Key::rate_limit(world.organization, patient, "x");
    assert_eq!((world.cache.count(&counter).await.count, world.cache.count(&counter).await.count), (1, 2), "counted here");
    keeper.moved(std::slice::from_ref(&key), true, 2).await;
    assert!(!keeper.is_kept());
    assert!(!world.cache.health().await.is_well);
    assert!(began.elapsed() < SHORT * 4, "{:?}", began.elapsed());

    network.cut.send_replace(false);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    // what the keeper couldn't throw out is still there, and claims no more than it reflects
    for _ in 0..20 {
        if world.cache.health().await.is_well {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(matches!(world.look(&key, 2).await, Looked::Miss(_)));
    keeper.moved(&[], false, 3).await;
    assert!(keeper.is_kept());
    world.cache = world.elsewhere().await;
    assert!(world.found(&key).await.is_none());
    assert!(world.fill(&key, &entry(3, patient, "new")).await);
    says(world.found(&key).await, 3, "new");
}

#[tokio::test]
async fn a_redis_that_hangs_is_waited_for_once() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", silent.local_addr().unwrap());
    let world = World::at(|settings| RedisSettings { url: url.into(), timeout: SHORT, ..settings }).await;
    let began = Instant::now();
    for _ in 0..50 {
        assert!(world.found(&world.profile(Uuid::now_v7())).await.is_none());
    }
    assert!(began.elapsed() >= SHORT && began.elapsed() < SHORT * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_wrong_password_is_a_miss_and_a_wrong_url_an_error_that_tells_nothing() {
    let (_, behind) = redis_url().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let world = World::at(|settings| RedisSettings { url: format!("redis://:hunter2@{behind}").into(), ..settings }).await;
    assert!(world.found(&world.profile(Uuid::now_v7())).await.is_none());
    assert!(!world.cache.health().await.is_well);
    let settings = RedisSettings::new("http://:hunter2@nowhere".to_owned().into());
    assert!(!format!("{settings:?}").contains("hunter2"));
    let error = Cache::in_redis(world.database.vault().await, &settings).unwrap_err();
    assert!(matches!(error, CacheError::Url) && !error.to_string().contains("hunter2"));
}
