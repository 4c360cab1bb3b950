//! The page of a server that other hosts reach: over https, with a token, and what the audit list then says.

use thirtyfour::error::WebDriverResult;
use widget_tests_browser::{Look, Page, Site, browse};

/// A server with an authority that no browser knows.
const TRUSTING: Look = Look {
    width: 1_440,
    dark: false,
    script: true,
    trusting: true,
};

async fn sign_in(page: &Page, token: &str) -> WebDriverResult<()> {
    page.until("h1", |text| text == "Sign in").await?;
    page.write("[name=token]", token).await?;
    page.click("button.go").await
}

/// Of the newest entry who did what.
async fn newest(page: &Page) -> WebDriverResult<(String, String)> {
    let who = page.until("table.audit tbody tr td:nth-child(2)", |text| {
        !text.is_empty()
    });
    let who = who.await?;
    let what = page.until("table.audit tbody tr td:nth-child(3)", |text| {
        !text.is_empty()
    });
    Ok((who, what.await?))
}

#[tokio::test]
async fn whoever_signs_in_is_in_the_audit_list_and_out_once_they_sign_out() {
    let site = Site::exposed();
    assert!(site.address.starts_with("https://"), "{}", site.address);
    let token = site.token("alice", "admin");
    browse(TRUSTING, async move |page| {
        page.go(&site.at("/audit")).await?;
        sign_in(&page, &token).await?;
        // Back where they wanted to go.
        page.until("h1", |text| text == "Audit").await?;
        let (who, what) = newest(&page).await?;
        assert!(
            who.starts_with("token:alice") && who.contains("127.0.0."),
            "{who}"
        );
        assert_eq!(what, "sign_in");
        page.until("header .who bdi", |text| text == "token:alice")
            .await?;
        page.until(".live", |text| text.starts_with("live")).await?;
        // Scripts do not see what the browser keeps.
        assert_eq!(page.ask("return document.cookie").await?, "");
        assert_eq!(page.complaints().await?, Vec::<String>::new());

        page.click("header .who button").await?;
        page.until("h1", |text| text == "Sign in").await?;
        page.go(&site.at("/audit")).await?;
        sign_in(&page, &token).await?;
        page.until("h1", |text| text == "Audit").await?;
        // Who comes back within a minute is not written down a second time.
        let (_, what) = newest(&page).await?;
        assert_eq!(what, "sign_out");
        assert_eq!(page.complaints().await?, Vec::<String>::new());
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn what_was_wrong_with_a_token_stays_to_be_read_and_so_does_the_way_on() {
    let site = Site::exposed();
    let token = site.token("alice", "viewer");
    browse(TRUSTING, async move |page| {
        page.go(&site.at("/tasks")).await?;
        sign_in(&page, "nonsense").await?;
        page.until("[role=alert]", |text| text.contains("no token"))
            .await?;
        // What a page does now and then, and whenever it is looked at again.
        let asks = "let asks = 0; const real = window.fetch;
            window.fetch = (...what) => { asks += 1; return real(...what); };
            document.dispatchEvent(new Event('visibilitychange')); return asks";
        assert_eq!(page.ask(asks).await?, 0);
        assert_eq!(page.count("[role=alert]").await?, 1);
        sign_in(&page, &token).await?;
        page.until("h1", |text| text == "Tasks").await?;
        assert_eq!(page.ask(asks).await?, 1);
        // The audit list is not for viewers.
        assert_eq!(page.count("nav a[href='/audit']").await?, 0);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn signing_in_works_without_any_script() {
    let site = Site::exposed();
    let token = site.token("alice", "admin");
    let look = Look {
        script: false,
        ..TRUSTING
    };
    browse(look, async move |page| {
        page.go(&site.at("/audit")).await?;
        sign_in(&page, &token).await?;
        page.until("h1", |text| text == "Audit").await?;
        page.click("header .who button").await?;
        page.until("h1", |text| text == "Sign in").await?;
        Ok(())
    })
    .await;
}
