//! How are two that are one person brought together, and apart again? (docs/decisions/0023-merge.md)
//!
//! Nothing is moved: the duplicate stays as it is, and says into whom it was merged; the survivor says who its duplicates are. The two
//! sides are told in one group, both or none.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Chart, Patient, PatientError, PatientEvent};
use crate::{AccountId, Instant, PatientId, Text, redact::redacted};

/// A patient turned out to be another one who is there too.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientMerged {
    /// The one who goes on.
    pub survivor_id: PatientId,
    /// How it was found out.
    pub reason: Text,
    /// Who says so.
    pub merged_by: AccountId,
    /// When.
    pub merged_at: Instant,
}

/// Another patient turned out to be this one.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientDuplicateAbsorbed {
    /// The other one.
    pub duplicate_id: PatientId,
    /// Who says so.
    pub absorbed_by: AccountId,
    /// When.
    pub absorbed_at: Instant,
}

/// A patient wasn't the other one after all.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientMergeUndone {
    /// Into whom they had been merged.
    pub survivor_id: PatientId,
    /// How it was found out.
    pub reason: Text,
    /// Who says so.
    pub undone_by: AccountId,
    /// When.
    pub undone_at: Instant,
}

/// Another patient wasn't this one after all.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct PatientDuplicateReleased {
    /// The other one.
    pub duplicate_id: PatientId,
    /// Who says so.
    pub released_by: AccountId,
    /// When.
    pub released_at: Instant,
}

redacted!(PatientMerged, PatientDuplicateAbsorbed, PatientMergeUndone, PatientDuplicateReleased);

/// The most duplicates that one patient may have.
const MOST_DUPLICATES: usize = 100;

type Decision = Result<Vec<PatientEvent>, PatientError>;

impl Patient {
    /// Into whom they were merged.
    pub fn survivor(&self) -> Option<PatientId> {
        match self {
            Self::Merged { into, .. } => Some(*into),
            Self::Absent | Self::Active(_) | Self::Deactivated(_) => None,
        }
    }

    /// Of two steps there are no chains: who has duplicates isn't merged, and who was merged takes none.
    pub(super) fn merge_into(&self, id: Uuid, merged: PatientMerged) -> Decision {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Merged { into, .. } if *into == merged.survivor_id => Ok(vec![]),
            Self::Merged { .. } => Err(PatientError::Merged),
            Self::Active(_) | Self::Deactivated(_) if merged.survivor_id.0 == id => Err(PatientError::OwnSurvivor),
            Self::Active(chart) | Self::Deactivated(chart) if !chart.duplicates.is_empty() => Err(PatientError::HasDuplicates),
            Self::Active(_) | Self::Deactivated(_) => Ok(vec![merged.into()]),
        }
    }

    pub(super) fn absorb(&self, absorbed: PatientDuplicateAbsorbed) -> Decision {
        let Chart { duplicates, .. } = self.active()?;
        if duplicates.contains(&absorbed.duplicate_id) {
            return Ok(vec![]);
        }
        if duplicates.len() >= MOST_DUPLICATES {
            return Err(PatientError::TooMany);
        }
        Ok(vec![absorbed.into()])
    }

    pub(super) fn undo_merge(&self, undone: PatientMergeUndone) -> Decision {
        match self {
            Self::Absent => Err(PatientError::NotRegistered),
            Self::Merged { into, .. } if *into == undone.survivor_id => Ok(vec![undone.into()]),
            Self::Merged { .. } => Err(PatientError::OtherSurvivor),
            Self::Active(_) | Self::Deactivated(_) => Err(PatientError::NotMerged),
        }
    }

    /// Also by who is looked after no longer: it is the other one's merge that is undone.
    pub(super) fn release_duplicate(&self, released: PatientDuplicateReleased) -> Decision {
        let Chart { duplicates, .. } = self.chart().ok_or(PatientError::NotRegistered)?;
        Ok(if duplicates.contains(&released.duplicate_id) { vec![released.into()] } else { vec![] })
    }
}
