//! What do patients think of a provider?

use serde::{Deserialize, Serialize};

use crate::InvalidValue;

/// One patient's opinion: 1 (bad) to 5 (good).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = u8, minimum = 1, maximum = 5))]
#[serde(try_from = "u8", into = "u8")]
pub struct Stars(u8);

impl TryFrom<u8> for Stars {
    type Error = InvalidValue;

    fn try_from(stars: u8) -> Result<Self, InvalidValue> {
        if (1..=5).contains(&stars) { Ok(Self(stars)) } else { Err(InvalidValue("must be a whole number from 1 to 5")) }
    }
}

impl From<Stars> for u8 {
    fn from(stars: Stars) -> Self {
        stars.0
    }
}

/// All opinions together. Sums, so that their order doesn't matter.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rating {
    /// How many opinions there are.
    pub count: u64,
    /// How many stars they gave in all.
    pub stars: u64,
}

impl Rating {
    /// With one more opinion.
    #[must_use]
    pub fn with(self, stars: Stars) -> Self {
        Self { count: self.count + 1, stars: self.stars + u64::from(stars.0) }
    }

    /// The average in hundredths of a star, rounded half up: 433 is 4.33. `None`: no opinion yet.
    pub fn average_hundredths(self) -> Option<u64> {
        (self.stars * 200 + self.count).checked_div(self.count * 2)
    }
}
