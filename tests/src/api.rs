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
        self.try_get(path).expect("an answer")
    }

    /// The same of a server that may end in the middle: nothing if there is no whole answer.
    #[must_use]
    pub fn try_get(&self, path: &str) -> Option<(u16, Value)> {
        let answer = self.client.get(format!("{}{path}", self.base)).call();
        let mut answer = answer.ok()?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&body).unwrap_or_default()))
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
        self.try_post(path, body).expect("an answer")
    }

    /// The same of a server that may end in the middle: nothing if there is no whole answer.
    #[must_use]
    pub fn try_post(&self, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self.client.post(format!("{}{path}", self.base));
        let answer = if body.is_null() {
            request.send_empty()
        } else {
            request.send_json(body)
        };
        let mut answer = answer.ok()?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().ok()?;
        Some((status, serde_json::from_str(&body).unwrap_or_default()))
    }

    /// Status of a DELETE to a server that may end in the middle: nothing if there is no answer.
    #[must_use]
    pub fn try_delete(&self, path: &str) -> Option<u16> {
        let answer = self.client.delete(format!("{}{path}", self.base)).call();
        Some(answer.ok()?.status().as_u16())
    }

    /// Queues a task and gives its id.
    ///
    /// # Panics
    /// If the server does not take it.
    #[must_use]
    pub fn queue(&self, agent: &str, task: &Value) -> String {
        let (status, body) = self.post(&format!("/api/v1/agents/{agent}/tasks"), task);
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().expect("an id").to_owned()
    }

    /// A task as it is now.
    #[must_use]
    pub fn task(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/tasks/{id}")).1
    }

    /// A task once it is in this state.
    pub fn task_in(&self, id: &str, state: &str) -> Value {
        until(&format!("task {id} to be {state}"), || {
            let task = self.task(id);
            (task["state"] == state).then_some(task)
        })
    }

    /// A task once it has ended.
    pub fn ended(&self, id: &str) -> Value {
        until(&format!("the end of task {id}"), || {
            let (_, task) = self.get(&format!("/api/v1/tasks/{id}?wait=5"));
            (!task["outcome"].is_null()).then_some(task)
        })
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
