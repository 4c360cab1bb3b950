//! Wrong transports: what they are, and what the suite says of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use widget_core::message::{Command, Opening, Response, Verdict, Welcome};
use widget_core::runtime::{BoxFuture, RuntimeExt, SharedRuntime};
use widget_core::stop::StopSignal;
use widget_core::testkit::transport::{Bench, Listening, TransportHarness, calls, peers, run};
use widget_core::transport::{Connection, Service, Transport, TransportError, TransportErrorKind};
use widget_sim::{SimRuntime, SimTransport, Switchboard, World};

use crate::{assert_names, caught};

const SERVER: &str = "server";

/// A mistake that somebody could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    /// A call is answered with the answer of the one that ended before it.
    Crossed,
    /// A call whose connection ends is answered as if all were well.
    Swallows,
    /// A wait for work has no more time than any other call.
    Impatient,
}

#[derive(Debug)]
pub(crate) struct WrongTransport {
    right: Arc<dyn Transport>,
    mistake: Mistake,
    runtime: SimRuntime,
}

impl WrongTransport {
    pub(crate) fn around(
        right: Arc<dyn Transport>,
        mistake: Mistake,
        runtime: &SimRuntime,
    ) -> Arc<dyn Transport> {
        Arc::new(Self {
            right,
            mistake,
            runtime: runtime.clone(),
        })
    }
}

#[async_trait]
impl Transport for WrongTransport {
    fn name(&self) -> &'static str {
        "wrong"
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        let (right, welcome) = self.right.connect(opening).await?;
        let wrong = WrongConnection {
            right,
            mistake: self.mistake,
            runtime: self.runtime.clone(),
            before: Mutex::new(None),
        };
        Ok((Arc::new(wrong), welcome))
    }
}

#[derive(Debug)]
struct WrongConnection {
    right: Arc<dyn Connection>,
    mistake: Mistake,
    runtime: SimRuntime,
    /// The answer of the call that ended last.
    before: Mutex<Option<Response>>,
}

#[async_trait]
impl Connection for WrongConnection {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        let all_well = match &command {
            Command::Submit(submit) => Some(Response::Ack {
                through: Some(submit.through()),
            }),
            Command::Update(update) => {
                let verdicts = update.items.iter().map(|_| Verdict::Ok);
                Some(Response::Verdicts(verdicts.collect()))
            }
            _ => None,
        };
        let call = self.right.call(command);
        match self.mistake {
            Mistake::None => call.await,
            Mistake::Crossed => {
                let answer = call.await?;
                let before = self.before.lock().unwrap().replace(answer.clone());
                Ok(before.unwrap_or(answer))
            }
            Mistake::Swallows => {
                let answer = call.await;
                answer.or_else(|error| all_well.ok_or(error))
            }
            Mistake::Impatient => {
                let answer = self.runtime.timeout(Duration::from_millis(300), call).await;
                answer.unwrap_or_else(|| Err(TransportError::new(TransportErrorKind::Timeout)))
            }
        }
    }
}

/// A world in which an agent's process uses a wrong transport.
struct Simulated {
    world: World,
    board: Switchboard,
    client: SimRuntime,
    mistake: Mistake,
}

impl Simulated {
    fn new(mistake: Mistake) -> Self {
        let world = World::new(1);
        Self {
            board: Switchboard::default(),
            client: world.process("agent"),
            world,
            mistake,
        }
    }
}

impl TransportHarness for Simulated {
    fn listen(&self, service: Arc<dyn Service>, _: StopSignal) -> Listening {
        self.board.serve(&self.world.process(SERVER), service);
        Listening::on_thread(|ready| {
            let _ = ready.send(SERVER.to_owned());
        })
    }

    fn transport(&self, server: &str, _: Duration) -> Arc<dyn Transport> {
        let right = SimTransport::new(self.client.clone(), self.board.clone(), server);
        WrongTransport::around(Arc::new(right), self.mistake, &self.client)
    }

    fn runtime(&self) -> SharedRuntime {
        Arc::new(self.client.clone())
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        self.world.run(case);
    }
}

fn case<F>(mistake: Mistake, case: impl FnOnce(Bench) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    run(Simulated::new(mistake), case);
}

#[test]
fn without_a_mistake_the_same_cases_pass() {
    case(
        Mistake::None,
        calls::sixty_four_at_once_each_get_their_own_answer,
    );
    case(
        Mistake::None,
        peers::an_answer_that_does_not_come_is_a_timeout,
    );
    case(Mistake::None, peers::a_wait_for_work_is_not_cut_short);
}

#[test]
fn a_transport_that_answers_calls_with_each_others_answers_is_caught() {
    let said = caught("sixty_four_at_once_each_get_their_own_answer", || {
        case(
            Mistake::Crossed,
            calls::sixty_four_at_once_each_get_their_own_answer,
        );
    });
    assert_names(&said, "a call got another's answer");
}

#[test]
fn a_transport_that_swallows_the_end_of_its_connection_is_caught() {
    let said = caught("an_answer_that_does_not_come_is_a_timeout", || {
        case(
            Mistake::Swallows,
            peers::an_answer_that_does_not_come_is_a_timeout,
        );
    });
    assert_names(&said, "a connection that has failed goes on failing");
}

#[test]
fn a_transport_that_cuts_a_wait_short_is_caught() {
    let said = caught("a_wait_for_work_is_not_cut_short", || {
        case(Mistake::Impatient, peers::a_wait_for_work_is_not_cut_short);
    });
    assert_names(&said, "the wait was cut short");
}
