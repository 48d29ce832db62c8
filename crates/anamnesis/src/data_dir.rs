//! In which folder does this installation keep everything, and is it ours to use now?

use std::env;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The folder of one installation, locked against every other process for as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Where the data are when nobody says otherwise: `$XDG_DATA_HOME/anamnesis`, or `~/.local/share/anamnesis`.
    ///
    /// Fails when the environment names neither.
    pub fn default_path() -> anyhow::Result<PathBuf> {
        let base = env_path("XDG_DATA_HOME").or_else(|| Some(env_path("HOME")?.join(".local/share")));
        let base = base.context("neither XDG_DATA_HOME nor HOME is set: say where the data belong with --data-dir")?;
        Ok(base.join("anamnesis"))
    }

    /// Makes the folder if it isn't there, and locks it.
    ///
    /// Fails when another process holds it, or when it can't be made or written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let path = Self::make(path)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Makes the folder if it isn't there; answers it as an absolute path.
    ///
    /// Fails when it can't be made.
    pub fn make(path: &Path) -> anyhow::Result<PathBuf> {
        make_folder(path).with_context(|| format!("make the data directory {}", path.display()))
    }

    /// The folder, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// An empty or relative value counts as unset, as the XDG specification asks.
fn env_path(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Only the folder itself is closed to others: parents made on the way are like any other folder.
fn make_folder(path: &Path) -> io::Result<PathBuf> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => path.canonicalize(),
    }
}

/// The lock goes when its holder does, even by `kill -9`; the process id inside is only for the message below.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("another anamnesis{} is using {}: stop it, or choose another folder with --data-dir", holder(&path), folder.display())
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("lock {}", path.display()));
        }
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).with_context(|| format!("write {}", path.display()))?;
    Ok(file)
}

fn holder(lock: &Path) -> String {
    fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok()).map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
