//! Chromium without a window, driven by its own driver.

use std::future::Future;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{ChromiumLikeCapabilities, LoggingPrefsLogLevel};

use crate::program::{LIMIT, Program};

/// Quiet, without what a test does not need, and with nothing that leaves this machine.
const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/// How the page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Width of the window, in CSS pixels.
    pub width: u32,
    /// Whether the reader likes it dark.
    pub dark: bool,
    /// Whether scripts run.
    pub script: bool,
    /// Whether an authority that the browser does not know is as good as any, for a server that has made its own.
    pub trusting: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 1_440,
            dark: false,
            script: true,
            trusting: false,
        }
    }
}

/// A browser that looks at one page.
#[derive(Debug, Clone)]
pub struct Page {
    driver: WebDriver,
}

/// Opens a browser, runs the test with it, and closes it again also when the test fails.
///
/// # Panics
/// If there is no browser, and as the test does.
pub async fn browse<F, T>(look: Look, test: F)
where
    F: FnOnce(Page) -> T,
    T: Future<Output = WebDriverResult<()>> + Send + 'static,
{
    let profile = TempDir::new().expect("a directory can be made");
    let program = Program::start(Command::new("chromedriver").arg("--port=0"));
    let port = program.line_after("started successfully on port ");
    let address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
    let driver = WebDriver::new(
        &address,
        capabilities(&profile, look).expect("they are plain"),
    )
    .await
    .expect("the browser starts");
    let page = Page {
        driver: driver.clone(),
    };
    page.emulate(look).await.expect("the browser can be set up");
    // As a task of its own, so that a panic does not keep the browser from being closed.
    let result = tokio::spawn(test(page)).await;
    driver.quit().await.expect("the browser closes");
    match result {
        Ok(result) => result.expect("the browser does what it is asked"),
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn capabilities(profile: &TempDir, look: Look) -> WebDriverResult<Capabilities> {
    let mut capabilities = DesiredCapabilities::chrome();
    capabilities.accept_insecure_certs(look.trusting)?;
    for argument in ARGUMENTS {
        capabilities.add_arg(argument)?;
    }
    capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
    capabilities.set_browser_log_level(LoggingPrefsLogLevel::All)?;
    Ok(capabilities.into())
}

impl Page {
    async fn emulate(&self, look: Look) -> WebDriverResult<()> {
        let cdp = self.driver.cdp();
        let size =
            json!({"width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        cdp.send_raw("Emulation.setDeviceMetricsOverride", size)
            .await?;
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        cdp.send_raw("Emulation.setEmulatedMedia", media).await?;
        let off = json!({"value": !look.script});
        cdp.send_raw("Emulation.setScriptExecutionDisabled", off)
            .await?;
        Ok(())
    }

    /// Goes to an address.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn go(&self, address: &str) -> WebDriverResult<()> {
        self.driver.goto(address).await
    }

    /// The visible text of the first element that this CSS selector finds; none if there is none.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn text(&self, selector: &str) -> WebDriverResult<Option<String>> {
        let found = self.driver.find_all(By::Css(selector)).await?;
        match found.first() {
            // What is patched away meanwhile is looked for again.
            Some(element) => match element.text().await {
                Ok(text) => Ok(Some(text)),
                Err(_) => Ok(None),
            },
            None => Ok(None),
        }
    }

    /// How many elements this CSS selector finds.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn count(&self, selector: &str) -> WebDriverResult<usize> {
        Ok(self.driver.find_all(By::Css(selector)).await?.len())
    }

    /// Clicks on the first element that this CSS selector finds.
    ///
    /// # Errors
    /// What the driver says, also if there is no such element.
    pub async fn click(&self, selector: &str) -> WebDriverResult<()> {
        self.driver.find(By::Css(selector)).await?.click().await
    }

    /// Types into the first element that this CSS selector finds.
    ///
    /// # Errors
    /// What the driver says, also if there is no such element.
    pub async fn write(&self, selector: &str, text: &str) -> WebDriverResult<()> {
        self.driver
            .find(By::Css(selector))
            .await?
            .send_keys(text)
            .await
    }

    /// What a script in the page returns.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn ask(&self, script: &str) -> WebDriverResult<serde_json::Value> {
        Ok(self
            .driver
            .execute(script, Vec::new())
            .await?
            .json()
            .clone())
    }

    /// Waits until a script in the page returns what is wanted.
    ///
    /// # Panics
    /// If that does not come to be.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn until_answer(
        &self,
        script: &str,
        wanted: impl Fn(&serde_json::Value) -> bool + Send,
    ) -> WebDriverResult<()> {
        let start = Instant::now();
        loop {
            let answer = self.ask(script).await?;
            if wanted(&answer) {
                return Ok(());
            }
            assert!(
                start.elapsed() < LIMIT,
                "{script} never gave what was wanted but {answer}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the text of an element is as wanted, and gives it.
    ///
    /// # Panics
    /// If that does not come to be.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn until(
        &self,
        selector: &str,
        wanted: impl Fn(&str) -> bool + Send,
    ) -> WebDriverResult<String> {
        let start = Instant::now();
        loop {
            let text = self.text(selector).await?;
            if let Some(text) = text.as_deref().filter(|text| wanted(text)) {
                return Ok(text.to_owned());
            }
            if start.elapsed() > LIMIT {
                let page = self.text("body").await?;
                panic!("{selector} never read as wanted but {text:?}; the page: {page:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the browser complains of since this was last asked: errors of scripts, violations of
    /// the content security policy, requests that failed.
    ///
    /// # Errors
    /// What the driver says.
    pub async fn complaints(&self) -> WebDriverResult<Vec<String>> {
        let log = self.driver.handle().browser_log().await?;
        Ok(log
            .into_iter()
            .map(|entry| format!("{}: {}", entry.level, entry.message))
            .collect())
    }
}
