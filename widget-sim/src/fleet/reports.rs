//! What is asserted of reports.

use std::collections::BTreeMap;

use widget_core::store::{ReportQuery, StoredReport};
use widget_core::time::Timestamp;

use super::Fleet;

impl Fleet {
    /// The reports of an agent that the server has, in the order in which they came.
    ///
    /// # Panics
    /// If the store cannot be asked.
    pub async fn reports(&self, agent: usize) -> Vec<StoredReport> {
        let all = ReportQuery {
            agent: Some(self.id(agent)),
            from: Timestamp::from_millis(0),
            to: Timestamp::from_millis(i64::MAX),
            before: None,
            limit: usize::MAX,
        };
        let mut reports = match self.stores().reports.reports(&all).await {
            Ok(reports) => reports,
            Err(error) => panic!("the store says: {error}"),
        };
        reports.sort_by_key(|row| row.number);
        reports
    }

    /// Of what an agent reported, as far as the server has heard, nothing is there twice, and nothing is
    /// missing but what the server knows to have been dropped. [Settle](Self::settle) first.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_no_report_is_missing(
        &self,
        agent: usize,
    ) -> impl Future<Output = ()> + Send + 'static {
        let claim = self.claim();
        async move {
            let fleet = &claim.fleet;
            let (host, id) = (fleet.host(agent), fleet.id(agent));
            let reports = fleet.reports(agent).await;
            let latest = fleet.stores().reports.latest(&[id]).await;
            let dropped: u64 = latest.map_or(0, |latest| latest.iter().map(|l| l.dropped).sum());
            if reports.is_empty() && dropped == 0 {
                claim.fail(&format!("the server has no report of {host}"));
            }
            let mut seen = BTreeMap::new();
            let (mut missing, mut last) = (0, 0);
            for row in &reports {
                let seq = row.report.seq;
                // What was thinned stands for others, at the time of one of them.
                if let Some(before) = seen.insert((row.report.at, seq), row.number) {
                    claim.fail(&format!(
                        "the server has report {seq} of {host} twice, as its numbers {before} and {}",
                        row.number
                    ));
                }
                // A number that does not rise is of another memory of the agent.
                missing += if seq > last { seq - last - 1 } else { seq - 1 };
                last = seq;
            }
            if missing > dropped {
                claim.fail(&format!(
                    "of the reports of {host} {missing} are missing, and {dropped} are known to be dropped"
                ));
            }
        }
    }
}
