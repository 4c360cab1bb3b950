//! What a world does with tasks, clocks, connections and hosts.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::runtime::{Address, Runtime, RuntimeExt, SharedRuntime};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn to_server() -> Address {
    Address {
        host: "server".into(),
        port: 9004,
    }
}

mod suite {
    //! What a runtime promises, as far as a world has it: no threads, no sockets.

    use super::*;
    use crate::runtime::BoxFuture;
    use crate::testkit::runtime::Harness;

    struct Simulated(World, SimRuntime);

    impl Harness for Simulated {
        fn runtime(&self) -> SharedRuntime {
            Arc::new(self.1.clone())
        }

        fn drive(&self, work: BoxFuture<'static, ()>) {
            self.0.run(work);
        }
    }

    fn fresh() -> Simulated {
        let world = World::new(11);
        let runtime = world.process("host");
        Simulated(world, runtime)
    }

    crate::__runtime_cases! { fresh;
        what_is_spawned_runs_to_its_end,
        what_is_spawned_runs_side_by_side,
        what_is_spawned_may_spawn,
        blocking_gives_the_result,
        blocking_work_that_panics_gives_none,
        a_sleeper_is_not_woken_before_its_time,
        sleepers_wake_in_the_order_of_their_times,
        a_time_that_has_passed_is_not_waited_for,
        the_clock_never_goes_back,
        the_wall_clock_is_of_this_age,
        random_bits_differ,
        a_timeout_gives_the_result_or_none,
    }
}

#[test]
fn what_is_written_comes_in_order_until_it_is_closed() {
    let world = World::new(3);
    let (server, agent) = (world.process("server"), world.process("agent"));
    let incoming = world.listen(&server, 9004).unwrap();
    server.spawn(Box::pin(async move {
        let mut accepted = incoming.next().await.unwrap();
        let mut all = Vec::new();
        accepted.stream.read_to_end(&mut all).await.unwrap();
        accepted.stream.write_all(&all).await.unwrap();
    }));
    let sent: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let expected = sent.clone();
    let got = world.run(async move {
        let mut stream = agent.connect(&to_server()).await.unwrap();
        stream.write_all(&sent).await.unwrap();
        stream.close().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all
    });
    assert!(got == expected);
}

#[test]
fn what_is_sent_into_a_cut_arrives_when_it_heals() {
    let world = World::new(3);
    let (server, agent) = (world.process("server"), world.process("agent"));
    let incoming = world.listen(&server, 9004).unwrap();
    let inner = world.clone();
    let after = world.run(async move {
        let mut stream = agent.connect(&to_server()).await.unwrap();
        let mut accepted = incoming.next().await.unwrap();
        inner.part("agent", "server", true);
        stream.write_all(b"x").await.unwrap();
        let mut byte = [0];
        let early = server.timeout(secs(60), accepted.stream.read(&mut byte));
        assert!(early.await.is_none());
        inner.part("agent", "server", false);
        accepted.stream.read_exact(&mut byte).await.unwrap();
        inner.now().since_start()
    });
    assert!(after >= secs(60) && after < secs(61), "{after:?}");
}

#[test]
fn a_process_that_is_killed_does_nothing_more_and_its_connections_end() {
    let world = World::new(5);
    let (server, agent) = (world.process("server"), world.process("agent"));
    let incoming = world.listen(&server, 9004).unwrap();
    let (inner, killed) = (world.clone(), agent.process());
    let own = agent.clone();
    agent.spawn(Box::pin(async move {
        let mut stream = own.connect(&to_server()).await.unwrap();
        loop {
            own.sleep(secs(1)).await;
            stream.write_all(b"x").await.unwrap();
        }
    }));
    let came = world.run(async move {
        let mut accepted = incoming.next().await.unwrap();
        inner.sleep(Duration::from_millis(3_500)).await;
        inner.kill(killed);
        let mut all = Vec::new();
        accepted.stream.read_to_end(&mut all).await.unwrap();
        inner.sleep(secs(10)).await;
        all
    });
    assert_eq!(came, b"xxx");
    assert_eq!(world.tasks(), 0);
}

#[test]
fn a_host_that_lost_its_power_tells_nobody_until_it_is_spoken_to() {
    let world = World::new(5);
    let (server, agent) = (world.process("server"), world.process("agent"));
    let incoming = world.listen(&server, 9004).unwrap();
    let own = agent.clone();
    agent.spawn(Box::pin(async move {
        let _stream = own.connect(&to_server()).await.unwrap();
        std::future::pending::<()>().await;
    }));
    let inner = world.clone();
    world.run(async move {
        let mut accepted = incoming.next().await.unwrap();
        inner.reboot("agent");
        let mut byte = [0];
        let told = server.timeout(secs(60), accepted.stream.read(&mut byte));
        assert!(told.await.is_none(), "the other side is gone and said so");
        accepted.stream.write_all(b"x").await.unwrap();
        let error = accepted.stream.read(&mut byte).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn that_the_other_side_is_gone_does_not_pass_a_cut() {
    let world = World::new(5);
    let (server, agent) = (world.process("server"), world.process("agent"));
    let incoming = world.listen(&server, 9004).unwrap();
    let (inner, killed, own) = (world.clone(), agent.process(), agent.clone());
    agent.spawn(Box::pin(async move {
        let _stream = own.connect(&to_server()).await.unwrap();
        std::future::pending::<()>().await;
    }));
    world.run(async move {
        let mut accepted = incoming.next().await.unwrap();
        inner.part("agent", "server", true);
        inner.kill(killed);
        accepted.stream.write_all(b"x").await.unwrap();
        inner.part("agent", "server", false);
        let error = accepted.stream.write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_suspended_host_sleeps_and_its_clocks_tell() {
    let world = World::new(5);
    let runtime = world.process("host");
    let (inner, own) = (world.clone(), runtime.clone());
    let (wall, up) = (runtime.wall(), runtime.uptime().unwrap());
    let (ended, end) = async_channel::bounded(1);
    runtime.spawn(Box::pin(async move {
        own.sleep(secs(10)).await;
        ended.send(()).await.unwrap();
    }));
    world.run(async move {
        inner.sleep(secs(4)).await;
        inner.suspend("host", secs(100));
        end.recv().await.unwrap();
    });
    assert_eq!(world.now().since_start(), secs(110));
    assert_eq!(runtime.now().since_start(), secs(10));
    assert_eq!(runtime.wall().since(wall), secs(110));
    assert_eq!(runtime.uptime().unwrap() - up, secs(110));
}

#[test]
fn a_clock_that_is_set_changes_the_time_of_day_only() {
    let world = World::new(5);
    let runtime = world.process("host");
    let (wall, now, up) = (runtime.wall(), runtime.now(), runtime.uptime());
    world.set_clock("host", -3_600_000);
    assert_eq!(wall.since(runtime.wall()), secs(3_600));
    assert_eq!((runtime.now(), runtime.uptime()), (now, up));
    assert!(world.process("other").wall() >= wall);
}

/// A hundred tasks that wait, wake each other and draw numbers.
fn bustle(seed: u64) -> u64 {
    let world = World::new(seed);
    let runtime = world.process("host");
    for n in 0..100_u64 {
        let own = runtime.clone();
        runtime.spawn(Box::pin(async move {
            for _ in 0..10 {
                own.sleep(Duration::from_millis(own.random() % 10)).await;
                own.blocking(move || n).await.unwrap();
            }
        }));
    }
    let inner = world.clone();
    world.run(async move { inner.sleep(secs(60)).await });
    world.hash()
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_one_another() {
    assert_eq!(bustle(1), bustle(1));
    assert_ne!(bustle(1), bustle(2));
}

#[test]
#[should_panic(expected = "nothing can happen any more")]
fn a_world_in_which_all_wait_for_each_other_says_so() {
    World::new(1).run(std::future::pending::<()>());
}
