//! What differs between two things?

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

/// One value that is another, with where it stands.
#[derive(Clone, PartialEq, Serialize)]
pub struct Difference {
    /// A JSON pointer (RFC 6901): `/patient/contact/phones/0/number`.
    pub path: String,
    /// What stood there before; absent: nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What stands there after; absent: nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Where, not what.
impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Difference({})", self.path)
    }
}

/// Every difference between two values, as deep as it lies, in the order of the paths.
pub fn differences(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(path: &mut String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    match (before, after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => compare_objects(path, before, after, found),
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for i in 0..before.len().max(after.len()) {
                within(path, &i.to_string(), |path| compare(path, before.get(i), after.get(i), found));
            }
        }
        (before, after) if before == after => {}
        (before, after) => found.push(Difference { path: path.clone(), before: before.cloned(), after: after.cloned() }),
    }
}

fn compare_objects(path: &mut String, before: &Map<String, Value>, after: &Map<String, Value>, found: &mut Vec<Difference>) {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    for name in names {
        within(path, &name.replace('~', "~0").replace('/', "~1"), |path| compare(path, before.get(name), after.get(name), found));
    }
}

fn within(path: &mut String, step: &str, compare: impl FnOnce(&mut String)) {
    let length = path.len();
    path.push('/');
    path.push_str(step);
    compare(path);
    path.truncate(length);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(before: &Value, after: &Value) -> Vec<(String, Option<Value>, Option<Value>)> {
        differences(before, after).into_iter().map(|one| (one.path, one.before, one.after)).collect()
    }

    #[test]
    fn what_is_the_same_is_not_told() {
        let same = json!({"a": [1, {"b": null}], "c": "d"});
        assert_eq!(told(&same, &same), []);
    }

    #[test]
    fn each_difference_is_told_where_it_lies() {
        let before = json!({"name": "Ann", "phones": ["1", "2"], "gone": {"x": 1}, "kind": 1});
        let after = json!({"name": "Anne", "phones": ["1", "3", "4"], "new": null, "kind": {"a": 1}});
        assert_eq!(
            told(&before, &after),
            [
                ("/gone".to_owned(), Some(json!({"x": 1})), None),
                ("/kind".to_owned(), Some(json!(1)), Some(json!({"a": 1}))),
                ("/name".to_owned(), Some(json!("Ann")), Some(json!("Anne"))),
                ("/new".to_owned(), None, Some(json!(null))),
                ("/phones/1".to_owned(), Some(json!("2")), Some(json!("3"))),
                ("/phones/2".to_owned(), None, Some(json!("4"))),
            ]
        );
    }

    #[test]
    fn a_path_can_be_followed_whatever_the_names_are() {
        let (before, after) = (json!({"a/b": {"~": 1}}), json!({"a/b": {"~": 2}}));
        let path = &differences(&before, &after)[0].path;
        assert_eq!(path, "/a~1b/~0");
        assert_eq!(after.pointer(path), Some(&json!(2)));
    }
}
