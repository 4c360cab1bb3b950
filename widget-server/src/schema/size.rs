//! How large a schema is with its references written out, which bounds what a check costs.

use std::collections::BTreeMap;

use serde_json::Value;

/// The most values in a schema with its references written out.
const MAX_VALUES: u64 = 20_000;
/// How deep its values may be nested then.
pub(super) const MAX_DEPTH: usize = 128;
/// The most work for which it is said whether an input fits: about as many schemas held against
/// values, the better part of a second in a debug build.
const MAX_PAIRS: u64 = 100_000_000;
/// The most work for which the places of an input that do not fit are looked up: about as many
/// schemas held against values.
const MAX_WORK: u64 = 1_000_000;

/// How deep a check may nest. Measured in a debug build: a thread for blocking work, which has 2 MiB
/// of stack, overflows it at some 4,000 levels.
const MAX_LEVELS: usize = 1_000;

/// The size of a schema with its references written out, each until it would come to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    values: u64,
    depth: usize,
    /// How often it comes to itself again: for each, one level of the input may be looked at anew.
    loops: u64,
    /// Patterns, written out or not.
    pub(super) patterns: usize,
}

impl Size {
    /// The size of a schema; the error says which limit it breaks.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let mut ruler = Ruler {
            schema,
            targets: BTreeMap::from([("#", None)]),
            patterns: 0,
        };
        let size = ruler.measure(schema, 0)?;
        if size.values > MAX_VALUES {
            return Err(format!(
                "more than {MAX_VALUES} values, with its references written out"
            ));
        }
        Ok(Self {
            patterns: ruler.patterns,
            ..size
        })
    }

    /// Whether a check has stack enough: where a schema comes to itself, each level of the input
    /// starts it anew.
    pub(super) fn is_shallow_for(&self, input: &Value) -> bool {
        let (_, depth) = extent(input);
        let levels = usize::try_from(depth).map_or(usize::MAX, |depth| depth + 1);
        self.loops == 0 || self.depth.saturating_mul(levels) <= MAX_LEVELS
    }

    /// Whether it can be said if an input fits: no value in it is looked at twice by one schema.
    pub(super) fn is_quick_for(&self, input: &Value) -> bool {
        let (values, _) = extent(input);
        values.saturating_mul(self.values) <= MAX_PAIRS
    }

    /// Whether all that does not fit in an input can be gathered.
    pub(super) fn is_cheap_for(&self, input: &Value) -> bool {
        let (values, depth) = extent(input);
        let loops = self.loops.max(1).saturating_pow(depth);
        values.saturating_mul(self.values).saturating_mul(loops) <= MAX_WORK
    }
}

/// How many values there are, and how deep they are nested.
fn extent(value: &Value) -> (u64, u32) {
    let below = |(values, depth): (u64, u32), value: &Value| {
        let inner = extent(value);
        (values + inner.0, depth.max(inner.1 + 1))
    };
    match value {
        Value::Array(items) => items.iter().fold((1, 0), below),
        Value::Object(members) => members.values().fold((1, 0), below),
        _ => (1, 0),
    }
}

struct Ruler<'a> {
    schema: &'a Value,
    /// What references lead to; none for those that are being measured.
    targets: BTreeMap<&'a str, Option<Size>>,
    patterns: usize,
}

impl<'a> Ruler<'a> {
    /// Goes no deeper than is allowed, so that measuring has stack enough.
    fn measure(&mut self, value: &'a Value, at: usize) -> Result<Size, String> {
        if at > MAX_DEPTH {
            return Err(too_deep());
        }
        let mut size = Size {
            values: 1,
            depth: 0,
            loops: 0,
            patterns: 0,
        };
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    self.count(name, member, at)?;
                    let below = match (name.as_str(), member) {
                        ("$ref", Value::String(target)) => self.target(target, at + 1)?,
                        _ => self.measure(member, at + 1)?,
                    };
                    size.add(below);
                }
            }
            Value::Array(items) => {
                for item in items {
                    let below = self.measure(item, at + 1)?;
                    size.add(below);
                }
            }
            _ => {}
        }
        Ok(size)
    }

    /// Keywords that count for themselves, or that would make references mean something else.
    fn count(&mut self, name: &str, member: &Value, at: usize) -> Result<(), String> {
        match (name, member) {
            ("pattern", Value::String(_)) => self.patterns += 1,
            ("patternProperties", Value::Object(patterns)) => self.patterns += patterns.len(),
            ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                return Err(format!("{name} is not supported: refer by $ref to \"#/…\""));
            }
            ("$id", Value::String(_)) if at > 0 => {
                return Err("$id is supported for the whole schema only".into());
            }
            ("$schema", Value::String(draft)) if draft.contains("draft-04") => {
                return Err("draft 4 is not supported: say what 2020-12 does".into());
            }
            _ => {}
        }
        Ok(())
    }

    fn target(&mut self, reference: &'a str, at: usize) -> Result<Size, String> {
        match self.targets.get(reference) {
            Some(Some(size)) if at + size.depth > MAX_DEPTH => return Err(too_deep()),
            Some(Some(size)) => return Ok(*size),
            Some(None) => {
                return Ok(Size {
                    values: 1,
                    depth: 0,
                    loops: 1,
                    patterns: 0,
                });
            }
            None => {}
        }
        let pointer = reference.strip_prefix('#');
        let pointer = pointer.filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let Some(pointer) = pointer else {
            let text = "a reference that leads out of it: $ref must be \"#\" or \"#/…\"";
            return Err(text.into());
        };
        let pointer = percent_decoded(pointer);
        let Some(target) = self.schema.pointer(&pointer) else {
            return Err("a reference that leads nowhere".into());
        };
        self.targets.insert(reference, None);
        let size = self.measure(target, at)?;
        self.targets.insert(reference, Some(size));
        Ok(size)
    }
}

impl Size {
    fn add(&mut self, below: Self) {
        self.values = self.values.saturating_add(below.values);
        self.loops = self.loops.saturating_add(below.loops);
        self.depth = self.depth.max(below.depth + 1);
    }
}

/// The fragment of a URI as the text that it stands for.
fn percent_decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let [first, after @ ..] = rest {
        let encoded = (*first == b'%').then(|| after.first_chunk::<2>());
        let byte = encoded.flatten().and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.push(byte.unwrap_or(*first));
        rest = match byte {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH}, with its references written out")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_count_as_what_they_lead_to() {
        let schema = json!({
            "$defs": {"a": {"type": "string", "maxLength": 3}},
            "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/a"}},
        });
        let size = Size::of(&schema).unwrap();
        // Six as they stand ($defs, a and its two, properties, the whole), x and y with three each.
        assert_eq!((size.values, size.loops), (6 + 2 * 4, 0));
    }

    #[test]
    fn a_reference_may_be_percent_encoded() {
        let schema = json!({"$defs": {"List<a b>": {}}, "$ref": "#/$defs/List%3Ca%20b%3E"});
        assert!(Size::of(&schema).is_ok());
        assert_eq!(percent_decoded("/a%2"), "/a%2");
        assert_eq!(percent_decoded("/%zz%c3%a9"), "/%zzé");
    }

    #[test]
    fn a_chain_of_references_is_as_deep_as_it_is_long() {
        let mut definitions = serde_json::Map::new();
        for n in 0..500 {
            let next = format!("#/$defs/d{}", n + 1);
            definitions.insert(format!("d{n}"), json!({"$ref": next}));
        }
        definitions.insert("d500".into(), json!({}));
        let schema = json!({"$defs": definitions, "$ref": "#/$defs/d0"});
        assert!(Size::of(&schema).unwrap_err().contains("deeper"));
    }

    #[test]
    fn what_comes_to_itself_is_counted_once_and_grows_with_the_input() {
        let schema = json!({"properties": {"l": {"$ref": "#"}, "r": {"$ref": "#"}}});
        let size = Size::of(&schema).unwrap();
        assert!(size.loops >= 2, "{size:?}");
        assert!(size.is_cheap_for(&json!({"l": {"r": {}}})));
        let mut deep = json!({});
        for _ in 0..40 {
            deep = json!({"l": deep});
        }
        assert!(!size.is_cheap_for(&deep));
    }
}
