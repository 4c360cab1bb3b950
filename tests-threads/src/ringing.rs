//! What is promised of the bells of a store: who registers, then looks, then waits misses no ring.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Wake, Waker};

use futures_lite::future::poll_once;
use shuttle::future::block_on;

use crate::bells::{Bells, WakeUp};
use crate::id::AgentId;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, thread};

/// Bells, right or wrong.
pub trait Bell: Clone + Send + Sync + 'static {
    /// What `watch` answers.
    type WakeUp: Future<Output = ()> + Unpin + Send + 'static;

    /// Registers.
    fn watch(&self, agent: AgentId) -> Self::WakeUp;

    /// Wakes those who have registered for this agent.
    fn ring(&self, agent: AgentId);

    /// How many have registered.
    fn waiting(&self) -> usize;
}

/// Those of the core.
#[derive(Debug, Clone, Default)]
pub struct Real(Bells);

impl Bell for Real {
    type WakeUp = WakeUp;

    fn watch(&self, agent: AgentId) -> WakeUp {
        self.0.watch(agent)
    }

    fn ring(&self, agent: AgentId) {
        self.0.ring(agent);
    }

    fn waiting(&self) -> usize {
        self.0.len()
    }
}

/// What there is for an agent, kept apart from its bell as in a store.
#[derive(Debug, Clone)]
struct Door<B> {
    bells: B,
    there: Arc<AtomicBool>,
}

const AGENT: AgentId = AgentId::from_u128(1);
const ANOTHER: AgentId = AgentId::from_u128(2);

impl<B: Bell> Door<B> {
    fn new(bells: B) -> Self {
        Self {
            bells,
            there: Arc::default(),
        }
    }

    /// Puts something there, then rings.
    fn put(&self) {
        self.there.store(true, Ordering::SeqCst);
        self.bells.ring(AGENT);
    }

    fn is_there(&self) -> bool {
        self.there.load(Ordering::SeqCst)
    }

    /// Registers, looks, waits.
    async fn wait(&self) {
        let wake_up = self.bells.watch(AGENT);
        if !self.is_there() {
            wake_up.await;
            assert!(self.is_there(), "a wait ended without a ring");
        }
    }
}

/// However the steps lie, the wait ends, and not before the ring.
pub fn no_ring_is_missed<B: Bell>(bells: B) {
    let door = Door::new(bells);
    let waiter = {
        let door = door.clone();
        thread::spawn(move || block_on(door.wait()))
    };
    door.put();
    waiter.join().unwrap();
}

/// The fault that the order of these three is there against: who looks before registering can wait
/// for ever.
pub fn looks_before_registering<B: Bell>(bells: B) {
    let door = Door::new(bells);
    let waiter = {
        let door = door.clone();
        thread::spawn(move || {
            if !door.is_there() {
                block_on(door.bells.watch(AGENT));
            }
        })
    };
    door.put();
    waiter.join().unwrap();
}

/// One ring wakes all that wait for this agent, and nobody who waits for another one.
pub fn one_ring_wakes_all_of_its_agent<B: Bell>(bells: B) {
    let door = Door::new(bells);
    let mut other = door.bells.watch(ANOTHER);
    let waiters =
        [door.clone(), door.clone()].map(|door| thread::spawn(move || block_on(door.wait())));
    door.put();
    for waiter in waiters {
        waiter.join().unwrap();
    }
    let rung = block_on(poll_once(&mut other)).is_some();
    assert!(!rung, "a wait ended by the ring for another agent");
}

/// Who stops waiting takes no ring from another, and leaves nothing behind.
pub fn who_stops_waiting_leaves_nothing<B: Bell>(bells: B) {
    let door = Door::new(bells);
    let leaver = {
        let door = door.clone();
        thread::spawn(move || {
            let mut wake_up = door.bells.watch(AGENT);
            let _ = block_on(poll_once(&mut wake_up));
        })
    };
    let waiter = {
        let door = door.clone();
        thread::spawn(move || block_on(door.wait()))
    };
    door.put();
    leaver.join().unwrap();
    waiter.join().unwrap();
    assert_eq!(door.bells.waiting(), 0, "left behind");
}

/// A wait that moves from one thread to another wakes the one that asked last.
pub fn who_asked_last_is_woken<B: Bell>(bells: B) {
    let door = Door::new(bells);
    let mut wake_up = door.bells.watch(AGENT);
    let ringer = {
        let door = door.clone();
        thread::spawn(move || door.put())
    };
    let mut nobody = Context::from_waker(Waker::noop());
    let early = Pin::new(&mut wake_up).poll(&mut nobody);
    if early.is_pending() {
        thread::spawn(move || block_on(wake_up)).join().unwrap();
    }
    ringer.join().unwrap();
}

/// A waker may be anybody's code: here one that asks the bells something, when it is woken and when it
/// goes.
struct Curious<B: Bell>(B);

impl<B: Bell> Wake for Curious<B> {
    fn wake(self: Arc<Self>) {
        self.0.waiting();
    }
}

impl<B: Bell> Drop for Curious<B> {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.0.waiting();
        }
    }
}

/// No code of others runs behind the lock of the bells.
pub fn wakers_may_use_the_bells<B: Bell>(bells: B) {
    let curious = || Waker::from(Arc::new(Curious(bells.clone())));
    let ask = |wake_up: &mut B::WakeUp| {
        let waker = curious();
        let _ = Pin::new(wake_up).poll(&mut Context::from_waker(&waker));
    };
    let mut rung = bells.watch(AGENT);
    let mut dropped = bells.watch(ANOTHER);
    let ringer = {
        let bells = bells.clone();
        thread::spawn(move || bells.ring(AGENT))
    };
    for wake_up in [&mut rung, &mut dropped] {
        ask(wake_up);
        ask(wake_up);
    }
    drop(dropped);
    ringer.join().unwrap();
}

/// What a wrong double does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing. It passes every check, so what another one fails for is its fault.
    None,
    /// It registers when it is polled first.
    RegistersLate,
    /// A ring wakes the one that has waited longest.
    WakesOne,
    /// A ring wakes those of all agents.
    WakesOthers,
    /// Who was dropped stays registered.
    KeepsWhoLeft,
    /// Whoever polled first is woken, whoever polled last.
    KeepsFirstWaker,
    /// It wakes behind its lock.
    WakesBehindLock,
}

/// Bells of a simpler make, with a fault.
#[derive(Debug, Clone)]
pub struct Wrong {
    waits: Arc<Mutex<Waits>>,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Waits {
    last_number: u64,
    waiting: BTreeMap<u64, (AgentId, Option<Waker>)>,
}

/// The wait of a [`Wrong`] bell.
#[derive(Debug)]
pub struct WrongWakeUp {
    bells: Wrong,
    agent: AgentId,
    number: Option<u64>,
}

impl Wrong {
    /// With this fault.
    #[must_use]
    pub fn with(fault: Fault) -> Self {
        Self {
            waits: Arc::default(),
            fault,
        }
    }

    fn register(&self, agent: AgentId) -> u64 {
        let mut waits = self.waits.lock().unwrap();
        waits.last_number += 1;
        let number = waits.last_number;
        waits.waiting.insert(number, (agent, None));
        number
    }
}

impl Bell for Wrong {
    type WakeUp = WrongWakeUp;

    fn watch(&self, agent: AgentId) -> WrongWakeUp {
        let early = self.fault != Fault::RegistersLate;
        WrongWakeUp {
            bells: self.clone(),
            agent,
            number: early.then(|| self.register(agent)),
        }
    }

    fn ring(&self, agent: AgentId) {
        let mut waits = self.waits.lock().unwrap();
        let mut rung = waits.waiting.clone();
        rung.retain(|_, (of, _)| *of == agent || self.fault == Fault::WakesOthers);
        if self.fault == Fault::WakesOne {
            let first = rung.pop_first();
            rung = first.into_iter().collect();
        }
        waits.waiting.retain(|number, _| !rung.contains_key(number));
        let guard = (self.fault == Fault::WakesBehindLock).then_some(waits);
        let wakers = rung.into_values().filter_map(|(_, waker)| waker);
        wakers.for_each(Waker::wake);
        drop(guard);
    }

    fn waiting(&self) -> usize {
        self.waits.lock().unwrap().waiting.len()
    }
}

impl Future for WrongWakeUp {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let (bells, agent) = (&this.bells, this.agent);
        let number = *this.number.get_or_insert_with(|| bells.register(agent));
        let mut waits = bells.waits.lock().unwrap();
        let Some((_, waker)) = waits.waiting.get_mut(&number) else {
            return Poll::Ready(());
        };
        let mut earlier = Some(cx.waker().clone());
        if waker.is_none() || bells.fault != Fault::KeepsFirstWaker {
            std::mem::swap(waker, &mut earlier);
        }
        drop(waits);
        drop(earlier);
        Poll::Pending
    }
}

impl Drop for WrongWakeUp {
    fn drop(&mut self) {
        let keeps = self.bells.fault == Fault::KeepsWhoLeft;
        if let Some(number) = self.number.filter(|_| !keeps) {
            let gone = self.bells.waits.lock().unwrap().waiting.remove(&number);
            drop(gone);
        }
    }
}
