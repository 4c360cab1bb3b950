//! On which host an agent is, and what is done when there are two of it.

use super::{arrival, read};
use crate::store::{Action, AgentStore, Arrival, Arrived, AuditEntry, CloneMark, HostId, Sighting};
use crate::testkit::fixtures::{NOW, agent, at};

fn host(machine: u8, boot: &str) -> HostId {
    HostId::new([machine; 16], boot)
}

/// The agent arrives so many seconds after the first time.
async fn arrive_on(store: &dyn AgentStore, host: &HostId, secs: i64) -> Arrived {
    let arrival = Arrival {
        host: Some(host.clone()),
        at: at(secs),
        ..arrival(1)
    };
    store.arrive(&arrival).await.unwrap()
}

fn released(secs: i64) -> AuditEntry {
    AuditEntry::new(at(secs), "alice", "here", Action::AgentRelease, "agent")
}

/// Who does not say where it is, is nowhere in particular.
pub async fn an_arrival_without_a_host_says_nothing_of_it(store: &dyn AgentStore) {
    let first = host(1, "a");
    assert_eq!(
        arrive_on(store, &first, 0).await.sighting,
        Some(Sighting::Same)
    );
    let arrived = store.arrive(&arrival(1)).await.unwrap();
    assert_eq!((arrived.sighting, arrived.record.cloned), (None, None));
    let again = arrive_on(store, &first, 1).await;
    assert_eq!(again.sighting, Some(Sighting::Same));
}

/// A machine that starts anew is the same one.
pub async fn a_reboot_is_no_clone(store: &dyn AgentStore) {
    for (boot, sighting) in [("a", Sighting::Same), ("b", Sighting::Rebooted)] {
        let arrived = arrive_on(store, &host(1, boot), 0).await;
        assert_eq!(arrived.sighting, Some(sighting));
        assert_eq!(arrived.record.cloned, None);
    }
}

/// Another machine is a move after a silence or a goodbye.
pub async fn a_move_is_no_clone(store: &dyn AgentStore) {
    arrive_on(store, &host(1, "a"), 0).await;
    let moved = arrive_on(store, &host(2, "a"), 90).await;
    assert_eq!(moved.sighting, Some(Sighting::Moved));
    store.leave(agent(1), at(91)).await.unwrap();
    let moved = arrive_on(store, &host(3, "a"), 92).await;
    assert_eq!(moved.sighting, Some(Sighting::Moved));
    assert_eq!(moved.record.cloned, None);
}

/// Another machine while the agent is heard from elsewhere marks it, and the mark stays.
pub async fn two_machines_at_once_mark_the_agent(store: &dyn AgentStore) {
    let hosts = [host(1, "a"), host(2, "b")];
    arrive_on(store, &hosts[0], 0).await;
    store.seen(&[(agent(1), at(50))]).await.unwrap();
    let two = arrive_on(store, &hosts[1], 100).await;
    assert_eq!(two.sighting, Some(Sighting::Clone));
    let mark = CloneMark {
        since: at(100),
        hosts: hosts.clone(),
    };
    assert_eq!(two.record.cloned, Some(mark.clone()));
    for (number, host) in hosts.iter().chain([&host(3, "c")]).enumerate() {
        let secs = 101 + i64::try_from(number).unwrap();
        let again = arrive_on(store, host, secs).await;
        assert_eq!(again.sighting, Some(Sighting::Clone));
        assert_eq!(again.record.cloned, Some(mark.clone()));
    }
    store.arrive(&arrival(1)).await.unwrap();
    assert_eq!(read(store, agent(1)).await.cloned, Some(mark));
}

/// However long the other was silent: a start of a machine does not come back after another.
pub async fn a_host_that_comes_back_marks_the_agent(store: &dyn AgentStore) {
    for boot in ["a", "b"] {
        let arrived = arrive_on(store, &host(1, boot), 0).await;
        assert_eq!(arrived.record.cloned, None);
    }
    let back = arrive_on(store, &host(1, "a"), 10_000).await;
    assert_eq!(back.sighting, Some(Sighting::Clone));
    let hosts = back.record.cloned.unwrap().hosts;
    assert_eq!(hosts, [host(1, "b"), host(1, "a")]);
}

/// Only the last hosts are kept, so that an agent in containers does not make its row ever longer.
pub async fn a_host_of_long_ago_is_forgotten(store: &dyn AgentStore) {
    for boot in 0..=Sighting::KEPT {
        arrive_on(store, &host(1, &boot.to_string()), 0).await;
    }
    let forgotten = arrive_on(store, &host(1, "0"), 1).await;
    assert_eq!(forgotten.sighting, Some(Sighting::Rebooted));
    let known = arrive_on(store, &host(1, "2"), 1).await;
    assert_eq!(known.sighting, Some(Sighting::Clone));
}

/// A release takes the mark, once; from then on the other host is a second one again.
pub async fn a_release_takes_the_mark_and_keeps_one_host(store: &dyn AgentStore) {
    let hosts = [host(1, "a"), host(2, "b")];
    assert!(!store.release(agent(1), None, released(0)).await.unwrap());
    for host in &hosts {
        arrive_on(store, host, 0).await;
    }
    let keep = Some(&hosts[0]);
    assert!(store.release(agent(1), keep, released(1)).await.unwrap());
    assert!(!store.release(agent(1), keep, released(1)).await.unwrap());
    assert_eq!(read(store, agent(1)).await.cloned, None);
    let kept = arrive_on(store, &hosts[0], 2).await;
    assert_eq!(kept.sighting, Some(Sighting::Same));
    let other = arrive_on(store, &hosts[1], 3).await;
    assert_eq!(other.sighting, Some(Sighting::Clone));
    assert_eq!(other.record.cloned.unwrap().since, at(3));
    // None kept: it is wherever it comes from next.
    assert!(store.release(agent(1), None, released(4)).await.unwrap());
    let anywhere = arrive_on(store, &host(3, "c"), 4).await;
    assert_eq!(anywhere.sighting, Some(Sighting::Same));
}

/// Hosts are each agent's own, and go with it.
pub async fn hosts_go_with_their_agent(store: &dyn AgentStore) {
    for host in [host(1, "a"), host(2, "b")] {
        arrive_on(store, &host, 0).await;
    }
    let other = Arrival {
        host: Some(host(3, "c")),
        ..arrival(2)
    };
    let other = store.arrive(&other).await.unwrap();
    assert_eq!(other.sighting, Some(Sighting::Same));
    assert!(store.delete_agent(agent(1)).await.unwrap());
    let anew = arrive_on(store, &host(1, "a"), 1).await;
    assert_eq!(anew.sighting, Some(Sighting::Same));
    assert_eq!((anew.record.cloned, anew.record.first_seen), (None, at(1)));
    assert_ne!(anew.record.first_seen, NOW);
}
