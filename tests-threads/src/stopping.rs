//! What is promised of a stop: everyone hears it, early or late, and who asks first and then goes was heard.

use std::future::Future;

use shuttle::future::block_on;

use crate::stop::{Stop, StopSignal};
use crate::sync::{Arc, AtomicBool, Event, Ordering, thread};

/// A way to stop, right or wrong. Dropping it asks as well.
pub trait Asks: Send + Sync + 'static {
    /// The side that hears.
    type Signal: Hears;

    /// For whoever is to hear.
    fn signal(&self) -> Self::Signal;

    /// Asks all that hear to end.
    fn ask(&self);
}

/// The side that hears.
pub trait Hears: Clone + Send + 'static {
    /// Whether it was asked.
    fn is_asked(&self) -> bool;

    /// Ends when it is asked.
    fn asked(&self) -> impl Future<Output = ()> + Send;
}

impl Hears for StopSignal {
    fn is_asked(&self) -> bool {
        Self::is_asked(self)
    }

    fn asked(&self) -> impl Future<Output = ()> + Send {
        Self::asked(self)
    }
}

/// That of the core.
#[derive(Debug, Default)]
pub struct Real(Stop);

impl Asks for Real {
    type Signal = StopSignal;

    fn signal(&self) -> StopSignal {
        self.0.signal()
    }

    fn ask(&self) {
        self.0.ask();
    }
}

/// However the steps lie, the wait ends, and not before somebody asked.
pub fn one_hears<A: Asks>(stop: A) {
    let hearer = hear(stop.signal());
    stop.ask();
    hearer.join().unwrap();
}

/// All that wait hear it, whenever they begin to.
pub fn everyone_hears<A: Asks>(stop: A) {
    let hearers = [stop.signal(), stop.signal()].map(hear);
    stop.ask();
    for hearer in hearers {
        hearer.join().unwrap();
    }
}

/// Whoever asks by going away is heard too.
pub fn going_away_asks<A: Asks>(stop: A) {
    let hearer = hear(stop.signal());
    drop(stop);
    hearer.join().unwrap();
}

fn hear<H: Hears>(signal: H) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        block_on(signal.asked());
        assert!(signal.is_asked(), "it ended before it was asked");
    })
}

/// What a wrong double does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing. It passes every check, so what another one fails for is its fault.
    None,
    /// It looks, then listens, and does not look again.
    LooksOnce,
    /// It notifies before it says what for.
    NotifiesFirst,
    /// It ends when it is dropped, and says nothing.
    GoesSilently,
    /// It takes any notification for the word, and one comes before that.
    EndsUnasked,
}

/// A stop of a simpler make, with a fault.
#[derive(Debug)]
pub struct Wrong(WrongSignal);

/// Its other side.
#[derive(Debug, Clone)]
pub struct WrongSignal {
    asked: Arc<AtomicBool>,
    event: Arc<Event>,
    fault: Fault,
}

impl Wrong {
    /// With this fault.
    #[must_use]
    pub fn with(fault: Fault) -> Self {
        Self(WrongSignal {
            asked: Arc::default(),
            event: Arc::default(),
            fault,
        })
    }
}

impl Asks for Wrong {
    type Signal = WrongSignal;

    fn signal(&self) -> WrongSignal {
        self.0.clone()
    }

    fn ask(&self) {
        if matches!(self.0.fault, Fault::NotifiesFirst | Fault::EndsUnasked) {
            self.0.event.notify(usize::MAX);
        }
        self.0.asked.store(true, Ordering::SeqCst);
        if self.0.fault != Fault::NotifiesFirst {
            self.0.event.notify(usize::MAX);
        }
    }
}

impl Drop for Wrong {
    fn drop(&mut self) {
        if self.0.fault != Fault::GoesSilently {
            self.ask();
        }
    }
}

impl Hears for WrongSignal {
    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    async fn asked(&self) {
        while !self.is_asked() {
            let listener = self.event.listen();
            if self.fault != Fault::LooksOnce && self.is_asked() {
                return;
            }
            listener.await;
            if self.fault == Fault::EndsUnasked {
                return;
            }
        }
    }
}
