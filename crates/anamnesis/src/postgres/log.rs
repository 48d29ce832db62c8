//! What did the server say, and how much of it is kept?

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Past this size the log becomes `postgres.log.1` at the next start, and the one before it goes.
const KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// How much of a failed start's log belongs in an error.
const TOLD_BYTES: u64 = 2_000;

/// The server's log file.
#[derive(Debug)]
pub(super) struct ServerLog {
    path: PathBuf,
}

impl ServerLog {
    /// Makes the folder, and makes room when the log has grown.
    pub(super) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        let folder = data_dir.join("log");
        let path = folder.join("postgres.log");
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        let log = Self { path };
        if log.len() > KEPT_BYTES {
            fs::rename(&log.path, folder.join("postgres.log.1")).context("set the old server log aside")?;
        }
        Ok(log)
    }

    /// The log as a child's standard output and error.
    pub(super) fn for_child(&self) -> anyhow::Result<(File, File)> {
        let file = File::options().append(true).create(true).mode(0o600).open(&self.path);
        file.and_then(|file| Ok((file.try_clone()?, file))).with_context(|| format!("open {}", self.path.display()))
    }

    /// Its size in bytes now.
    pub(super) fn len(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |log| log.len())
    }

    /// What was written after it had `start` bytes: the end of it, if that is long.
    pub(super) fn since(&self, start: u64) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let start = start.max(file.metadata()?.len().saturating_sub(TOLD_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut told = Vec::new();
        file.take(TOLD_BYTES).read_to_end(&mut told)?;
        Ok(String::from_utf8_lossy(&told).trim().to_owned())
    }
}
