//! Puts every schema of `schemas/` into the program, as a table sorted by aggregate, event and version.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../schemas");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut table = String::from("pub(crate) const SOURCES: &[(&str, &str, u32, &str)] = &[\n");
    for folder in sorted(&root)?.into_iter().filter(|path| path.is_dir()) {
        println!("cargo::rerun-if-changed={}", folder.display());
        for file in sorted(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "avsc")) {
            let (name, version) = name_and_version(&file).ok_or_else(|| io::Error::other(format!("{}: not <Event>.v<N>.avsc", file.display())))?;
            let aggregate = folder.file_name().unwrap_or_default().to_string_lossy();
            writeln!(table, "    ({aggregate:?}, {name:?}, {version}, include_str!({:?})),", file.canonicalize()?.to_string_lossy())
                .map_err(io::Error::other)?;
        }
    }
    table.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").map_err(io::Error::other)?).join("sources.rs"), table)
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name_and_version(file: &Path) -> Option<(String, u32)> {
    let (name, version) = file.file_stem()?.to_str()?.rsplit_once(".v")?;
    Some((name.to_owned(), version.parse().ok()?))
}
