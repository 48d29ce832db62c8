//! Which patients does the demonstration bring, and how does a test make a bundle of its own?

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::binary::root;

/// The folder of the bundled synthetic patients.
pub fn demo_folder() -> PathBuf {
    root().join("crates/anamnesis/demo").canonicalize().unwrap()
}

/// The entries of a `.json.gz` bundle.
pub fn bundle_entries(path: &Path) -> Vec<Value> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut bundle: Value = serde_json::from_str(&text).unwrap();
    serde_json::from_value(bundle["entry"].take()).unwrap()
}

/// Writes the resources as a bundle into a folder and answers its path.
pub fn write_bundle(folder: &Path, name: &str, resources: &[Value]) -> PathBuf {
    let entries: Vec<_> = resources
        .iter()
        .map(|resource| json!({ "fullUrl": format!("urn:uuid:{}", resource["id"].as_str().unwrap_or_default()), "resource": resource }))
        .collect();
    let path = folder.join(name);
    fs::write(&path, json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }).to_string()).unwrap();
    path
}
