//! Sampling, submitting, and what happens to reports when the server fails.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use widget_agent::widget_core::message::{RefusalReason, Response};
use widget_agent::{Probe, Sample};

use crate::server::Server;
use crate::spool::{Disk, Refuses};
use crate::{builder, start};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_first_report_comes_after_the_warm_up_and_then_one_each_interval() {
    let server = Server::new();
    let begin = Instant::now();
    let (_agent, _handle) = start(builder(&server));
    for seq in 1..=4_u64 {
        let submit = server.submits.next().await;
        let late = begin.elapsed() - Duration::from_millis(200 + (seq - 1) * 1_000);
        assert!(late < Duration::from_millis(10), "{seq}: {late:?}");
        assert_eq!((submit.command.after, submit.seqs()), (seq - 1, vec![seq]));
        submit.ack(seq);
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_sent_goes_with_the_next_batch() {
    let server = Server::new();
    let (_agent, handle) = start(builder(&server));
    let first = server.submits.next().await;
    sleep(Duration::from_millis(4_500)).await;
    assert_eq!(handle.status().reports.pending, 5);
    first.ack(1);
    let rest = server.submits.next().await;
    assert_eq!((rest.command.after, rest.seqs()), (1, vec![2, 3, 4, 5]));
    rest.ack(5);
    server.submits.next().await;
    let reports = handle.status().reports;
    assert_eq!((reports.acknowledged, reports.dropped), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_acknowledged_is_sent_again_after_a_reconnect() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server));
    let submit = server.submits.next().await;
    assert_eq!(submit.seqs(), [1]);
    server.cut();
    let again = server.submits.next().await;
    assert_eq!((again.command.after, again.seqs()[0]), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_makes_no_extra_reports() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server));
    let begin = Instant::now();
    for _ in 0..5 {
        server.hellos.next().await;
        sleep(SECOND * 3).await;
        server.cut();
    }
    server.hellos.next().await;
    let submit = server.submits.next().await;
    let due = begin.elapsed().as_millis().saturating_sub(200) / 1_000 + 1;
    assert_eq!(submit.seqs().len() as u128, due);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lost_reports_gets_what_is_left_and_the_count_of_the_rest() {
    let server = Server::new();
    let (_agent, handle) = start(builder(&server));
    for seq in 1..=3 {
        server.submits.next().await.ack(seq);
    }
    let fourth = server.submits.next().await;
    assert_eq!(fourth.command.after, 3);
    // It was restored from a backup that ends with the first.
    fourth.ack(1);
    let again = server.submits.next().await;
    assert_eq!((again.command.after, again.command.dropped), (1, 2));
    assert_eq!(again.seqs(), [4]);
    assert_eq!(again.command.through(), 4);
    assert_eq!(handle.status().reports.dropped, 2);
    again.ack(4);
    let next = server.submits.next().await;
    assert_eq!((next.command.after, next.command.dropped), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn of_a_refused_batch_only_the_bad_report_is_dropped() {
    let server = Server::new();
    let (_agent, handle) = start(builder(&server));
    let invalid = || Response::refused(RefusalReason::Invalid, "the second is bad");
    let first = server.submits.next().await;
    sleep(SECOND * 3).await;
    first.ack(1);
    let batch = server.submits.next().await;
    assert_eq!(batch.seqs(), [2, 3, 4]);
    batch.answer(invalid());

    let single = server.submits.next().await;
    assert_eq!(single.seqs(), [2]);
    single.ack(2);
    let bad = server.submits.next().await;
    assert_eq!(bad.seqs(), [3]);
    bad.answer(invalid());
    let single = server.submits.next().await;
    assert_eq!(single.seqs(), [4]);
    assert_eq!((single.command.after, single.command.dropped), (2, 1));
    single.ack(4);
    assert_eq!(server.submits.next().await.seqs(), [5]);
    assert_eq!(handle.status().reports.dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_asked_again_later() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server));
    let submit = server.submits.next().await;
    let asked = Instant::now();
    let retry_after_ms = 700;
    submit.answer(Response::Busy { retry_after_ms });
    let again = server.submits.next().await;
    assert!(asked.elapsed() >= Duration::from_millis(700));
    assert_eq!(again.seqs(), [1]);
}

#[tokio::test(start_paused = true)]
async fn one_submit_is_in_flight_at_a_time() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server));
    let _unanswered = server.submits.next().await;
    server.submits.stays_empty(SECOND * 20).await;
}

#[tokio::test(start_paused = true)]
async fn a_report_can_be_had_at_once_without_moving_the_schedule() {
    let server = Server::new();
    let begin = Instant::now();
    let (_agent, handle) = start(builder(&server));
    server.submits.next().await.ack(1);
    sleep(Duration::from_millis(300)).await;
    handle.report_now();
    server.submits.next().await.ack(2);
    assert!(begin.elapsed() < Duration::from_millis(520));
    server.submits.next().await.ack(3);
    let late = begin.elapsed() - Duration::from_millis(1_200);
    assert!(late < Duration::from_millis(10), "{late:?}");
}

#[tokio::test(start_paused = true)]
async fn a_bad_report_is_refused_here_and_counted() {
    #[derive(Debug)]
    struct OnceBad(bool);

    impl Probe for OnceBad {
        fn measure(&mut self, sample: &mut Sample) {
            if std::mem::replace(&mut self.0, false) {
                sample.average_cpu = f32::NAN;
            }
        }
    }

    let server = Server::new();
    let (_agent, handle) = start(builder(&server).probe(OnceBad(true)));
    let submit = server.submits.next().await;
    assert_eq!(submit.seqs(), [1]);
    assert_eq!(handle.status().reports.dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn gauges_go_along_with_each_report() {
    let server = Server::new();
    let mut depth = 0.0;
    let (_agent, _handle) = start(builder(&server).gauge("queue.depth", move || {
        depth += 1.0;
        depth
    }));
    for seq in 1..=2_u64 {
        let submit = server.submits.next().await;
        let gauges = &submit.command.reports[0].gauges;
        assert_eq!(gauges[..], [("queue.depth".to_owned(), seq as f64)]);
        submit.ack(seq);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_back_is_found_again() {
    let server = Server::new();
    server.set_down(true);
    let (_agent, handle) = start(builder(&server));
    sleep(SECOND * 100).await;
    let status = handle.status();
    assert_eq!((status.transport, status.reports.pending), (None, 100));
    assert!(status.last_error.is_some());
    server.set_down(false);
    let back = Instant::now();
    assert_eq!(server.submits.next().await.command.after, 0);
    assert!(back.elapsed() <= SECOND * 30);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_claims_reports_which_are_still_to_come_gets_them_all_the_same() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server));
    server.submits.next().await.ack(u64::MAX);
    let submit = server.submits.next().await;
    assert_eq!((submit.command.after, submit.seqs()), (1, vec![2]));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_waits_for_its_disk_is_not_counted_as_lost() {
    let server = Server::new();
    let disk = Disk::new();
    disk.set(Refuses::Everything);
    let (_agent, handle) = start(builder(&server).spool(disk.open()));
    sleep(SECOND * 3).await;
    disk.set(Refuses::Nothing);
    let submit = server.submits.next().await;
    assert_eq!(submit.seqs(), [1, 2, 3, 4]);
    submit.ack(4);
    server.submits.next().await;
    let reports = handle.status().reports;
    assert_eq!((reports.acknowledged, reports.dropped), (4, 0));
}
