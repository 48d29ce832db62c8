//! Where does the cluster lie, so that the server's user gets there and nobody else looks in?

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tracing::warn;
use uuid::Uuid;

use super::programs::Programs;
use super::user::ServerUser;

/// Root's place for clusters whose data directory the server's user can't reach.
const REACHABLE_BY_ALL: &str = "/var/lib/anamnesis";

/// The folder that belongs to the server's user: in the data directory, or where that user can reach it.
pub(super) fn home(data_dir: &Path, user: ServerUser, programs: &Programs) -> anyhow::Result<PathBuf> {
    let home = data_dir.join("postgres");
    if !home.exists() {
        make_home(&home, user).with_context(|| format!("make {}", home.display()))?;
    }
    let home = home.canonicalize().with_context(|| format!("find {}", home.display()))?;
    if user == ServerUser::Ourselves || reaches(user, programs, &home)? {
        return Ok(home);
    }
    open_way(data_dir).with_context(|| format!("let the server's user through {}", data_dir.display()))?;
    if reaches(user, programs, &home)? {
        return Ok(home);
    }
    if home.join("cluster").exists() {
        bail!("a folder above {} is closed to the user that owns it: let others pass (chmod o+x)", home.display());
    }
    move_out(&home, user)
}

fn make_home(path: &Path, user: ServerUser) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)?;
    user.own(path)
}

/// Whether the user may go there: the only way to know is to try, with a program that does nothing there.
fn reaches(user: ServerUser, programs: &Programs, folder: &Path) -> anyhow::Result<bool> {
    let postgres = programs.path("postgres");
    let try_in = |folder: &Path| user.command(&postgres, folder).arg("--version").output();
    try_in(Path::new("/")).with_context(|| format!("run {} as an unprivileged user", postgres.display()))?;
    match try_in(folder) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(false),
        Err(error) => Err(error).with_context(|| format!("run {} in {}", postgres.display(), folder.display())),
    }
}

/// Others may pass through the data directory to the server's folder, but not look around in it.
fn open_way(data_dir: &Path) -> io::Result<()> {
    let mode = fs::metadata(data_dir)?.permissions().mode();
    fs::set_permissions(data_dir, PermissionsExt::from_mode(mode | 0o011))
}

/// A folder above the data directory is closed (`/root`, say), and not ours to open: only a link stays in the data directory.
fn move_out(home: &Path, user: ServerUser) -> anyhow::Result<PathBuf> {
    let outside = Path::new(REACHABLE_BY_ALL).join(Uuid::new_v4().to_string());
    warn!("the server's user can't reach {}, because a folder above it is closed: the cluster is in {}", home.display(), outside.display());
    fs::create_dir_all(REACHABLE_BY_ALL).with_context(|| format!("make {REACHABLE_BY_ALL}"))?;
    make_home(&outside, user).with_context(|| format!("make {}", outside.display()))?;
    fs::remove_dir(home).with_context(|| format!("remove the empty {}", home.display()))?;
    symlink(&outside, home).with_context(|| format!("link {} to {}", home.display(), outside.display()))?;
    Ok(outside)
}
