//! `anamnesis import`

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Import, ImportFhir};
use crate::config::Config;
use crate::fhir_import::{Importer, Source, Summary};
use crate::installation::{Database, Installation};
use crate::output::Output;

/// What is looked for in a folder.
const SUFFIXES: &[&str] = &[".json", ".ndjson", ".json.gz", ".ndjson.gz"];

/// Imports the files; 1 if an entry couldn't be imported.
pub(crate) async fn run(config: &Config, import: Import, output: Output) -> anyhow::Result<u8> {
    let Import::Fhir(ImportFhir { organization, paths }) = import;
    let files = files(&paths)?;
    let database = Database::open(config).await?;
    let installation = Installation::open(config, &database.url).await?;
    let organization = match organization.or(config.organization) {
        Some(named) => installation.organization(Some(named)).await?,
        None => installation.first_organization(config).await?,
    };
    let sources = files.iter().map(|path| Source::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let bar = progress_bar();
    let mut importer = Importer::new(&installation, organization, bar.clone()).await?;
    let summary = importer.import(sources).await?;
    bar.finish_and_clear();
    output.data(&summary, || summary.to_string())?;
    database.close().await?;
    Ok(u8::from(!summary.errors.is_empty()))
}

/// Drawn on a terminal only.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:20!} [{bar:40}] {pos}/{len} entries, {per_sec}, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, true, &mut files)?;
    }
    if files.is_empty() {
        bail!("there are no files to import: their names end with {}", SUFFIXES.join(", "));
    }
    Ok(files)
}

fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        let entries = path.read_dir().with_context(|| format!("read {}", path.display()))?;
        let mut entries = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
        entries.sort();
        return entries.iter().try_for_each(|entry| collect(entry, false, files));
    }
    let fits = SUFFIXES.iter().any(|suffix| path.to_string_lossy().ends_with(suffix));
    if named || fits {
        files.push(path.to_owned());
    }
    Ok(())
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:24} {:>8} {:>8} {:>8} {:>8} {:>12}", "TYPE", "ENTRIES", "NEW", "KNOWN", "FAILED", "NOT IMPORTED")?;
        for (resource_type, count) in &self.types {
            let c = count;
            writeln!(f, "{resource_type:24} {:>8} {:>8} {:>8} {:>8} {:>12}", c.entries, c.new, c.known, c.failed, c.not_imported)?;
        }
        for error in &self.errors {
            writeln!(f, "{error}")?;
        }
        if !self.remarks.is_empty() {
            writeln!(f, "{} fields were not taken over: --json lists them", self.remarks.len())?;
        }
        write!(f, "{} files, {} new events", self.files, self.new_events)
    }
}
