//! What do we remember about the server, beside its cluster? A password and a port.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::SecretString;

/// Makes the superuser's password of a cluster that is about to be made.
pub(super) fn new_password(data_dir: &Path) -> anyhow::Result<SecretString> {
    let password = hex::encode(rand::random::<[u8; 32]>());
    let file = password_file(data_dir);
    replace(&file, &password).with_context(|| format!("write {}", file.display()))?;
    Ok(password.into())
}

/// The superuser's password of the cluster in a data directory.
pub(super) fn read_password(data_dir: &Path) -> anyhow::Result<SecretString> {
    let file = password_file(data_dir);
    let password = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    Ok(password.into())
}

/// The port on which the cluster in a data directory was last started.
pub(super) fn read_port(data_dir: &Path) -> Option<u16> {
    fs::read_to_string(port_file(data_dir)).ok()?.trim().parse().ok()
}

/// Keeps the port for the next start.
pub(super) fn remember_port(data_dir: &Path, port: u16) -> anyhow::Result<()> {
    let file = port_file(data_dir);
    replace(&file, &port.to_string()).with_context(|| format!("write {}", file.display()))
}

fn password_file(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres.password")
}

fn port_file(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres.port")
}

/// Whole or not at all, and on the disk when this returns.
fn replace(path: &Path, content: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => drop(write_new(&unfinished, content)?),
    }
    fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Puts a folder's names on the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Readable by its owner only, and never through a link that someone put there.
pub(super) fn write_new(path: &Path, content: &str) -> io::Result<File> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()?;
    Ok(file)
}
