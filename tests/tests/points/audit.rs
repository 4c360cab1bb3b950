//! What was done and its entries in the audit list, while the server is killed at each of its syncs and writes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tempfile::TempDir;
use widget_tests::{Rig, Strace, Way};

use crate::{SYNCS, WRITES, all};

/// How often something was done to what is named so: `task.create` to a task, and so on.
type Done = BTreeMap<(String, String), u64>;

/// A server, an agent that is off, and a token by which others join.
struct Site {
    rig: Rig,
    agent: String,
    join: String,
}

impl Site {
    fn new() -> Self {
        let mut rig = Rig::running(Way::Tcp, 3_600_000);
        let agent = rig.agent_id();
        let _ = rig.api.reporting(&agent);
        // From here on its tasks stay queued.
        rig.kill_agent();
        let asked = json!({"uses": 10_000, "ttl_seconds": 3_600.0});
        let (status, made) = rig.api.post("/api/v1/join-tokens", &asked);
        assert_eq!(status, 201, "{made}");
        let join = made["join"].as_str().unwrap().split('.').nth(1).unwrap();
        Self {
            agent,
            join: join.to_owned(),
            rig,
        }
    }

    /// Does one of each thing. Nothing if the server has ended in between.
    fn act(&self, number: u32) -> Option<()> {
        let post = |path: &str, body: Value| {
            let (status, answer) = self.rig.api.try_post(path, &body)?;
            assert!(status < 300, "{path}: {answer}");
            Some(answer)
        };
        let agent = format!("/api/v1/agents/{}", self.agent);
        let queue = || post(&format!("{agent}/tasks"), json!({"kind": "quick"}));
        let task = queue()?;
        let id = task["id"].as_str().unwrap();
        let _ = post(&format!("/api/v1/tasks/{id}/cancel"), Value::Null)?;
        for _ in 0..2 {
            let _ = queue()?;
        }
        let _ = post(&format!("{agent}/purge"), Value::Null)?;
        let _ = queue()?;
        let token = post("/api/v1/tokens", json!({"name": "one"}))?;
        let revoke = format!("/api/v1/tokens/{}", token["token"]["number"]);
        assert_eq!(self.rig.api.try_delete(&revoke)?, 204);
        self.enrol(number)
    }

    /// An agent joins, as docs/http.md has it.
    fn enrol(&self, number: u32) -> Option<()> {
        let secret = format!("{number:0>42}A");
        let hello = json!({
            "versions": [2, 2], "codecs": [3], "seen": null, "extras": [],
            "agent": "0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d",
            "epoch": "0191e7a4-7c1d-7bb3-9f2e-000000000001", "credential": {"secret": secret},
        });
        let enrol = json!({"enrol": {"token": self.join, "extras": [], "hello": hello}});
        let url = format!("http://{}/agent/v2/enrol", self.rig.http());
        match ureq::post(url).send_json(enrol) {
            Ok(_) => Some(()),
            Err(ureq::Error::StatusCode(status)) => panic!("not let in: {status}"),
            Err(_) => None,
        }
    }

    fn items(&self, path: &str) -> Vec<Value> {
        let (status, list) = self.rig.api.get(path);
        assert_eq!(
            (status, &list["next"]),
            (200, &Value::Null),
            "all in one part"
        );
        list["items"].as_array().unwrap().clone()
    }

    /// What the rows say that was done.
    fn effects(&self) -> Done {
        let mut done = Done::new();
        let mut did = |action: &str, target: String, often: u64| {
            if often > 0 {
                done.insert((action.to_owned(), target), often);
            }
        };
        for task in self.items("/api/v1/tasks?limit=1000") {
            let id = task["id"].as_str().unwrap();
            did("task.create", id.to_owned(), 1);
            let is_cancelled = task["state"] == "cancelled";
            did("task.cancel", id.to_owned(), is_cancelled.into());
        }
        for token in self.items("/api/v1/tokens?limit=1000") {
            let name = format!("token:{}", token["number"]);
            did("token.create", name.clone(), 1);
            let is_revoked = !token["revoked"].is_null();
            did("token.revoke", name.clone(), is_revoked.into());
            if let Some(left) = token["uses_left"].as_u64() {
                did("agent.enrol", name, 10_000 - left);
            }
        }
        done
    }

    /// What the audit list says that was done.
    fn entries(&self) -> Done {
        let mut done = Done::new();
        for line in self.rig.api.text("/api/v1/audit/export").lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            let action = entry["action"].as_str().unwrap().to_owned();
            let target = match &*action {
                // Of an agent that has joined the token knows.
                "agent.enrol" => format!("token:{}", entry["token"]),
                _ => entry["target"].as_str().unwrap().to_owned(),
            };
            *done.entry((action, target)).or_default() += 1;
        }
        done
    }

    fn compare(&self, place: &str) {
        let (effects, entries) = (self.effects(), self.entries());
        let alone: Vec<_> = effects
            .iter()
            .filter(|done| entries.get(done.0) != Some(done.1))
            .chain(
                entries
                    .iter()
                    .filter(|done| effects.get(done.0) != Some(done.1)),
            )
            .collect();
        assert!(
            alone.is_empty(),
            "{place}: one without the other: {alone:?}"
        );
    }
}

/// Kills the server at one call after the other until it gets through. How often it was hit.
fn walk(calls: &str, step: usize) -> u32 {
    let (mut site, logs) = (Site::new(), TempDir::new().unwrap());
    let step = if all() { 1 } else { step };
    let mut hit = 0;
    for number in (1..).step_by(step) {
        let names = ["widget.db", "widget.db-wal", "widget.db-journal"];
        let files = names.map(|name| site.rig.data().join(name));
        let strace = Strace::new(calls, files, &logs.path().join("strace")).kill_at(number);
        site.rig.kill_server();
        let command = strace.around(&site.rig.server_command());
        let is_through = site.rig.start_server_as(command) && site.act(number).is_some();
        site.rig.kill_server();
        site.rig.start_server();
        site.compare(&format!("{calls} {number}"));
        if is_through {
            break;
        }
        hit += 1;
    }
    hit
}

#[test]
fn a_crash_between_effect_and_entry_is_impossible() {
    let syncs = walk(SYNCS, 1);
    let writes = walk(WRITES, 11);
    println!("effects and entries: killed at {syncs} syncs and {writes} writes");
    // Each of the nine things that are done is synced by itself.
    assert!(syncs >= 9 && writes >= 9, "{syncs} {writes}");
}
