//! The API as a program asks it, over a real socket.

use serde_json::Value;

use crate::program::until;

/// A server's API.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    client: ureq::Agent,
}

impl Api {
    /// The API at `http://host:port`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(std::time::Duration::from_secs(10)))
            .build();
        Self {
            base: base.to_owned(),
            client: config.into(),
        }
    }

    /// `http://host:port`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Status and JSON of a GET.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn get(&self, path: &str) -> (u16, Value) {
        let mut answer = self
            .client
            .get(format!("{}{path}", self.base))
            .call()
            .expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_json().unwrap_or_default())
    }

    /// Text of a GET.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn text(&self, path: &str) -> String {
        let mut answer = self
            .client
            .get(format!("{}{path}", self.base))
            .call()
            .expect("an answer");
        answer.body_mut().read_to_string().expect("text")
    }

    /// Status and JSON of a POST; without a body if that is null.
    ///
    /// # Panics
    /// If there is no answer.
    #[must_use]
    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.base));
        let answer = if body.is_null() {
            request.send_empty()
        } else {
            request.send_json(body)
        };
        let mut answer = answer.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.body_mut().read_json().unwrap_or_default())
    }

    /// One agent, once it has reported at least once.
    #[must_use]
    pub fn reporting(&self, agent: &str) -> Value {
        until("a first report", || {
            let (_, body) = self.get(&format!("/api/v1/agents/{agent}"));
            (!body["latest"].is_null()).then_some(body)
        })
    }

    /// The numbers of the newest reports of an agent, oldest first.
    #[must_use]
    pub fn seqs(&self, agent: &str) -> Vec<u64> {
        let (_, body) = self.get(&format!("/api/v1/agents/{agent}/reports?limit=10000"));
        let items = body["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter_map(|report| report["seq"].as_u64())
            .collect()
    }
}
