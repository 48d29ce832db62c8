//! A cache of each kind, with the keys of two patients.

use std::time::Duration;

use anamnesis_cache::{Cache, Entry, Hit, Keeper, Key, Lane, Looked, Part, RedisSettings, Ticket};
use anamnesis_journal::testing::TestDatabase;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

const URL: &str = "ANAMNESIS_TEST_REDIS_URL";

pub(crate) fn redis_url() -> String {
    std::env::var(URL).unwrap_or_else(|_| panic!("{URL} must name a running Redis"))
}

/// One cache, for one test.
pub(crate) struct World {
    pub(crate) cache: Cache,
    pub(crate) database: TestDatabase,
    pub(crate) organization: Uuid,
    /// What this test's keys begin with in Redis; `None` in memory.
    pub(crate) prefix: Option<String>,
}

impl World {
    pub(crate) async fn in_memory() -> Self {
        let database = TestDatabase::new().await;
        let cache = Cache::in_memory(database.vault().await, 1 << 24);
        Self { cache, database, organization: Uuid::now_v7(), prefix: None }
    }

    pub(crate) async fn in_redis() -> Self {
        Self::at(|settings| settings).await
    }

    pub(crate) async fn at(change: impl FnOnce(RedisSettings) -> RedisSettings) -> Self {
        let (database, prefix) = (TestDatabase::new().await, format!("test-{}:", Uuid::now_v7().simple()));
        let settings = change(RedisSettings { prefix: prefix.clone(), ..RedisSettings::new(redis_url().into()) });
        let cache = Cache::in_redis(database.vault().await, &settings).unwrap();
        Self { cache, database, organization: Uuid::now_v7(), prefix: Some(prefix) }
    }

    /// One of each kind.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::in_memory().await, Self::in_redis().await]
    }

    /// The same cache as another process sees it, with no key in memory yet.
    pub(crate) async fn elsewhere(&self) -> Cache {
        let settings = RedisSettings { prefix: self.prefix.clone().unwrap(), ..RedisSettings::new(redis_url().into()) };
        Cache::in_redis(self.database.vault().await, &settings).unwrap()
    }

    pub(crate) fn profile(&self, patient: Uuid) -> Key {
        Key::patient_profile(self.organization, patient)
    }

    /// A lane that was moved to a position.
    pub(crate) async fn keeper(&self, reached: u64) -> Keeper {
        let mut keeper = Keeper::new(self.cache.clone(), lane());
        keeper.moved(&[], false, reached).await;
        keeper
    }

    pub(crate) async fn look(&self, key: &Key, at_least: u64) -> Looked {
        self.cache.look(key, &[(lane(), at_least)], at_least).await
    }

    #[track_caller]
    pub(crate) fn ticket(looked: Looked) -> Ticket {
        match looked {
            Looked::Miss(ticket) => ticket,
            Looked::Hit(hit) => panic!("a hit: {hit:?}"),
        }
    }

    pub(crate) async fn fill(&self, key: &Key, entry: &Entry) -> bool {
        let ticket = Self::ticket(self.look(key, u64::MAX).await);
        self.cache.fill(ticket, entry).await
    }

    /// What is found, if anything is.
    pub(crate) async fn found(&self, key: &Key) -> Option<Hit> {
        match self.look(key, 0).await {
            Looked::Hit(hit) => Some(hit),
            Looked::Miss(_) => None,
        }
    }

    /// Redis itself.
    pub(crate) async fn redis(&self) -> MultiplexedConnection {
        redis::Client::open(redis_url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Everything of this test that stands in Redis: its keys and values.
    pub(crate) async fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let mut redis = self.redis().await;
        let names: Vec<String> = redis::cmd("KEYS").arg(format!("{}*", self.prefix.as_ref().unwrap())).query_async(&mut redis).await.unwrap();
        let mut dump = Vec::new();
        for name in names {
            let value: Vec<u8> = redis::cmd("GET").arg(&name).query_async(&mut redis).await.unwrap();
            dump.push((name, value));
        }
        dump
    }

    /// As after a restart: this test's keys are gone.
    pub(crate) async fn flush(&self) {
        let mut redis = self.redis().await;
        for (name, _) in self.dump().await {
            let () = redis::cmd("DEL").arg(name).query_async(&mut redis).await.unwrap();
        }
    }
}

pub(crate) fn lane() -> Lane {
    Lane::new("patients", 0)
}

/// An entry of one part.
pub(crate) fn entry(position: u64, subject: Uuid, body: &str) -> Entry {
    Entry { position, parts: vec![Part::new(subject, body.as_bytes().to_vec())] }
}

#[track_caller]
pub(crate) fn says(hit: Option<Hit>, position: u64, body: &str) {
    let hit = hit.expect("it is found");
    assert_eq!((hit.position, hit.parts[0].body.as_slice()), (position, body.as_bytes()));
}

pub(crate) const SHORT: Duration = Duration::from_millis(300);
