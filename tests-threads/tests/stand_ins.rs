//! The stand-ins do as the crates do for which they stand, one operation after the other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use shuttle::rand::{Rng, thread_rng};
use widget_tests_threads::explore::random;
use widget_tests_threads::sync;

/// Operations of one comparison.
const OPERATIONS: usize = 40;

fn is_ready(future: &mut (impl Future<Output = ()> + Unpin)) -> bool {
    let mut nobody = Context::from_waker(Waker::noop());
    Pin::new(future).poll(&mut nobody).is_ready()
}

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T> + '_>>) -> Option<T> {
    let mut nobody = Context::from_waker(Waker::noop());
    match future.as_mut().poll(&mut nobody) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

#[test]
fn the_event_does_as_event_listener() {
    random(|| {
        let (ours, theirs) = (sync::Event::new(), event_listener::Event::new());
        let mut listeners = Vec::new();
        for _ in 0..OPERATIONS {
            let which = thread_rng().gen_range(0..4);
            match which {
                0 => listeners.push((ours.listen(), theirs.listen())),
                1 => {
                    ours.notify(usize::MAX);
                    theirs.notify(usize::MAX);
                }
                _ if listeners.is_empty() => {}
                2 => {
                    let one = thread_rng().gen_range(0..listeners.len());
                    drop(listeners.swap_remove(one));
                }
                _ => {
                    let one = thread_rng().gen_range(0..listeners.len());
                    let (mut ours, mut theirs) = listeners.swap_remove(one);
                    let ready = is_ready(&mut ours);
                    assert_eq!(ready, is_ready(&mut theirs));
                    if !ready {
                        listeners.push((ours, theirs));
                    }
                }
            }
        }
    });
}

#[test]
fn the_channel_does_as_async_channel() {
    random(|| {
        let (put, take) = sync::bounded::<u32>(3);
        let (their_put, their_take) = async_channel::bounded::<u32>(3);
        let (mut take, mut their_take) = (Some(take), Some(their_take));
        for item in 0..40 {
            let Some((ours, theirs)) = take.as_ref().zip(their_take.as_ref()) else {
                assert!(put.try_send(item).is_err() && their_put.try_send(item).is_err());
                continue;
            };
            match thread_rng().gen_range(0..24) {
                0..7 => assert_eq!(put.try_send(item).is_ok(), their_put.try_send(item).is_ok()),
                7..14 => {
                    let mut one: Pin<Box<dyn Future<Output = _>>> = Box::pin(put.send(item));
                    let mut other: Pin<Box<dyn Future<Output = _>>> =
                        Box::pin(their_put.send(item));
                    let (sent, they_sent) = (poll(&mut one), poll(&mut other));
                    assert_eq!(
                        sent.map(|sent| sent.is_ok()),
                        they_sent.map(|sent| sent.is_ok())
                    );
                    if sent.is_none() {
                        // A place comes while they wait.
                        assert_eq!(ours.try_recv().ok(), theirs.try_recv().ok());
                        assert_eq!(poll(&mut one), Some(Ok(())));
                        assert_eq!(poll(&mut other), Some(Ok(())));
                    }
                }
                14..18 => assert_eq!(ours.try_recv().ok(), theirs.try_recv().ok()),
                18..22 => {
                    let mut one: Pin<Box<dyn Future<Output = _>>> = Box::pin(ours.recv());
                    let mut other: Pin<Box<dyn Future<Output = _>>> = Box::pin(theirs.recv());
                    let (got, they_got) = (poll(&mut one), poll(&mut other));
                    assert_eq!(got.map(Result::ok), they_got.map(Result::ok));
                    if got.is_none() {
                        // An item comes while they wait, or the end.
                        if thread_rng().gen_range(0..2) == 0 {
                            assert!(put.try_send(item).is_ok() && their_put.try_send(item).is_ok());
                        } else {
                            put.close();
                            their_put.close();
                        }
                        let (got, they_got) = (poll(&mut one), poll(&mut other));
                        assert!(got.is_some());
                        assert_eq!(got.map(Result::ok), they_got.map(Result::ok));
                    }
                }
                22 => {
                    ours.close();
                    theirs.close();
                }
                _ => {
                    take = None;
                    their_take = None;
                }
            }
        }
    });
}

#[test]
fn a_channel_keeps_what_is_in_it_when_its_receiver_goes() {
    random(|| {
        let (ours, theirs) = (std::sync::Arc::new(()), std::sync::Arc::new(()));
        let (put, take) = sync::bounded(1);
        let (their_put, their_take) = async_channel::bounded(1);
        assert!(put.try_send(ours.clone()).is_ok());
        assert!(their_put.try_send(theirs.clone()).is_ok());
        drop((take, their_take));
        let counts = || [&ours, &theirs].map(std::sync::Arc::strong_count);
        assert_eq!(counts(), [2, 2]);
        drop((put, their_put));
        assert_eq!(counts(), [1, 1]);
    });
}
