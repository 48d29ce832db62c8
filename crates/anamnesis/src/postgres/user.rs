//! As whom does the server run? Postgres refuses root, so root lends it an unprivileged account.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, chown, fchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context;

/// All that the server's programs get of our environment: neither our settings and secrets, nor `PGPORT` and the like.
const KEPT_ENVIRONMENT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];

/// The account that owns the cluster and runs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerUser {
    /// Whoever we are.
    Ourselves,
    /// Another account, which we, as root, become for the server's programs.
    Other { uid: u32, gid: u32 },
}

impl ServerUser {
    /// The owner of the cluster where there is one; for root's first start `postgres`, else `nobody`.
    pub(super) fn choose(cluster: &Path) -> anyhow::Result<Self> {
        if !we_are_root().context("find out whether this is root")? {
            return Ok(Self::Ourselves);
        }
        if let Ok(owner) = fs::metadata(cluster) {
            return Ok(Self::Other { uid: owner.uid(), gid: owner.gid() });
        }
        let accounts = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        account(&accounts, "postgres")
            .or_else(|| account(&accounts, "nobody"))
            .context("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")
    }

    /// A command that runs as this user, in a process group of its own (so that Ctrl-C in a terminal
    /// reaches us alone), with hardly any environment.
    pub(super) fn command(self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(folder).stdin(Stdio::null()).process_group(0).env_clear();
        command.envs(KEPT_ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        if let Self::Other { uid, gid } = self {
            // Leaving root this way also drops root's supplementary groups.
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Makes this user the owner of a folder of ours.
    pub(super) fn own(self, folder: &Path) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => chown(folder, Some(uid), Some(gid)),
        }
    }

    /// Makes this user the owner of a file in a folder of its own, where a path could be turned into a link meanwhile.
    pub(super) fn own_file(self, file: &File) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Other { uid, gid } => fchown(file, Some(uid), Some(gid)),
        }
    }
}

/// The second number of the line `Uid:` is the effective user. (The owner of /proc/self isn't always.)
fn we_are_root() -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    Ok(ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0"))
}

/// `name:password:uid:gid:…`
fn account(accounts: &str, name: &str) -> Option<ServerUser> {
    let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    let uid = fields.next()?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some(ServerUser::Other { uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\npostgres-old:x:9:9::/:\npostgres:x:101:104::/:\n";
        assert_eq!(account(accounts, "postgres"), Some(ServerUser::Other { uid: 101, gid: 104 }));
        assert_eq!(account(accounts, "nobody"), None);
    }
}
