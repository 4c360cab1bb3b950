//! The suite of transports: what [`Transport`], [`Connection`] and
//! [`Listener`](crate::transport::Listener) promise, over real connections on loopback.
//!
//! A plugin says in a [`TransportHarness`] how its listener is started, how its client is made and
//! what drives the client; [`transport_suite!`](crate::transport_suite) makes a `#[test]` of every
//! promise, each with a listener and a [`ScriptedService`] of its own.

pub mod calls;
pub mod endings;
pub mod openings;
pub mod peers;
mod service;

use std::fmt;
use std::future::Future;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

pub use service::{Answer, ScriptedService};

use super::fixtures::{agent, epoch};
use super::limited;
use crate::message::{Credential, Hello, Opening, VERSION};
use crate::runtime::{BoxFuture, SharedRuntime};
use crate::stop::{Stop, StopSignal};
use crate::transport::{Connection, Service, Transport};

/// Long enough for anything that is to succeed.
const PATIENCE: Duration = Duration::from_secs(8);

/// What the suite must know about a plugin. Addresses are text that only the plugin reads, such as
/// `127.0.0.1:9004` or a path.
pub trait TransportHarness: Send + Sync {
    /// Starts a listener on a free address of this host, see [`Listening::on_thread`].
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening;

    /// A client of whatever listens there. It gives up a connect or a call that takes longer than
    /// `patience` (for a call that asks for work: longer than that and the asked wait).
    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport>;

    /// An address of this kind where nobody listens. As it stands: a port of TCP that was free a
    /// moment ago.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    fn nobody(&self) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        socket.local_addr().expect("an address").to_string()
    }

    /// Has `speak` speak to the first who connects to the address that is given back, on a thread
    /// of its own. As it stands: over TCP.
    ///
    /// # Panics
    /// If loopback cannot be listened on.
    fn peer(&self, speak: Speak) -> String {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = socket.local_addr().expect("an address");
        std::thread::spawn(move || {
            if let Ok((stream, _)) = socket.accept() {
                speak(Box::new(stream));
            }
        });
        address.to_string()
    }

    /// The client's runtime.
    fn runtime(&self) -> SharedRuntime;

    /// Drives the client's runtime until the case has ended.
    fn block_on(&self, case: BoxFuture<'static, ()>);
}

/// A peer's bytes in both directions.
pub trait PeerStream: Read + Write + Send {}

impl<T: Read + Write + Send> PeerStream for T {}

/// What a peer says that keeps to no protocol.
pub type Speak = Box<dyn FnOnce(Box<dyn PeerStream>) + Send>;

/// A listener that was started.
pub struct Listening {
    address: String,
    ended: BoxFuture<'static, ()>,
}

impl Listening {
    /// Runs a listener on a thread of its own, so that it has a runtime of its own: `serve` says
    /// where it listens as soon as it does, and returns when the listener has ended.
    ///
    /// # Panics
    /// If `serve` ends without saying an address.
    #[must_use]
    pub fn on_thread(serve: impl FnOnce(mpsc::Sender<String>) + Send + 'static) -> Self {
        let (ready, address) = mpsc::channel();
        // Asks when the thread drops it.
        let running = Stop::new();
        let ended = running.signal();
        std::thread::spawn(move || {
            let _running = running;
            serve(ready);
        });
        Self {
            address: address.recv().expect("a listener"),
            ended: Box::pin(async move { ended.asked().await }),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listening")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What a case works with: a listener that runs, and clients of it.
pub struct Bench {
    harness: Arc<dyn TransportHarness>,
    /// What the listener's calls go to.
    pub service: Arc<ScriptedService>,
    /// Asks the listener to stop.
    pub stop: Stop,
    address: String,
    ended: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Bench {
    /// Starts a listener.
    #[must_use]
    pub fn new(harness: Arc<dyn TransportHarness>) -> Self {
        let service = Arc::new(ScriptedService::default());
        let stop = Stop::new();
        let listening = harness.listen(Arc::clone(&service) as Arc<dyn Service>, stop.signal());
        Self {
            harness,
            service,
            stop,
            address: listening.address,
            ended: Mutex::new(Some(listening.ended)),
        }
    }

    /// A client of the listener.
    #[must_use]
    pub fn transport(&self, patience: Duration) -> Arc<dyn Transport> {
        self.transport_to(&self.address, patience)
    }

    /// A client of something else.
    #[must_use]
    pub fn transport_to(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        self.harness.transport(server, patience)
    }

    /// See [`TransportHarness::nobody`].
    #[must_use]
    pub fn nobody(&self) -> String {
        self.harness.nobody()
    }

    /// See [`TransportHarness::peer`].
    #[must_use]
    pub fn peer(&self, speak: impl FnOnce(Box<dyn PeerStream>) + Send + 'static) -> String {
        self.harness.peer(Box::new(speak))
    }

    /// A connection of agent number `n`.
    ///
    /// # Panics
    /// If it is not welcomed.
    pub async fn connect(&self, n: u8) -> Arc<dyn Connection> {
        let transport = self.transport(PATIENCE);
        transport.connect(hello(n)).await.expect("a welcome").0
    }

    /// The client's runtime.
    #[must_use]
    pub fn runtime(&self) -> SharedRuntime {
        self.harness.runtime()
    }

    /// Waits until the listener has ended.
    pub async fn ended(&self) {
        let ended = self
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(ended) = ended {
            ended.await;
        }
    }
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Runs a case on a listener of its own.
///
/// # Panics
/// If the case does, or if it hangs.
pub fn run<F>(harness: impl TransportHarness + 'static, case: impl FnOnce(Bench) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let harness = Arc::new(harness);
    let bench = Bench::new(Arc::clone(&harness) as Arc<dyn TransportHarness>);
    harness.block_on(Box::pin(limited(case(bench))));
}

/// The opening of agent number `n`.
#[must_use]
pub fn hello(n: u8) -> Opening {
    Opening::Hello(Hello {
        versions: (VERSION, VERSION),
        codecs: vec![1],
        agent: agent(n),
        epoch: epoch(n),
        seen: None,
        credential: Credential::None,
        extras: vec![(7, vec![1, 2, 3])],
    })
}

/// One test for each promise of a transport, on a harness that the expression makes anew for each.
///
/// A plugin's test file has a module for each runtime that its client is to be tried on, and in it
/// `widget_core::transport_suite!(Harness::new());`.
#[macro_export]
macro_rules! transport_suite {
    ($harness:expr) => {
        $crate::__transport_cases! { $harness =>
            openings [
                what_the_agent_says_arrives,
                an_enrolment_arrives_whole,
                the_welcome_is_what_the_service_said,
                a_refusal_is_told,
                busy_is_told_with_its_time,
                nobody_there_is_unreachable,
            ]
            calls [
                calls_come_from_the_agent_that_was_welcomed,
                sixty_four_at_once_each_get_their_own_answer,
                answers_come_in_any_order,
                one_call_too_many_waits_for_its_turn,
                a_dropped_call_disturbs_no_other,
                a_call_dropped_while_it_is_sent_disturbs_no_other,
                a_message_above_the_limit_is_refused_and_the_connection_goes_on,
                a_large_answer_arrives_whole,
                an_answer_that_is_ready_before_the_wait_is_not_missed,
                a_peer_that_does_not_read_holds_up_nobody_else,
            ]
            endings [
                dropping_the_connection_drops_its_calls_at_the_service,
                dropping_one_connection_leaves_the_others,
                stop_ends_the_listener_and_every_call,
                after_stop_nobody_is_welcomed,
            ]
            peers [
                an_answer_that_does_not_come_is_a_timeout,
                a_wait_for_work_is_not_cut_short,
                a_peer_that_says_nothing_is_given_up,
                a_peer_that_answers_garbage_breaks_the_protocol,
                a_peer_that_closes_is_noticed,
            ]
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __transport_cases {
    ($harness:expr; $($group:ident::$case:ident)*) => {$(
        #[test]
        fn $case() {
            $crate::testkit::transport::run($harness, $crate::testkit::transport::$group::$case);
        }
    )*};
    ($harness:expr => $($group:ident [$($case:ident,)*])*) => {
        $crate::__transport_cases! { $harness; $($($group::$case)*)* }
    };
}
