//! Server and agent are killed with SIGKILL, again and again, at random moments, while tasks come in:
//! nothing that was accepted is lost, nothing runs twice, what reads cancelled or expired has never
//! started, no report is missing or there twice.
//!
//! `WIDGET_KILLS` says how often (200), `WIDGET_SEED` with which random numbers.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that cannot go on has to fail"
)]

use std::thread;
use std::time::{Duration, Instant};

use widget_tests::{Counts, Oracle, Random, Rig, Way, Wish};

/// Who is killed in a cycle.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Server,
    Agent,
    Both,
}

#[test]
fn nothing_is_lost_and_nothing_runs_twice_when_agent_and_server_are_killed() {
    let cycles = std::env::var("WIDGET_KILLS").map_or(200, |count| count.parse().unwrap());
    let seed = Random::seed();
    println!("WIDGET_SEED={seed} WIDGET_KILLS={cycles}");
    let start = Instant::now();
    let (tcp, http) = thread::scope(|scope| {
        let tcp = scope.spawn(|| run(Way::Tcp, cycles / 2, seed));
        let http = scope.spawn(|| run(Way::Http, cycles - cycles / 2, seed ^ 1));
        (tcp.join().unwrap(), http.join().unwrap())
    });
    println!("kill table ({:.0} s)", start.elapsed().as_secs_f64());
    println!("tcp  {:>5} kills {tcp}", cycles / 2);
    println!("http {:>5} kills {http}", cycles - cycles / 2);
    let both = tcp.and(http);
    println!("both {cycles:>5} kills {both}");
    both.assert_kept();
}

/// Kills so often over this way, on the same files.
fn run(way: Way, cycles: u64, seed: u64) -> Counts {
    let mut random = Random::new(seed);
    let mut rig = Rig::running(way, 100);
    let agent = rig.agent_id();
    let _ = rig.api.reporting(&agent);
    let mut oracle = Oracle::new();
    for cycle in 0..cycles {
        let victim = match (cycle % 10, cycle % 2) {
            (9, _) => Victim::Both,
            (_, 0) => Victim::Server,
            _ => Victim::Agent,
        };
        kill_while_tasks_come_in(&mut rig, &mut oracle, victim, &mut random);
        assert!(oracle.confirm(&rig.api, &agent), "the server takes tasks");
        // Otherwise the next one is killed while the other still recovers.
        if random.below(4) > 0 && !oracle.settle(&rig.api, &agent) {
            break;
        }
    }
    let settled = oracle.settle(&rig.api, &agent);
    // No handler starts later for what has ended.
    rig.kill_agent();
    rig.start_agent();
    let last = "slow-again";
    oracle.ask(&rig.api, &agent, last, 1);
    let settled = settled && oracle.settle(&rig.api, &agent);
    let mut counts = oracle.check(&rig.api, &rig.journal());
    if !settled {
        counts.broken.push("not all tasks end".to_owned());
    }
    counts.check_reports(&rig.api, &agent);
    counts
}

/// One cycle: tasks are asked for on one thread while somebody is killed from another.
fn kill_while_tasks_come_in(
    rig: &mut Rig,
    oracle: &mut Oracle,
    victim: Victim,
    random: &mut Random,
) {
    let count = 1 + random.below(3);
    let tasks: Vec<(&str, u64, Wish)> = (0..count)
        .map(|_| {
            let (kind, input) = match random.below(8) {
                0 => ("slow-again", random.below(20)),
                1..5 => ("slow", random.below(40)),
                _ => ("quick", 0),
            };
            let wish = match random.below(8) {
                0 => Wish::Cancelled,
                1 => Wish::Soon,
                _ => Wish::Whole,
            };
            (kind, input, wish)
        })
        .collect();
    let pause = random.pause(Duration::from_millis(60));
    let (api, agent) = (rig.api.clone(), rig.agent_id());
    thread::scope(|scope| {
        let asker = scope.spawn(|| {
            for (kind, input, wish) in tasks {
                oracle.ask_for(&api, &agent, kind, input, wish);
            }
        });
        thread::sleep(pause);
        if matches!(victim, Victim::Server | Victim::Both) {
            rig.kill_server();
        }
        if matches!(victim, Victim::Agent | Victim::Both) {
            rig.kill_agent();
        }
        asker.join().unwrap();
    });
    if rig.agent.is_none() {
        oracle.agent_was_killed();
        rig.start_agent();
    }
    if rig.server.is_none() {
        rig.start_server();
    }
}
