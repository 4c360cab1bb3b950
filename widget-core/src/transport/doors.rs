//! [`Doors`]: who has come in by connections of a listener, and who of them has yet to prove who it is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Proxies;
use crate::stop::{Stop, StopSignal};
use crate::time::Mono;

/// How many connections a listener takes that other hosts reach. Addresses of IPv6 count by their
/// first 64 bits, which one host usually has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DoorLimits {
    /// Of those that have not yet proven who they are, in all.
    pub unproven: usize,
    /// The same from one address.
    pub unproven_from_one: usize,
    /// Of all from one address. Many agents may stand behind one.
    pub from_one: usize,
    /// So long an unproven one is not put out for another. An honest one needs milliseconds.
    pub grace: Duration,
}

impl Default for DoorLimits {
    fn default() -> Self {
        Self {
            unproven: 2_048,
            unproven_from_one: 512,
            from_one: 4_096,
            grace: Duration::from_secs(1),
        }
    }
}

/// There is no place, by one of the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// For anybody who has not proven who it is.
    Unproven,
    /// For this address.
    Address,
}

impl Full {
    /// By this word listeners count it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unproven => "full",
            Self::Address => "full_address",
        }
    }
}

/// By this word listeners count whom they have put out for another.
pub const PUT_OUT: &str = "put_out";

/// Who has come in, and who of them has yet to prove who it is.
///
/// Where there is no place among the unproven for one more, the oldest of them is put out if it has had
/// its time: of the newcomer's own address if that has as many as it may, else of the address that
/// has most. So peers that say nothing hold nobody up for longer than that. It knows no clock and no
/// runtime.
///
/// ```
/// use std::sync::Arc;
/// use widget_core::time::Mono;
/// use widget_core::transport::{DoorLimits, Doors, Full};
///
/// let mut limits = DoorLimits::default();
/// limits.unproven_from_one = 1;
/// let doors = Arc::new(Doors::new(limits, None));
/// let (from, now) = ("192.0.2.7".parse().unwrap(), Mono::from_start(std::time::Duration::ZERO));
/// let first = doors.enter(from, now).unwrap();
/// assert_eq!(doors.enter(from, now).unwrap_err(), Full::Address);
/// first.prove();
/// assert!(doors.enter(from, now).is_ok());
/// ```
#[derive(Debug)]
pub struct Doors {
    limits: DoorLimits,
    /// Behind one of these are many.
    proxies: Option<Proxies>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the next one to come.
    next: u64,
    unproven: BTreeMap<u64, Unproven>,
    from: BTreeMap<IpAddr, From>,
}

#[derive(Debug)]
struct Unproven {
    from: IpAddr,
    since: Mono,
    /// Dropped to put it out.
    _stays: Stop,
}

#[derive(Debug, Default)]
struct From {
    all: usize,
    unproven: BTreeSet<u64>,
}

impl Doors {
    /// With nobody inside. The limits of one address are none for `proxies`.
    #[must_use]
    pub fn new(limits: DoorLimits, proxies: Option<Proxies>) -> Self {
        Self {
            limits,
            proxies,
            state: Mutex::default(),
        }
    }

    /// A place for a connection from there, as long as it is not dropped.
    ///
    /// # Errors
    /// [`Full`] if there is none, and nobody who could be put out for it.
    pub fn enter(self: &Arc<Self>, from: IpAddr, now: Mono) -> Result<Place, Full> {
        let is_proxy = self.proxies.as_ref().is_some_and(|p| p.contain(from));
        let from = host_of(from);
        let is_old = |since| now.since(since) >= self.limits.grace;
        let mut state = self.lock();
        let (all, unproven) = state
            .from
            .get(&from)
            .map_or((0, 0), |from| (from.all, from.unproven.len()));
        if !is_proxy && all >= self.limits.from_one {
            return Err(Full::Address);
        }
        let mut put_out = false;
        if !is_proxy && unproven >= self.limits.unproven_from_one {
            put_out = state.put_out(from, is_old);
            if !put_out {
                return Err(Full::Address);
            }
        } else if state.unproven.len() >= self.limits.unproven {
            put_out = state
                .crowd()
                .is_some_and(|from| state.put_out(from, is_old));
            if !put_out {
                return Err(Full::Unproven);
            }
        }
        let number = state.next;
        state.next += 1;
        let stays = Stop::new();
        let goes = stays.signal();
        let own = state.from.entry(from).or_default();
        own.all += 1;
        own.unproven.insert(number);
        state.unproven.insert(
            number,
            Unproven {
                from,
                since: now,
                _stays: stays,
            },
        );
        drop(state);
        Ok(Place {
            doors: Arc::clone(self),
            number,
            from,
            goes,
            is_proven: AtomicBool::new(false),
            has_put_out: put_out,
        })
    }

    /// How many have come in, and how many of them are unproven.
    #[must_use]
    pub fn inside(&self) -> (usize, usize) {
        let state = self.lock();
        let all = state.from.values().map(|from| from.all).sum();
        (all, state.unproven.len())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The address of which most are unproven.
    fn crowd(&self) -> Option<IpAddr> {
        let most = self.from.iter().max_by_key(|(_, from)| from.unproven.len());
        most.map(|(from, _)| *from)
    }

    /// Puts out the oldest unproven one of this address, if it has had its time.
    fn put_out(&mut self, from: IpAddr, is_old: impl Fn(Mono) -> bool) -> bool {
        let oldest = self.from.get(&from).and_then(|from| from.unproven.first());
        let Some(oldest) = oldest.copied() else {
            return false;
        };
        let one = self.unproven.get(&oldest);
        if !one.is_some_and(|one| is_old(one.since)) {
            return false;
        }
        self.is_no_longer_unproven(oldest);
        true
    }

    fn is_no_longer_unproven(&mut self, number: u64) {
        if let Some(one) = self.unproven.remove(&number)
            && let Some(from) = self.from.get_mut(&one.from)
        {
            from.unproven.remove(&number);
        }
    }

    fn leave(&mut self, number: u64, from: IpAddr) {
        self.is_no_longer_unproven(number);
        if let Some(own) = self.from.get_mut(&from) {
            own.all = own.all.saturating_sub(1);
            if own.all == 0 {
                self.from.remove(&from);
            }
        }
    }
}

/// What counts as one host: an address of version 4, or the network of 64 bits of one of version 6, out of which
/// a host may take any.
#[must_use]
pub fn host_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        v4 => v4,
    }
}

/// A place in [`Doors`], which is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    doors: Arc<Doors>,
    number: u64,
    from: IpAddr,
    goes: StopSignal,
    is_proven: AtomicBool,
    has_put_out: bool,
}

impl Place {
    /// It has proven who it is, and is never put out from now on.
    pub fn prove(&self) {
        if !self.is_proven.swap(true, Ordering::Relaxed) {
            self.doors.lock().is_no_longer_unproven(self.number);
        }
    }

    /// Whether it has.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    /// Ends when it is put out before it has proven who it is, and else never.
    pub async fn put_out(&self) {
        self.goes.asked().await;
        if self.is_proven() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether somebody was put out for it, which is to be counted as [`PUT_OUT`].
    #[must_use]
    pub const fn has_put_out(&self) -> bool {
        self.has_put_out
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.doors.lock().leave(self.number, self.from);
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;

    const AT_ONCE: Mono = Mono::from_start(Duration::ZERO);

    fn later() -> Mono {
        AT_ONCE.after(DoorLimits::default().grace)
    }

    fn doors(unproven: usize, unproven_from_one: usize, from_one: usize) -> Arc<Doors> {
        let limits = DoorLimits {
            unproven,
            unproven_from_one,
            from_one,
            ..DoorLimits::default()
        };
        Arc::new(Doors::new(limits, Some("10.0.0.0/8".parse().unwrap())))
    }

    fn enter(doors: &Arc<Doors>, from: &str, now: Mono) -> Result<Place, Full> {
        doors.enter(from.parse().unwrap(), now)
    }

    fn is_put_out(place: &Place) -> bool {
        block_on(poll_once(place.put_out())).is_some()
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let doors = doors(2, 1, 1);
        let place = enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
        assert_eq!(doors.inside(), (1, 1));
        assert_eq!(
            enter(&doors, "192.0.2.1", later()).unwrap_err(),
            Full::Address
        );
        drop(place);
        assert_eq!(doors.inside(), (0, 0));
        assert!(doors.lock().from.is_empty());
        enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
    }

    #[test]
    fn who_has_had_its_time_is_put_out_for_another_of_its_address() {
        let doors = doors(9, 1, 9);
        let first = enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
        assert_eq!(
            enter(&doors, "192.0.2.1", AT_ONCE).unwrap_err(),
            Full::Address
        );
        assert!(!is_put_out(&first));
        let second = enter(&doors, "192.0.2.1", later()).unwrap();
        assert!(second.has_put_out() && !first.has_put_out());
        assert!(is_put_out(&first) && !is_put_out(&second));
        // Its connection is still there.
        assert_eq!(doors.inside(), (2, 1));
    }

    #[test]
    fn who_has_proven_itself_is_never_put_out() {
        let doors = doors(1, 1, 9);
        let first = enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
        first.prove();
        first.prove();
        let second = enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
        let third = enter(&doors, "192.0.2.1", later()).unwrap();
        assert!(!is_put_out(&first) && is_put_out(&second) && !is_put_out(&third));
        assert_eq!(doors.inside(), (3, 1));
    }

    #[test]
    fn who_was_put_out_proves_nothing_for_another() {
        let doors = doors(1, 1, 9);
        let first = enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
        let _second = enter(&doors, "192.0.2.1", later()).unwrap();
        first.prove();
        assert_eq!(doors.inside(), (2, 1));
    }

    #[test]
    fn a_crowd_of_one_address_makes_room_for_others() {
        let doors = doors(3, 3, 9);
        let crowd: Vec<_> = (0..2)
            .map(|_| enter(&doors, "192.0.2.1", AT_ONCE).unwrap())
            .collect();
        let other = enter(&doors, "192.0.2.2", AT_ONCE).unwrap();
        assert_eq!(
            enter(&doors, "192.0.2.3", AT_ONCE).unwrap_err(),
            Full::Unproven
        );
        let _next = enter(&doors, "192.0.2.3", later()).unwrap();
        assert!(is_put_out(&crowd[0]) && !is_put_out(&crowd[1]) && !is_put_out(&other));
    }

    #[test]
    fn an_address_has_its_limit_of_all() {
        let doors = doors(9, 9, 2);
        let places: Vec<_> = (0..2)
            .map(|_| enter(&doors, "192.0.2.1", AT_ONCE).unwrap())
            .collect();
        places.iter().for_each(Place::prove);
        assert_eq!(
            enter(&doors, "192.0.2.1", later()).unwrap_err(),
            Full::Address
        );
        enter(&doors, "192.0.2.2", AT_ONCE).unwrap();
    }

    #[test]
    fn a_proxy_has_no_limit_of_its_own() {
        let doors = doors(3, 1, 1);
        let places: Vec<_> = (0..3)
            .map(|_| enter(&doors, "10.0.0.1", AT_ONCE).unwrap())
            .collect();
        assert_eq!(
            enter(&doors, "10.0.0.1", AT_ONCE).unwrap_err(),
            Full::Unproven
        );
        enter(&doors, "10.0.0.1", later()).unwrap();
        assert!(is_put_out(&places[0]));
    }

    #[test]
    fn hosts_of_ipv6_are_told_apart_by_their_first_half() {
        let doors = doors(9, 1, 9);
        let _first = enter(&doors, "2001:db8::1", AT_ONCE).unwrap();
        assert!(enter(&doors, "2001:db8::2", AT_ONCE).is_err());
        let _other = enter(&doors, "2001:db8:0:1::2", AT_ONCE).unwrap();
        let _v4 = enter(&doors, "192.0.2.1", AT_ONCE).unwrap();
        assert!(enter(&doors, "::ffff:192.0.2.1", AT_ONCE).is_err());
    }
}
