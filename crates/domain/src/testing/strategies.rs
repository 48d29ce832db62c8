//! What may people send? Arbitrary values of the types that commands are made of, from small pools where it matters that they meet again.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

use crate::{ClinicalValue, Code, Coding, Date, HumanName, Instant, JsonText, Line, Quantity, Text};

/// 2026-01-31T09:30:00Z
pub(crate) const NOW_MICROS: i64 = 1_769_851_800_000_000;
const MICROS_PER_MINUTE: i64 = 60_000_000;

/// The moments at which commands are told: within three days, in hours, so that they meet.
pub(crate) fn now() -> impl Strategy<Value = Instant> + Clone {
    (0..72_i64).prop_map(|hours| Instant::from_micros(NOW_MICROS + hours * 60 * MICROS_PER_MINUTE))
}

/// A moment from eight days before to eight days behind.
pub(crate) fn instant() -> impl Strategy<Value = Instant> + Clone {
    (-200..200_i64).prop_map(|hours| Instant::from_micros(NOW_MICROS + hours * 60 * MICROS_PER_MINUTE))
}

pub(crate) fn date() -> impl Strategy<Value = Date> + Clone {
    (1_840..2_030_i32, 1..=365_u32).prop_map(|(year, day)| chrono::NaiveDate::from_yo_opt(year, day).expect("a day of the calendar").into())
}

/// One of three ids.
pub(crate) fn id<T: From<Uuid> + std::fmt::Debug + Clone>() -> impl Strategy<Value = T> + Clone {
    (1..=3_u128).prop_map(|n| Uuid::from_u128(n).into())
}

pub(crate) fn text() -> impl Strategy<Value = Text> + Clone {
    "[\\PC\n\t]{0,20}[^\\pC\\pZ]".prop_map(|text| Text::try_from(text).expect("the pattern is a text's"))
}

pub(crate) fn line() -> impl Strategy<Value = Line> + Clone {
    "\\PC{0,20}[^\\pC\\pZ]".prop_map(|line| Line::try_from(line).expect("the pattern is a line's"))
}

pub(crate) fn name() -> impl Strategy<Value = HumanName> {
    (option::of(line()), vec(line(), 0..3)).prop_map(|(family, given)| HumanName { family, given, ..HumanName::default() })
}

pub(crate) fn code() -> impl Strategy<Value = Code> {
    let coding = (option::of(".{0,9}"), ".{0,9}", option::of(".{0,9}")).prop_map(|(system, code, display)| Coding { system, code, display });
    (vec(coding, 0..3), option::of(".{0,9}")).prop_map(|(codings, text)| Code { codings, text })
}

pub(crate) fn json() -> impl Strategy<Value = JsonText> {
    let number = (any::<i32>(), 0..4_u32).prop_map(|(whole, places)| format!("{{ \"n\" : {whole}.{:04} }}", places * 100));
    let text = ".{0,9}".prop_map(|text| serde_json::to_string(&text).expect("strings are serialisable"));
    prop_oneof![number, text].prop_map(|json| JsonText::try_from(json).expect("it is JSON"))
}

pub(crate) fn clinical_value() -> impl Strategy<Value = ClinicalValue> {
    let quantity = (proptest::num::f64::NORMAL, option::of(line()))
        .prop_map(|(value, unit)| ClinicalValue::Quantity(Quantity { value, unit, system: None, code: None, comparator: None }));
    prop_oneof![quantity, text().prop_map(ClinicalValue::Text), code().prop_map(ClinicalValue::Code)]
}
