//! The simulated parties do what real ones do.

#![allow(clippy::unwrap_used)] // that is how a test fails

use std::sync::Arc;
use std::time::Duration;

use widget_core::Payload;
use widget_core::id::AgentId;
use widget_core::task::StateName;
use widget_sim::{Left, SimAgent, SimServer, Switchboard, Way, World};

fn build() -> widget_sim::Build {
    Arc::new(|builder, _| builder.on_raw("echo", |_cx, input| async move { Ok(input) }))
}

async fn a_task_is_run(world: World, way: Way) {
    let board = Switchboard::default();
    let mut server = SimServer::new(&world, &board, "server");
    let handle = server.start();
    let id = AgentId::from_u128(7);
    let mut agent = SimAgent::new(&world, &board, "agent", id, (way, "server"), build());
    agent.start();
    world.sleep(Duration::from_secs(2)).await;
    let input = Payload::from_json_text("7");
    let task = handle.send(id, "echo", input).await.unwrap();
    world.sleep(Duration::from_secs(2)).await;
    agent.kill(Left::Torn);
    let task = handle.task(task.id).await.unwrap().unwrap();
    assert_eq!(task.state.name(), StateName::Succeeded, "{way:?}");
}

#[test]
fn a_task_goes_its_way_on_every_transport() {
    for way in [Way::Calls, Way::Tcp, Way::Http] {
        let world = World::new(1);
        world.run(a_task_is_run(world.clone(), way));
    }
}

#[test]
fn the_same_seed_gives_the_same_hash_on_every_transport() {
    for way in [Way::Calls, Way::Tcp, Way::Http] {
        let hash = |seed| {
            let world = World::new(seed);
            world.run(a_task_is_run(world.clone(), way));
            world.hash()
        };
        assert_eq!(hash(5), hash(5));
        assert_ne!(hash(5), hash(6));
    }
}
