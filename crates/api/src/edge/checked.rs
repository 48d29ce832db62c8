//! Which values are looked at more closely when they come in than when they are read again?
//!
//! What was once written down must be readable for ever, however strict the program has become; what somebody sends need not be
//! taken. So codes, National Provider Identifiers and phone numbers are checked here, where a body is parsed, by the names of the
//! structs that they stand in: in a record's own JSON there are none, and nothing is asked of it.

use std::fmt;
use std::marker::PhantomData;

use anamnesis_domain::provider::NPI_SYSTEM;
use anamnesis_domain::{InvalidValue, check_code, check_npi, check_phone};
use serde::de::{DeserializeSeed, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};
use serde_json::Value;

/// A field of a struct without other structs in it, and what must hold of it beside another one.
#[derive(Clone, Copy)]
pub(super) struct Check {
    field: &'static str,
    holds: fn(&Fields) -> Result<(), InvalidValue>,
}

impl Check {
    /// What is to be checked in a struct of that name.
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "Coding" => Some(Self { field: "code", holds: |fields| check_code(fields.get("system"), fields.get("code")) }),
            "Identifier" => Some(Self {
                field: "value",
                holds: |fields| if fields.get("system") == NPI_SYSTEM { check_npi(fields.get("value")) } else { Ok(()) },
            }),
            "PhoneContact" => Some(Self { field: "number", holds: |fields| check_phone(fields.get("number")) }),
            _ => None,
        }
    }
}

/// The fields of one struct, as they came.
pub(super) struct Fields(Vec<(String, Value)>);

impl Fields {
    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_str()).unwrap_or_default()
    }
}

/// Takes all fields, checks one, and hands them on.
pub(super) struct Checked<V> {
    pub(super) check: Check,
    pub(super) visitor: V,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Checked<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let mut fields = Fields(Vec::new());
        while let Some(field) = map.next_entry()? {
            fields.0.push(field);
        }
        let wrong = (self.check.holds)(&fields).err().map(|wrong| (self.check.field, wrong));
        self.visitor.visit_map(HandedOn { fields: fields.0.into_iter(), value: None, wrong, error: PhantomData })
    }
}

/// The fields once more. What is wrong is said where the field is read, so that its path is told.
struct HandedOn<E> {
    fields: std::vec::IntoIter<(String, Value)>,
    value: Option<(String, Value)>,
    wrong: Option<(&'static str, InvalidValue)>,
    error: PhantomData<E>,
}

impl<'de, E: Error> MapAccess<'de> for HandedOn<E> {
    type Error = E;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, E> {
        self.value = self.fields.next();
        self.value.as_ref().map(|(name, _)| seed.deserialize(name.clone().into_deserializer())).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, E> {
        let (name, value) = self.value.take().ok_or_else(|| E::custom("must have a value"))?;
        match self.wrong.filter(|(field, _)| *field == name) {
            Some((_, wrong)) => seed.deserialize(Refused(wrong)),
            None => seed.deserialize(value),
        }
        .map_err(E::custom)
    }
}

/// A value that can't be read, and why.
struct Refused(InvalidValue);

impl<'de> Deserializer<'de> for Refused {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, serde_json::Error> {
        Err(serde_json::Error::custom(self.0))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use anamnesis_domain::{Code, Identifier, PhoneContact};
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    use crate::edge::objects::Objects;

    /// The field that is wrong, and why.
    fn read<T: DeserializeOwned>(body: &Value) -> Result<T, (String, String)> {
        let text = body.to_string();
        let read = serde_path_to_error::deserialize(Objects(&mut serde_json::Deserializer::from_str(&text)));
        read.map_err(|error| (error.path().to_string(), error.inner().to_string()))
    }

    #[test]
    fn a_code_that_its_system_cannot_have_given_out_is_named_by_its_path() {
        let notion = |system: Value, code: &str| json!({ "codings": [{ "system": system, "code": code, "display": null }], "text": "x" });
        let (path, why) = read::<Code>(&notion(json!("http://loinc.org"), "4548-5")).unwrap_err();
        assert_eq!(path, "codings[0].code");
        assert!(why.starts_with("must be a LOINC code"), "{why}");
        let read_back = read::<Code>(&notion(json!("http://loinc.org"), "4548-4")).unwrap();
        assert!(read_back.codings[0].code == "4548-4" && read_back.codings[0].display.is_none());
        assert!(read::<Code>(&notion(Value::Null, "4548-5")).is_ok(), "of no system nothing is known");
        assert!(read::<Code>(&notion(json!("urn:ours"), "4548-5")).is_ok());
    }

    #[test]
    fn what_is_no_text_or_no_field_or_there_twice_is_refused_as_ever() {
        for wrong in
            [json!({ "codings": [{ "code": 5 }] }), json!({ "codings": [{ "code": "5", "colour": "red" }] }), json!({ "codings": [["a", "b"]] })]
        {
            assert!(read::<Code>(&wrong).is_err(), "{wrong}");
        }
        let twice = r#"{"codings": [{"code": "1", "code": "2"}]}"#;
        let read: Result<Code, _> = serde::Deserialize::deserialize(Objects(&mut serde_json::Deserializer::from_str(twice)));
        assert!(read.is_err());
    }

    #[test]
    fn numbers_of_providers_and_phones_are_checked_too() {
        let npi = |value: &str| json!({ "system": "http://hl7.org/fhir/sid/us-npi", "identifier_type": "OTHER", "value": value });
        assert!(read::<Identifier>(&npi("1234567893")).is_ok());
        assert_eq!(read::<Identifier>(&npi("1234567890")).err().unwrap().0, "value");
        assert!(read::<Identifier>(&json!({ "system": "urn:ours", "value": "1234567890" })).is_ok());
        assert!(read::<PhoneContact>(&json!({ "number": "+1 555 0132477", "use": "MOBILE" })).is_ok());
        assert_eq!(read::<PhoneContact>(&json!({ "number": "+0 555 0132477" })).err().unwrap().0, "number");
    }
}
