//! Lists compared with the world: folders, tables, data classes, event names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anamnesis_domain::REGISTRY;

use crate::ALL;
use crate::kernel::{Class, Schema, Streams};

#[test]
fn every_folder_is_a_projection_and_every_projection_a_folder() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: BTreeSet<_> = std::fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir() && entry.file_name() != "kernel")
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    let projections: BTreeSet<_> = ALL.iter().map(|projection| projection.name.to_owned()).collect();
    assert_eq!(projections, folders, "list the folder's projection in ALL (projections/lib.rs), or remove it from there");
    for folder in folders {
        let question = std::fs::read_to_string(here.join(&folder).join("mod.rs")).unwrap();
        let first = question.lines().next().unwrap();
        assert!(first.starts_with("//! ") && first.contains('?'), "the first line of {folder}/mod.rs must be the question that it answers");
        for file in ["table.sql", "tests.rs"] {
            assert!(here.join(&folder).join(file).exists(), "{folder}/{file} is missing");
        }
    }
}

#[test]
fn every_column_has_its_class_and_is_kept_accordingly() {
    type Classes = BTreeMap<String, BTreeMap<String, BTreeMap<String, String>>>;
    let classes: Classes = toml::from_str(include_str!("../docs/data-classes.toml")).unwrap();
    let mut listed: BTreeSet<_> = classes
        .iter()
        .flat_map(|(schema, tables)| tables.iter().map(move |(table, columns)| (schema, table, columns)))
        .flat_map(|(schema, table, columns)| columns.keys().map(move |column| format!("{schema}.{table}.{column}")))
        .collect();
    for projection in ALL {
        for table in projection.tables {
            for column in table.info().all_columns() {
                let name = format!("{}.{}.{}", projection.schema.name(), table.info().name, column.name);
                assert!(listed.remove(&name), "{name} has no class: add it to docs/data-classes.toml");
                let class = &classes[projection.schema.name()][table.info().name][column.name];
                let kept = match class.as_str() {
                    "identifying" => Class::Sealed,
                    "index" => Class::Blind,
                    "clinical-index" | "operational" => Class::Clear,
                    other => panic!("{name} has the unknown class {other}"),
                };
                assert_eq!(column.class, kept, "{name} is listed as {class}: its Rust type must be kept so");
                let is_bytes = column.sql.starts_with("bytea") || (kept == Class::Blind && column.sql == "bigint[]");
                assert_eq!(is_bytes, kept != Class::Clear, "{name}: sealed values and hashes are bytes, and nothing else is");
            }
        }
    }
    assert_eq!(listed, BTreeSet::new(), "docs/data-classes.toml lists columns that no table has");
}

#[test]
fn every_table_belongs_to_one_projection_and_has_policies() {
    let mut names = BTreeSet::new();
    for projection in ALL {
        assert!(projection.sql.contains("\n-- once the rows are there\n"), "{}: say what is run when the rows are there", projection.name);
        for table in projection.tables {
            let name = table.info().name;
            assert!(names.insert(name), "{name} is made by two projections");
            let forced = format!("alter table {name} enable row level security, force row level security;");
            assert!(projection.sql.contains(&forced), "{name} must have forced row-level security");
            if projection.schema == Schema::Audit {
                assert!(projection.sql.contains(&format!("create trigger {name}_are_immutable")), "{name} must refuse changes");
            }
        }
    }
}

#[test]
fn folds_take_streams_that_exist() {
    for table in ALL.iter().flat_map(|projection| projection.tables) {
        if let Streams::Of(types) = table.streams() {
            for name in types {
                assert!(REGISTRY.iter().any(|aggregate| aggregate.name == *name), "{} folds the unknown aggregate {name}", table.info().name);
            }
        }
    }
}

#[test]
fn event_types_that_are_matched_by_name_exist() {
    let kinds: BTreeSet<_> = REGISTRY.iter().flat_map(|aggregate| aggregate.kinds).map(|kind| kind.name).collect();
    for source in [include_str!("audit_logs/mod.rs"), include_str!("compliance_logs/mod.rs")] {
        let named = source.lines().filter_map(|line| line.trim().strip_prefix('"')).filter_map(|line| line.split('"').next());
        for name in named {
            assert!(kinds.contains(name), "no event is called {name}");
        }
    }
}
