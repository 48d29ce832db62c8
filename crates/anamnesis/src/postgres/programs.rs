//! Where are Postgres's own programs, and can we work with them?

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The oldest major version that the journal's SQL is tested on.
const OLDEST_MAJOR: u32 = 15;

/// Where Debian and its children keep one folder a major version, outside `PATH`.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The folder of one Postgres's server programs.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    major: u32,
}

impl Programs {
    /// The given folder, else the first on `PATH`, else Debian's newest.
    /// A cluster that already exists needs the major version that made it.
    pub(super) fn find(given: Option<&Path>, cluster_major: Option<u32>) -> anyhow::Result<Self> {
        let found: Vec<Self> = match given {
            Some(folder) => vec![Self::at(folder)?],
            None => candidates().iter().filter_map(|folder| Self::at(folder).ok()).collect(),
        };
        match found.iter().find(|programs| programs.fits(cluster_major)) {
            Some(programs) => Ok(programs.clone()),
            None => bail!("{}", unfit(&found, cluster_major)),
        }
    }

    /// The path of one program.
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    fn at(folder: &Path) -> anyhow::Result<Self> {
        for program in ["initdb", "pg_ctl", "postgres"] {
            if !folder.join(program).is_file() {
                bail!("{} holds no PostgreSQL server: {program} is missing", folder.display());
            }
        }
        let major = major_version(&folder.join("postgres"))?;
        Ok(Self { folder: folder.to_path_buf(), major })
    }

    fn fits(&self, cluster_major: Option<u32>) -> bool {
        self.major >= OLDEST_MAJOR && cluster_major.is_none_or(|major| major == self.major)
    }
}

fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).chain(debian_folders()).collect()
}

/// Newest first.
fn debian_folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut majors: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    majors.sort_unstable_by(|left, right| right.cmp(left));
    majors.iter().map(|major| Path::new(DEBIAN).join(major.to_string()).join("bin")).collect()
}

/// `postgres --version` says `postgres (PostgreSQL) 15.13 (Debian …)`.
fn major_version(postgres: &Path) -> anyhow::Result<u32> {
    let output = Command::new(postgres).arg("--version").output().with_context(|| format!("run {} --version", postgres.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_once("(PostgreSQL) ")
        .and_then(|(_, version)| version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
        .with_context(|| format!("{} --version doesn't name a version", postgres.display()))
}

fn unfit(found: &[Programs], cluster_major: Option<u32>) -> String {
    let wanted = match cluster_major {
        Some(major) => format!("PostgreSQL {major}, which made the cluster in this data directory"),
        None => format!("PostgreSQL {OLDEST_MAJOR} or later"),
    };
    let there = match found {
        [] => "none is installed".to_owned(),
        found => found.iter().map(Programs::to_string).collect::<Vec<_>>().join(", "),
    };
    format!(
        "need {wanted}; found: {there}. Install it (Debian: apt install postgresql), \
         or set ANAMNESIS_POSTGRES_BIN to the folder that holds its initdb, pg_ctl and postgres"
    )
}

impl std::fmt::Display for Programs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostgreSQL {} in {}", self.major, self.folder.display())
    }
}
