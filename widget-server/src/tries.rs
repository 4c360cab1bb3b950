//! [`Tries`]: how often an address may show what is not good before it has to wait.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use widget_core::time::Mono;
use widget_core::transport::host_of;

/// So many wrong ones in a row are looked at at once, and then one in each pause.
const BURST: u32 = 10;
const PAUSE: Duration = Duration::from_secs(10);
/// Of so many addresses it is known; the one that was wrong longest ago is forgotten first.
const KEPT: usize = 4_096;

/// Wrong tokens, by the address they came from. Right ones from there wait too: whoever guesses may be
/// behind the same address as others, and must not learn from who waits.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    rows: Mutex<BTreeMap<IpAddr, Row>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    wrong: u32,
    last: Mono,
}

impl Tries {
    /// How long that address has to wait before something of it is looked at; none if not at all.
    pub(crate) fn wait(&self, from: IpAddr, now: Mono) -> Option<Duration> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.get(&host_of(from))?;
        if left(row, now) < BURST {
            return None;
        }
        let until = row.last.after(PAUSE);
        Some(until.since(now)).filter(|wait| !wait.is_zero())
    }

    /// Something of that address was not good.
    pub(crate) fn wrong(&self, from: IpAddr, now: Mono) {
        let from = host_of(from);
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= KEPT && !rows.contains_key(&from) {
            let oldest = rows.iter().min_by_key(|(_, row)| row.last);
            if let Some(oldest) = oldest.map(|(from, _)| *from) {
                rows.remove(&oldest);
            }
        }
        let row = rows.entry(from).or_insert(Row {
            wrong: 0,
            last: now,
        });
        row.wrong = left(row, now).saturating_add(1).min(BURST);
        row.last = now;
    }
}

/// How many wrong ones still count: one less with each pause.
fn left(row: &Row, now: Mono) -> u32 {
    let pauses = now.since(row.last).as_secs() / PAUSE.as_secs();
    // The first pause only lets the next one through.
    let forgiven = u32::try_from(pauses.saturating_sub(1)).unwrap_or(u32::MAX);
    row.wrong.saturating_sub(forgiven)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_start(Duration::ZERO);

    fn ip(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn ten_wrong_ones_in_a_row_make_it_wait() {
        let tries = Tries::default();
        for _ in 0..BURST {
            assert_eq!(tries.wait(ip(1), START), None);
            tries.wrong(ip(1), START);
        }
        assert_eq!(tries.wait(ip(1), START), Some(PAUSE));
        assert_eq!(tries.wait(ip(2), START), None);
        let later = START.after(PAUSE);
        assert_eq!(tries.wait(ip(1), later), None);
        tries.wrong(ip(1), later);
        assert_eq!(tries.wait(ip(1), later), Some(PAUSE));
    }

    #[test]
    fn it_is_forgiven_with_time() {
        let tries = Tries::default();
        (0..BURST).for_each(|_| tries.wrong(ip(1), START));
        let later = START.after(PAUSE * 20);
        (0..BURST).for_each(|_| {
            assert_eq!(tries.wait(ip(1), later), None);
            tries.wrong(ip(1), later);
        });
        assert!(tries.wait(ip(1), later).is_some());
    }

    #[test]
    fn only_so_many_addresses_are_kept() {
        let tries = Tries::default();
        let kept = u32::try_from(KEPT).unwrap();
        for n in 0..kept + 5 {
            tries.wrong(ip(n), START.after(Duration::from_secs(n.into())));
        }
        let rows = tries.rows.lock().unwrap();
        assert_eq!(rows.len(), KEPT);
        assert!(!rows.contains_key(&ip(0)) && rows.contains_key(&ip(kept + 4)));
    }
}
