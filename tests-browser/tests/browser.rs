//! The page in a real browser, with the real server and real agents.

use thirtyfour::error::WebDriverResult;
use widget_tests_browser::{Look, Page, Site, browse};

const ROW: &str = "table.agents tbody tr";

fn percent(text: &str) -> Option<f64> {
    text.strip_suffix(" %")
        .and_then(|number| number.parse().ok())
}

async fn nothing_to_complain(page: &Page) -> WebDriverResult<()> {
    assert_eq!(page.complaints().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn an_empty_list_says_which_command_to_type() {
    let site = Site::start();
    browse(Look::default(), async move |page| {
        page.go(&site.at("/")).await?;
        page.until("code", |text| {
            text.starts_with("widget-agent --server tcp://")
        })
        .await?;
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn the_list_shows_a_running_agent_with_memory_and_cpu() {
    let site = Site::start();
    let agent = site.agent("one", "role=edge");
    browse(Look::default(), async move |page| {
        page.go(&site.at("/")).await?;
        page.until(&format!("{ROW} .p"), |text| text == "online")
            .await?;
        let memory = page
            .until(&format!("{ROW} .memory"), |text| percent(text).is_some())
            .await?;
        assert!(
            (0.1..=100.0).contains(&percent(&memory).unwrap()),
            "{memory}"
        );
        page.until(&format!("{ROW} .cpu"), |text| percent(text).is_some())
            .await?;
        page.until(&format!("{ROW} .label"), |text| text == "role=edge")
            .await?;
        page.until("[data-count=online]", |text| text == "1")
            .await?;
        assert_eq!(
            page.count(&format!("{ROW}[data-key='{}']", agent.id))
                .await?,
            1
        );
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn the_list_updates_itself() {
    let site = Site::start();
    let first = site.agent("one", "n=1");
    browse(Look::default(), async move |page| {
        page.go(&site.at("/")).await?;
        page.until("[data-count=online]", |text| text == "1")
            .await?;
        page.ask("document.body.mark = 'not reloaded'").await?;
        let second = site.agent("two", "n=2");
        page.until("[data-count=online]", |text| text == "2")
            .await?;
        assert_eq!(
            page.count(&format!("tr[data-key='{}']", second.id)).await?,
            1
        );
        // The time of the latest report moves on; memory and CPU may well stay as they are.
        let reported = "return document.querySelector('table.agents tbody time').dateTime";
        let earlier = page.ask(reported).await?;
        page.until_answer(reported, |later| *later != earlier)
            .await?;
        page.until(".live", |text| text.starts_with("live")).await?;
        assert_eq!(page.ask("return document.body.mark").await?, "not reloaded");
        drop(first);
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn an_update_keeps_what_the_reader_opened_chose_and_typed() {
    let site = Site::start();
    let agent = site.agent("one", "role=edge");
    browse(Look::default(), async move |page| {
        page.go(&site.at("/")).await?;
        page.until("[data-count=online]", |text| text == "1")
            .await?;
        page.write("[data-filter]", "role=db").await?;
        let hidden = "return document.querySelector('tr[data-search]').hidden";
        assert_eq!(page.ask(hidden).await?, true);
        let clock = page.text(".live").await?.unwrap();
        page.until(".live", |text| text != clock).await?;
        assert_eq!(page.ask(hidden).await?, true, "after an update");
        assert_eq!(
            page.ask("return document.activeElement.value").await?,
            "role=db"
        );

        page.go(&site.at(&format!("/agents/{}", agent.id))).await?;
        page.click("[data-dialog=shutdown]").await?;
        let clock = page.text(".live").await?.unwrap();
        page.until(".live", |text| text != clock).await?;
        assert_eq!(
            page.ask("return document.querySelector('dialog').open")
                .await?,
            true
        );
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn shutting_down_ends_the_process_and_the_task_reads_succeeded() {
    let site = Site::start();
    let mut agent = site.agent("one", "role=edge");
    browse(Look::default(), async move |page| {
        page.go(&site.at("/")).await?;
        page.until(&format!("{ROW} .p"), |text| text == "online")
            .await?;
        page.click(&format!("{ROW} .host")).await?;
        page.until("h1", |text| !text.is_empty()).await?;
        page.click("[data-dialog=shutdown]").await?;
        page.until("dialog h2", |text| text.starts_with("Shut down "))
            .await?;
        page.click("dialog .go").await?;
        let status = agent.program.exit();
        assert_eq!(status.code(), Some(0), "{status}");
        page.until("table.tasks .s", |text| text == "succeeded")
            .await?;
        page.until("main > .bar .p", |text| text == "left").await?;
        page.click("table.tasks summary").await?;
        let timeline = page
            .until(".timeline", |text| text.contains("succeeded"))
            .await?;
        for state in ["queued", "leased", "running"] {
            assert!(timeline.contains(state), "{state} in {timeline}");
        }
        assert!(timeline.contains("(page)"), "{timeline}");
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn shutting_down_works_without_any_script() {
    let site = Site::start();
    let mut agent = site.agent("one", "role=edge");
    browse(
        Look {
            script: false,
            ..Look::default()
        },
        async move |page| {
            let address = site.at(&format!("/agents/{}", agent.id));
            // Nothing updates itself here, so the page is asked for until the agent is there.
            while page.count("[data-dialog=shutdown]").await? == 0 {
                page.go(&address).await?;
            }
            page.click("[data-dialog=shutdown]").await?;
            page.until("h1", |text| text.starts_with("Shut down "))
                .await?;
            page.click("button.go").await?;
            let status = agent.program.exit();
            assert_eq!(status.code(), Some(0), "{status}");
            page.go(&address).await?;
            page.until("table.tasks .s", |text| text == "succeeded")
                .await?;
            Ok(())
        },
    )
    .await;
}

#[tokio::test]
async fn what_a_hostile_agent_says_is_text() {
    let site = Site::start();
    let hostile = "x=<script>document.title='owned'</script><img src=y onerror=alert(1)>";
    let agent = site.agent("one", hostile);
    browse(Look::default(), async move |page| {
        for path in ["/".to_owned(), format!("/agents/{}", agent.id)] {
            page.go(&site.at("/")).await?;
            page.until("[data-count=online]", |text| text == "1")
                .await?;
            page.go(&site.at(&path)).await?;
            page.until(".label", |text| text.contains("<script>document.title"))
                .await?;
            assert_eq!(page.count("script").await?, 1, "only the page's own");
            assert_eq!(page.count("img[src=y]").await?, 0);
            assert_ne!(page.ask("return document.title").await?, "owned");
        }
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn the_chart_can_be_read_with_the_keyboard() {
    let site = Site::start();
    let agent = site.agent("one", "role=edge");
    browse(Look::default(), async move |page| {
        page.go(&site.at("/")).await?;
        page.until(&format!("{ROW} .memory"), |text| percent(text).is_some())
            .await?;
        page.go(&site.at(&format!("/agents/{}", agent.id))).await?;
        page.until(".chart.mem .figures .now", |text| text.contains('%'))
            .await?;
        page.write(".chart.mem .plot", "\u{e010}").await?; // the key End
        let read = page
            .until(".chart.mem .read", |text| text.contains("iB)"))
            .await?;
        assert_eq!(read.matches(':').count(), 2, "a time to the second: {read}");
        nothing_to_complain(&page).await
    })
    .await;
}

#[tokio::test]
async fn nothing_is_wider_than_a_phone() {
    let site = Site::start();
    let long = format!("site={}", "long".repeat(12));
    let agent = site.agent("one", &long);
    browse(
        Look {
            width: 375,
            ..Look::default()
        },
        async move |page| {
            page.go(&site.at("/")).await?;
            page.until("[data-count=online]", |text| text == "1")
                .await?;
            let shown = format!("/agents/{}", agent.id);
            let asks = format!("{shown}/shutdown");
            for path in ["/", &shown, &asks, "/tasks", "/?q=nobody", "/audit", "/sign-in"] {
                page.go(&site.at(path)).await?;
                let wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(page.ask(wide).await?, 0, "{path}");
        }
            nothing_to_complain(&page).await
        },
    )
    .await;
}

async fn background_is(dark: bool, wanted: fn(u64) -> bool) {
    let site = Site::start();
    browse(
        Look {
            dark,
            ..Look::default()
        },
        async move |page| {
            page.go(&site.at("/")).await?;
            let script =
                "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)";
            let color = page.ask(script).await?;
            let parts: Vec<u64> = color
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|part| part.as_u64())
                .collect();
            assert!(
                parts.len() == 3 && parts.iter().all(|part| wanted(*part)),
                "{color}"
            );
            nothing_to_complain(&page).await
        },
    )
    .await;
}

#[tokio::test]
async fn it_is_dark_for_those_who_like_it_dark() {
    background_is(true, |part| part < 64).await;
}

#[tokio::test]
async fn it_is_light_for_the_others() {
    background_is(false, |part| part > 192).await;
}
