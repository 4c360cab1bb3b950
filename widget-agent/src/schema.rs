//! What an input looks like, as a JSON Schema made from its type.

use std::future::Future;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde::de::DeserializeOwned;
use widget_core::Payload;

use crate::builder::AgentBuilder;
use crate::context::TaskContext;
use crate::raw::AnyHandler;
use crate::task_error::TaskError;

/// The JSON Schema (draft 2020-12) of what `T` is read from, in one piece: nothing in it refers to
/// something else, unless `T` contains itself.
///
/// ```
/// use serde::Deserialize;
/// use widget_agent::schemars::{self, JsonSchema};
/// use widget_agent::{Handler, Payload, TaskContext, TaskError, schema_of};
///
/// struct Reindex;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Books {
///     /// At least one of them.
///     #[schemars(length(min = 1))]
///     shelves: Vec<String>,
/// }
///
/// impl Handler for Reindex {
///     const KIND: &str = "reindex";
///     type Input = Books;
///     type Output = usize;
///
///     async fn run(&self, _cx: TaskContext, input: Books) -> Result<usize, TaskError> {
///         Ok(input.shelves.len())
///     }
///
///     fn schema(&self) -> Option<Payload> {
///         Some(schema_of::<Books>())
///     }
/// }
/// ```
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Payload {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    Payload::from_json_text(schema.as_value().to_string())
}

impl AnyHandler {
    /// Says that its input looks like `T`. See [`schema_of`].
    #[must_use]
    pub fn with_schema<T: JsonSchema>(self) -> Self {
        self.schema(schema_of::<T>())
    }
}

impl AgentBuilder {
    /// Adds a closure that runs one kind of task, and tells the server what its input looks like.
    /// Else as [`on`](Self::on).
    ///
    /// ```
    /// use serde::Deserialize;
    /// use widget_agent::Agent;
    /// use widget_agent::schemars::{self, JsonSchema};
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Books { shelf: String }
    ///
    /// let agent = Agent::builder()
    ///     .on_with_schema("reindex", |_cx, books: Books| async move { Ok(books.shelf.len()) });
    /// # drop(agent);
    /// ```
    pub fn on_with_schema<F, I, O, Fut>(self, kind: impl Into<String>, run: F) -> Self
    where
        F: Fn(TaskContext, I) -> Fut + Send + Sync + 'static,
        I: DeserializeOwned + JsonSchema + Send + 'static,
        O: Serialize,
        Fut: Future<Output = Result<O, TaskError>> + Send + 'static,
    {
        self.handler(AnyHandler::typed(kind, run).with_schema::<I>())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, from_slice, json};

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its form counts")]
    struct Books {
        first_shelf: Shelf,
        others: Vec<Shelf>,
        #[serde(default)]
        note: Option<String>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its form counts")]
    struct Shelf {
        number: u8,
    }

    #[test]
    fn a_schema_is_in_one_piece_and_says_what_serde_reads() {
        let text = schema_of::<Books>();
        let schema: Value = from_slice(text.as_bytes()).unwrap();
        let shelf = &schema["properties"]["others"]["items"];
        assert_eq!(shelf["required"], json!(["number"]));
        assert_eq!(schema["required"], json!(["first-shelf", "others"]));
        let text = String::from_utf8(text.as_bytes().to_vec()).unwrap();
        assert!(!text.contains("$ref") && !text.contains("$defs"), "{text}");
    }
}
