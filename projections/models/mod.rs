//! Which AI models are there, which version of each is in use, and how good is it?

use anamnesis_domain::model::{Evaluation, ModelEvent, ModelStatus, ModelType, ModelVersion, NewVersion};
use anamnesis_domain::{AnyEvent, Instant, JsonText, Line, ModelId, Recorded, Text};
use serde::{Deserialize, Serialize};

use crate::kernel::{Fold, Follows, Key, Of, Projection, Rows, Schema, Sealed, Streams, row, seal, text_columns};

#[cfg(test)]
mod tests;

/// Every AI model.
pub const MODELS: Projection = Projection {
    name: "models",
    schema: Schema::Read,
    follows: Follows::Topics,
    sql: include_str!("table.sql"),
    version: 1,
    tables: &[&Of::<Models>::TABLE],
};

text_columns!(ModelStatus, ModelType);

row! {
    /// A model. `version` and all that follows is said of the version in use; without one, of the newest that isn't retired.
    pub struct ModelRow in "ai_models" key (model_id) {
        model_id: ModelId,
        name: String,
        model_type: ModelType,
        registered_at: Instant,
        version: String,
        status: ModelStatus,
        is_active: bool,
        description: Option<Sealed<Text>>,
        provider: Option<Sealed<Line>>,
        file_path: Option<Sealed<Line>>,
        file_sha256: Option<String>,
        accuracy_score: Option<f64>,
        training_data_size: Option<u64>,
        training_completed_at: Option<Instant>,
        metadata: Option<Sealed<JsonText>>,
        versions: Sealed<Vec<VersionShown>>,
    }
}

/// A version of a model, as it is shown.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionShown {
    /// What was registered.
    pub registered: NewVersion,
    /// When.
    pub registered_at: Instant,
    /// Where it is on its way.
    pub status: ModelStatus,
    /// What was measured last.
    pub evaluation: Option<Evaluation>,
    /// When that was told.
    pub evaluated_at: Option<Instant>,
    /// Since when it is in use, or when it came into use last.
    pub activated_at: Option<Instant>,
    /// When it was retired.
    pub retired_at: Option<Instant>,
    /// Why.
    pub retirement_reason: Option<Text>,
}

/// The fold of `ai_models`.
pub struct Models;

impl Fold for Models {
    type Row = ModelRow;
    const STREAMS: Streams = Streams::Of(&["model"]);
    const OPENED: &'static [&'static str] = &["versions"];

    fn keys(event: &Recorded) -> Vec<Key> {
        vec![event.aggregate_id.into()]
    }

    fn apply(rows: &mut Rows<ModelRow>, event: &Recorded) {
        let Some(AnyEvent::Model(happened)) = event.event.value() else { return };
        if let ModelEvent::ModelRegistered(registered) = happened {
            rows.put(ModelRow {
                model_id: event.aggregate_id.into(),
                name: registered.name.clone().into(),
                model_type: registered.model_type,
                registered_at: registered.registered_at,
                version: String::new(),
                status: ModelStatus::Registered,
                is_active: false,
                description: None,
                provider: None,
                file_path: None,
                file_sha256: None,
                accuracy_score: None,
                training_data_size: None,
                training_completed_at: None,
                metadata: None,
                versions: Sealed::new(Vec::new()),
            });
        } else {
            rows.change(event.aggregate_id, |model| model.change(happened));
        }
    }
}

impl ModelRow {
    fn change(&mut self, happened: &ModelEvent) {
        self.versions.change(|versions| change(versions, happened));
        let shown = self.versions.get().and_then(|versions| shown(versions)).cloned();
        if let Some(shown) = shown {
            self.show(shown);
        }
    }

    fn show(&mut self, VersionShown { registered, status, evaluation, .. }: VersionShown) {
        self.version = registered.version.into();
        (self.status, self.is_active) = (status, status == ModelStatus::Active);
        self.description = seal(registered.description.as_ref());
        self.provider = seal(registered.provider.as_ref());
        self.file_path = seal(registered.artifact.as_ref().map(|artifact| &artifact.file_path));
        self.file_sha256 = registered.artifact.and_then(|artifact| artifact.sha256).map(Into::into);
        self.accuracy_score = evaluation.and_then(|evaluation| evaluation.accuracy_score).map(Into::into);
        self.training_data_size = registered.training_data_size;
        self.training_completed_at = registered.training_completed_at;
        self.metadata = seal(registered.metadata.as_ref());
    }
}

/// The one in use, or the newest that could be, or the newest.
fn shown(versions: &[VersionShown]) -> Option<&VersionShown> {
    let newest = |is_shown: fn(&VersionShown) -> bool| versions.iter().rev().find(|version| is_shown(version));
    newest(|version| version.status == ModelStatus::Active)
        .or_else(|| newest(|version| version.status == ModelStatus::Registered))
        .or_else(|| versions.last())
}

fn change(versions: &mut Vec<VersionShown>, happened: &ModelEvent) {
    let mut change = |version: &ModelVersion, change: &dyn Fn(&mut VersionShown)| {
        versions.iter_mut().filter(|shown| shown.registered.version == *version).for_each(change);
    };
    match happened {
        ModelEvent::ModelVersionEvaluated(evaluated) => change(&evaluated.version, &|version| {
            (version.evaluation, version.evaluated_at) = (Some(evaluated.evaluation.clone()), Some(evaluated.evaluated_at));
        }),
        ModelEvent::ModelVersionActivated(activated) => {
            if let Some(replaced) = &activated.replaces {
                change(replaced, &|version| version.status = ModelStatus::Registered);
            }
            change(&activated.version, &|version| {
                (version.status, version.activated_at) = (ModelStatus::Active, Some(activated.activated_at));
            });
        }
        ModelEvent::ModelVersionRetired(retired) => change(&retired.version, &|version| {
            (version.status, version.retired_at) = (ModelStatus::Retired, Some(retired.retired_at));
            version.retirement_reason.clone_from(&retired.reason);
        }),
        ModelEvent::ModelVersionRegistered(registered) => versions.push(VersionShown {
            registered: registered.version.clone(),
            registered_at: registered.registered_at,
            status: ModelStatus::Registered,
            evaluation: None,
            evaluated_at: None,
            activated_at: None,
            retired_at: None,
            retirement_reason: None,
        }),
        // makes a row
        ModelEvent::ModelRegistered(_) => {}
    }
}
