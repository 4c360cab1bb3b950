//! A collector of version 1: reports, asks, and is shut down once at most.

use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::runtime::{Runtime, RuntimeExt};
use widget_core::transport::Origin;
use widget_core::v1;

use super::checks::STRANGER;
use super::director::SERVER;
use super::oracle::Oracle;
use super::plan::{Kind, TaskPlan};
use crate::{Switchboard, World};

/// Who it is.
pub(super) const COLLECTOR: AgentId = AgentId::from_u128(0xc011);

/// Begins to report, for as long as things go wrong.
pub(super) fn begin(world: &World, board: &Switchboard, oracle: &Oracle, chaos: Duration) {
    let (inner, oracle, board) = (world.clone(), oracle.clone(), board.clone());
    world.spawn(async move {
        for round in 0_u64.. {
            let pause = inner.between(Duration::from_millis(100), Duration::from_secs(2));
            inner.sleep(pause).await;
            if inner.now().since_start() > chaos {
                return;
            }
            ask(&board, round).await;
            if round % 16 == 4 {
                oracle.ask(COLLECTOR, &task(Kind::Shutdown, &inner));
            }
            if round % 16 == 6 {
                oracle.ask(COLLECTOR, &task(Kind::Plain, &inner));
            }
        }
    });
}

fn task(kind: Kind, world: &World) -> TaskPlan {
    TaskPlan {
        ttl: Some(Duration::from_secs(20)),
        ..TaskPlan::plain(world, STRANGER, kind)
    }
}

/// One report and one question, straight to the service: version 1 has no more to get wrong.
async fn ask(board: &Switchboard, round: u64) {
    let Some(served) = board.at(SERVER) else {
        return;
    };
    let (answer, answered) = async_channel::bounded(1);
    let (service, runtime) = (served.service, served.runtime.clone());
    served.runtime.spawn(Box::pin(async move {
        let collector_id = COLLECTOR.as_u128();
        let origin = Origin {
            transport: "tcp",
            address: "collector".into(),
            ip: None,
        };
        let submit = v1::Command::SubmitData {
            collector_id,
            total_memory: 16_000_000,
            used_memory: round,
            average_cpu_usage: 1.0,
        };
        let work = v1::Command::RequestWork(collector_id);
        for command in [submit, work] {
            let said = service.call_v1(&origin, runtime.wall(), command);
            let _ = answer.send(said.await).await;
        }
    }));
    // The server may end before it answers.
    let answers = async { while answered.recv().await.is_ok() {} };
    served
        .runtime
        .timeout(Duration::from_secs(5), answers)
        .await;
}
