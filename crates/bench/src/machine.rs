//! On which machine was it measured?

use std::fmt;
use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

use serde_json::{Value, json};

/// What a figure means nothing without.
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    postgres: String,
    load: String,
}

impl Machine {
    /// This one, and how busy it is at the moment.
    pub(crate) fn here(postgres: &str) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: model.map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned()),
            cores: available_parallelism().map_or(1, NonZero::get),
            postgres: postgres.to_owned(),
            load: load.split(' ').next().unwrap_or("unknown").to_owned(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "processor": self.processor, "cores": self.cores, "postgres": self.postgres, "load_before": self.load })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}, {} cores, load {} before it began, PostgreSQL {}", self.processor, self.cores, self.load, self.postgres)
    }
}
