//! Tasks on the page in a real browser: why one is where it is, giving one up, giving all up.
#![allow(clippy::unwrap_used, clippy::panic)] // a failing test is what it is for

use std::process::Command;

use thirtyfour::error::WebDriverResult;
use widget_tests_browser::{Agent, Look, Page, Site, browse};

const WITHOUT_SCRIPT: Look = Look {
    width: 1_440,
    dark: false,
    script: false,
    trusting: false,
};

async fn nothing_to_complain(page: &Page) -> WebDriverResult<()> {
    assert_eq!(page.complaints().await?, Vec::<String>::new());
    Ok(())
}

/// Queues a task over the API and gives its id.
fn queue(site: &Site, agent: &Agent, body: &str) -> String {
    let answer = Command::new("curl")
        .args(["--silent", "--fail-with-body", "-H"])
        .args(["content-type: application/json", "-d", body])
        .arg(site.at(&format!("/api/v1/agents/{}/tasks", agent.id)))
        .output()
        .unwrap();
    let text = String::from_utf8(answer.stdout).unwrap();
    let id = text
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.get(..36));
    id.unwrap_or_else(|| panic!("{text}")).to_owned()
}

/// An agent that the server knows and that is gone.
async fn gone(page: &Page, home: String, mut agent: Agent) -> WebDriverResult<Agent> {
    page.go(&home).await?;
    // Nothing updates itself without a script.
    while page.text(".memory").await?.is_none() {
        page.go(&home).await?;
    }
    agent.program.end();
    Ok(agent)
}

async fn explains_and_cancels(look: Look) {
    let site = Site::start();
    browse(look, async move |page| {
        let agent = gone(&page, site.at("/"), site.agent("one", "role=edge")).await?;
        let later = r#"{"kind": "shutdown", "input": {"why": "<b>test</b>"}, "ordering_key": "disk",
            "priority": 3, "timeout_seconds": 5, "not_before": "NOT"}"#;
        let soon = "2026-01-01T00:00:00Z";
        let task = queue(&site, &agent, &later.replace("NOT", soon));
        page.go(&site.at(&format!("/agents/{}", agent.id))).await?;
        page.click("table.tasks a.kind").await?;
        let sentence = page
            .until(".sentence", |text| text.starts_with("Waits"))
            .await?;
        assert!(sentence.contains("agent"), "{sentence}");
        let facts = page.text(".facts").await?.unwrap();
        for fact in ["priority\n3", "ordering key\ndisk", "timeout\n5 s"] {
            assert!(facts.contains(fact), "{fact:?} in {facts:?}");
        }
        let input = page.text("section[aria-labelledby=input] pre").await?;
        assert_eq!(input.as_deref(), Some(r#"{"why": "<b>test</b>"}"#));
        assert_eq!(page.count("pre b").await?, 0);
        page.click("main form button.danger").await?;
        page.until("main > .bar .s", |text| text == "cancelled")
            .await?;
        let sentence = page.text(".sentence").await?.unwrap();
        assert!(sentence.starts_with("Cancelled at "), "{sentence}");
        let timeline = page.text(".timeline").await?.unwrap();
        assert!(timeline.contains("cancel was asked for by page"));
        assert!(timeline.contains("(api)") && timeline.contains("(page)"));
        assert_eq!(
            page.count("main form").await?,
            0,
            "nothing is left to cancel"
        );
        drop(task);
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn a_task_says_why_it_waits_and_can_be_cancelled() {
    explains_and_cancels(Look::default()).await;
}

#[tokio::test]
async fn a_task_says_why_it_waits_and_can_be_cancelled_without_any_script() {
    explains_and_cancels(WITHOUT_SCRIPT).await;
}

async fn purges(look: Look) {
    let site = Site::start();
    browse(look, async move |page| {
        let agent = gone(&page, site.at("/"), site.agent("one", "role=edge")).await?;
        for _ in 0..3 {
            queue(&site, &agent, r#"{"kind": "shutdown"}"#);
        }
        page.go(&site.at(&format!("/agents/{}", agent.id))).await?;
        page.click("[data-dialog=purge]").await?;
        let button = if look.script {
            "dialog#purge .go"
        } else {
            "main .go"
        };
        page.until(button, |text| text == "Cancel all queued")
            .await?;
        page.click(button).await?;
        page.until("main .banner", |text| text == "Cancelled: 3 tasks.")
            .await?;
        assert_eq!(page.count("table.tasks .s.cancelled").await?, 3);
        assert_eq!(page.count("[data-dialog=purge]").await?, 0, "nothing waits");
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn all_that_waits_for_an_agent_can_be_cancelled() {
    purges(Look::default()).await;
}

#[tokio::test]
async fn all_that_waits_for_an_agent_can_be_cancelled_without_any_script() {
    purges(WITHOUT_SCRIPT).await;
}

#[tokio::test]
async fn the_page_of_a_task_is_not_wider_than_a_phone() {
    let site = Site::start();
    let look = Look {
        width: 375,
        ..Look::default()
    };
    browse(look, async move |page| {
        let agent = gone(&page, site.at("/"), site.agent("one", "role=edge")).await?;
        let long = format!(
            r#"{{"kind": "{}", "input": "{}", "ordering_key": "{}"}}"#,
            "k".repeat(64),
            "x".repeat(3_000),
            "o".repeat(64)
        );
        let task = queue(&site, &agent, &long);
        let asks = format!("/agents/{}/purge", agent.id);
        for path in [&format!("/tasks/{task}"), &asks, &format!("/agents/{}", agent.id)] {
            page.go(&site.at(path)).await?;
            let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(page.ask(wide).await?, 0, "{path}");
        }
        page.go(&site.at(&format!("/tasks/{task}"))).await?;
        let folded = "return document.querySelector('section[aria-labelledby=input] details').open";
        assert_eq!(page.ask(folded).await?, false, "a long input is folded");
        nothing_to_complain(&page).await
    })
    .await;
}
