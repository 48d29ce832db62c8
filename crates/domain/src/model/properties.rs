//! What holds of a model whatever people ask for, and in whatever order?

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::Confidence;
use crate::testing::live;
use crate::testing::strategies::{instant, json, line, now, text};

fn number() -> impl Strategy<Value = ModelVersion> {
    prop::sample::select(vec!["1.0", "1.1", "2.0"]).prop_map(|version| version.to_owned().try_into().expect("a version"))
}

fn name() -> impl Strategy<Value = ModelName> {
    line().prop_map(|line| String::from(line).try_into().expect("the line is short"))
}

fn new_version() -> impl Strategy<Value = NewVersion> {
    let artifact = line().prop_map(|file_path| Artifact { file_path, sha256: Some([7; 32].into()) });
    (number(), option::of(text()), option::of(line()), option::of(artifact), option::of(0..9_u64), option::of(instant()), option::of(json()))
        .prop_map(|(version, description, provider, artifact, training_data_size, training_completed_at, metadata)| NewVersion {
            version,
            description,
            provider,
            artifact,
            training_data_size,
            training_completed_at,
            metadata,
        })
}

fn evaluation() -> impl Strategy<Value = Evaluation> {
    let accuracy = (0..=4_u8).prop_map(|quarters| Confidence::try_from(f64::from(quarters) / 4.0).expect("a share"));
    let metric = (line(), -8..8_i8).prop_map(|(name, value)| Metric { name, value: f64::from(value) / 4.0 });
    (option::of(accuracy), vec(metric, 0..2), option::of(line()), option::of(0..9_u64))
        .prop_map(|(accuracy_score, metrics, dataset, dataset_size)| Evaluation { accuracy_score, metrics, dataset, dataset_size })
}

fn command() -> impl Strategy<Value = ModelCommand> {
    use ModelCommand::*;
    let model = (name(), prop::sample::select(ModelType::ALL.to_vec()), new_version()).prop_map(|(name, model_type, version)| NewModel {
        name,
        model_type,
        version,
    });
    prop_oneof![
        2 => (now(), model).prop_map(|(now, model)| Register { now, model: Box::new(model) }),
        2 => (now(), new_version()).prop_map(|(now, version)| RegisterVersion { now, version: Box::new(version) }),
        1 => (now(), number(), evaluation()).prop_map(|(now, version, evaluation)| RecordEvaluation { now, version, evaluation }),
        3 => (now(), number()).prop_map(|(now, version)| Activate { now, version }),
        1 => (now(), number(), option::of(text())).prop_map(|(now, version, reason)| Retire { now, version, reason }),
    ]
}

fn in_use(model: &Model) -> usize {
    let Model::Registered { versions } = model else { return 0 };
    versions.values().filter(|state| state.status == ModelStatus::Active).count()
}

proptest! {
    #[test]
    fn one_version_at_most_is_in_use(commands in vec(command(), 0..40)) {
        let life = live::<Model>(Uuid::from_u128(42), commands);
        let states = life.events.iter().map(|(before, _)| before).chain([&life.state]);
        for state in states {
            prop_assert!(in_use(state) <= 1);
            prop_assert_eq!(state.active().is_some(), in_use(state) == 1);
        }
    }

    #[test]
    fn what_is_activated_was_registered_and_never_retired_and_says_what_it_replaces(commands in vec(command(), 0..40)) {
        let mut retired = std::collections::BTreeSet::new();
        for (before, event) in &live::<Model>(Uuid::from_u128(42), commands).events {
            match event {
                ModelEvent::ModelVersionRetired(gone) => prop_assert!(retired.insert(gone.version.clone())),
                ModelEvent::ModelVersionActivated(activated) => {
                    prop_assert!(before.version(&activated.version).is_ok() && !retired.contains(&activated.version));
                    prop_assert_eq!(activated.replaces.as_ref(), before.active());
                }
                ModelEvent::ModelRegistered(_) | ModelEvent::ModelVersionRegistered(_) | ModelEvent::ModelVersionEvaluated(_) => {}
            }
        }
    }

    #[test]
    fn a_model_keeps_its_one_name(commands in vec(command(), 0..40)) {
        let life = live::<Model>(Uuid::from_u128(42), commands);
        let claims: usize = life.events.iter().map(|(before, event)| before.reservations(Uuid::nil(), event).len()).sum();
        prop_assert_eq!(claims, usize::from(life.state != Model::Absent));
    }
}
