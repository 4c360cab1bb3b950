//! What agents say of the input of a kind of task, as JSON Schema: compiled, and held against input
//! before it is queued.
//!
//! Schemas come from agents, so they are held to limits ([`Size`]): nothing is fetched, patterns run
//! in linear time, and what a check may cost is known before it begins. All of it blocks.

mod desk;
mod size;

use std::fmt;

pub(crate) use desk::Desk;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use size::Size;
use widget_core::payload::Payload;

/// The most places of an input that are named.
pub(crate) const MAX_MISFITS: usize = 10;
/// The most patterns in all schemas of an agent: each may take a while to compile.
pub(crate) const MAX_PATTERNS: usize = 256;
/// The most memory that a compiled pattern may take, in bytes, and once more while it is used.
const PATTERN_SIZE: usize = 128 * 1024;
/// The longest text on what is wrong in one place, in characters.
const MAX_TEXT: usize = 200;

/// A place in an input that does not fit the schema of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// Where, as a JSON Pointer (RFC 6901); empty for the whole input.
    pub pointer: String,
    /// What is wrong there, for people.
    pub problem: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.problem),
            pointer => write!(f, "{pointer}: {}", self.problem),
        }
    }
}

/// A schema that inputs can be held against.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    size: Size,
}

impl Schema {
    /// Compiles a schema that has at most so many patterns. The error says what is wrong with it.
    pub(crate) fn compile(schema: &Payload, patterns: usize) -> Result<Self, String> {
        let schema: Value = serde_json::from_slice(schema.as_bytes())
            .map_err(|error| format!("it is not JSON: {error}"))?;
        let size = Size::of(&schema)?;
        if size.patterns > patterns {
            return Err(format!(
                "more than {MAX_PATTERNS} patterns in the schemas of one agent"
            ));
        }
        let engine = PatternOptions::regex()
            .size_limit(PATTERN_SIZE)
            .dfa_size_limit(PATTERN_SIZE);
        // Formats are remarks: what they mean differs between drafts and programs.
        let options = jsonschema::options()
            .offline()
            .with_pattern_options(engine)
            .should_validate_formats(false);
        let validator = options.build(&schema).map_err(|error| {
            let pointer = error.instance_path().as_str();
            let text = cut(&error.masked_with("the value").to_string());
            format!("at \"{pointer}\": {text}")
        })?;
        Ok(Self { validator, size })
    }

    /// How many patterns it has.
    pub(crate) const fn patterns(&self) -> usize {
        self.size.patterns
    }

    /// The places of an input that do not fit; none if it fits.
    pub(crate) fn misfits(&self, input: &Payload) -> Vec<Misfit> {
        let whole = |problem: &str| {
            vec![Misfit {
                pointer: String::new(),
                problem: problem.to_owned(),
            }]
        };
        let Ok(input) = serde_json::from_slice::<Value>(input.as_bytes()) else {
            return whole("the input is not JSON");
        };
        if !self.size.is_shallow_for(&input) {
            return whole("the input is nested too deep to be held against its schema");
        }
        if !self.size.is_quick_for(&input) {
            return whole("the input is too large to be held against its schema");
        }
        if self.validator.is_valid(&input) {
            return Vec::new();
        }
        // Whether it fits looks once at each pair of them at most. Where it does not is looked up in every branch, and all
        // places are gathered before the first is known.
        if !self.size.is_cheap_for(&input) {
            return whole("the input does not fit its schema, and is too large to say where");
        }
        let errors = self.validator.iter_errors(&input).take(MAX_MISFITS);
        let misfits = errors.map(|error| Misfit {
            pointer: error.instance_path().as_str().to_owned(),
            problem: cut(&error.masked_with("the value").to_string()),
        });
        misfits.collect()
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT {
        return text.to_owned();
    }
    text.chars().take(MAX_TEXT).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    fn payload(value: &Value) -> Payload {
        Payload::from_json_text(value.to_string())
    }

    fn compile(schema: &Value) -> Result<Schema, String> {
        Schema::compile(&payload(schema), MAX_PATTERNS)
    }

    fn misfits(schema: &Value, input: &Value) -> Vec<Misfit> {
        compile(schema).unwrap().misfits(&payload(input))
    }

    fn pointers(schema: &Value, input: &Value) -> Vec<String> {
        let misfits = misfits(schema, input).into_iter();
        misfits.map(|misfit| misfit.pointer).collect()
    }

    #[test]
    fn each_place_is_named_by_its_pointer() {
        let schema = json!({
            "type": "object",
            "properties": {
                "a/b": {"type": "integer"},
                "t~": {"type": "array", "items": {"maxLength": 2}},
            },
            "required": ["name"],
        });
        let input = json!({"a/b": "x", "t~": ["ok", "long"]});
        let mut found = pointers(&schema, &input);
        found.sort();
        assert_eq!(found, ["", "/a~1b", "/t~0/1"]);
        let fits = json!({"a/b": 1, "t~": [], "name": 0});
        assert_eq!(misfits(&schema, &fits), []);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        let found = misfits(&json!({"type": "string"}), &json!({"password": "s3cret"}));
        assert_eq!(found.len(), 1);
        assert!(found[0].problem.contains("string"), "{found:?}");
        assert!(!found[0].problem.contains("s3cret"), "{found:?}");
    }

    #[test]
    fn at_most_ten_places_are_named() {
        let schema = json!({"items": {"type": "string"}});
        assert_eq!(misfits(&schema, &json!(vec![0; 50])).len(), MAX_MISFITS);
    }

    #[test]
    fn nothing_is_fetched() {
        for reference in ["https://127.0.0.1:1/a", "file:///etc/hostname", "other"] {
            let fault = compile(&json!({"$ref": reference})).unwrap_err();
            assert!(fault.contains("#/"), "{fault}");
        }
        assert!(compile(&json!({"$schema": "https://127.0.0.1:1/draft"})).is_err());
    }

    #[test]
    fn a_schema_that_means_nothing_is_refused() {
        for schema in [
            json!({"type": "text"}),
            json!({"pattern": "("}),
            json!({"pattern": "(a)\\1"}),
            json!({"minimum": "1"}),
            json!({"$ref": "#/$defs/none"}),
            json!(7),
        ] {
            assert!(compile(&schema).is_err(), "{schema}");
        }
        assert!(Schema::compile(&Payload::from_json_text("{"), 1).is_err());
    }

    #[test]
    fn a_pattern_that_would_take_much_memory_is_refused() {
        assert!(compile(&json!({"pattern": "^((ab?c|d){1,99}){1,99}$"})).is_err());
        let many: Vec<_> = (0..=MAX_PATTERNS)
            .map(|n| json!({"pattern": n.to_string()}))
            .collect();
        assert!(compile(&json!({"allOf": many})).is_err());
    }

    #[test]
    fn a_pattern_takes_linear_time() {
        let schema = json!({"pattern": "^(a+)+$"});
        let start = Instant::now();
        let input = json!(format!("{}b", "a".repeat(100_000)));
        assert_eq!(pointers(&schema, &input), [""]);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn types_that_contain_themselves_are_checked_to_the_depth_of_the_input() {
        let schema = json!({
            "$defs": {"node": {
                "properties": {
                    "name": {"type": "string"},
                    "children": {"items": {"$ref": "#/$defs/node"}},
                },
                "required": ["name"],
            }},
            "$ref": "#/$defs/node",
        });
        let input = json!({"name": "a", "children": [{"name": "b", "children": [{"name": 1}]}]});
        assert_eq!(pointers(&schema, &input), ["/children/0/children/0/name"]);
    }

    /// Each reference doubles the work, or there is no end to it.
    #[test]
    fn schemas_made_to_take_for_ever_do_not() {
        let mut definitions = serde_json::Map::new();
        for n in 0..30 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            definitions.insert(format!("d{n}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("d30".into(), json!({"type": "string"}));
        let doubled = json!({"$defs": definitions, "$ref": "#/$defs/d0"});
        assert!(compile(&doubled).is_err());

        let itself = json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]});
        assert_eq!(misfits(&itself, &json!(1)), []);

        let twice = json!({"items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}, "type": "array"});
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let found = misfits(&twice, &deep);
        assert!(found[0].problem.contains("too large"), "{found:?}");
    }

    /// Found by review: 9,000 schemas for each of 125,000 values took 13 seconds.
    #[test]
    fn a_large_input_is_not_held_against_a_large_schema() {
        let schema = json!({"items": {"allOf": vec![json!({"type": "number"}); 9_000]}});
        let found = misfits(&schema, &json!(vec![1; 125_000]));
        assert!(found[0].problem.contains("too large"), "{found:?}");
        assert_eq!(misfits(&schema, &json!(vec![1; 1_000])), []);
    }

    /// Found by this test: a schema that contains itself overflowed the stack, which ends the
    /// process. Here are the deepest that are allowed, on the stack that threads for blocking work
    /// have, and some that are not.
    #[test]
    fn the_deepest_schema_and_input_have_stack_enough() {
        let nested = |levels: usize| (0..levels).fold(json!([]), |inner, _| json!([inner]));
        let negated = |levels: usize| {
            let end = json!({"$ref": "#"});
            let schema = (0..levels).fold(end, |inner, _| json!({"not": {"not": inner}}));
            json!({"items": schema})
        };
        let check = move || {
            for (schema, levels) in [(60, 120), (60, 8), (8, 60), (30, 15), (2, 120), (0, 120)] {
                misfits(&negated(schema), &nested(levels));
            }
        };
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        thread.spawn(check).unwrap().join().unwrap();
        let found = misfits(&negated(60), &nested(120));
        assert!(found[0].problem.contains("too deep"), "{found:?}");
        assert_eq!(misfits(&negated(1), &nested(30)), []);
    }
}
