//! No wake-up is lost: bells, stop, and the state of an agent. What is small enough goes through every
//! schedule there is.

use widget_tests_threads::explore::{caught, every, many};
use widget_tests_threads::{ringing, stopping, watching};

/// A check holds for the real thing, and for a double without a fault.
macro_rules! holds {
    ($how:ident, $of:ident, $check:ident) => {
        #[test]
        fn $check() {
            let schedules = $how(|| $of::$check($of::Real::default()));
            $how(|| $of::$check($of::Wrong::with($of::Fault::None)));
            println!("{schedules:>9} {} {}", stringify!($how), stringify!($check));
        }
    };
}

/// A fault is found by a check, for what it is.
macro_rules! finds {
    ($name:ident, $of:ident::$fault:ident by $check:ident as $message:literal) => {
        #[test]
        fn $name() {
            let caught = caught(|| $of::$check($of::Wrong::with($of::Fault::$fault)));
            println!("{:>9} until found: {}", caught.schedule, stringify!($name));
            assert!(caught.message.contains($message), "{caught:?}");
        }
    };
}

holds!(every, ringing, no_ring_is_missed);
holds!(every, ringing, who_asked_last_is_woken);
holds!(many, ringing, one_ring_wakes_all_of_its_agent);
holds!(many, ringing, who_stops_waiting_leaves_nothing);
holds!(many, ringing, wakers_may_use_the_bells);

finds!(a_bell_that_registers_late, ringing::RegistersLate by no_ring_is_missed as "deadlock");
finds!(a_bell_that_keeps_the_first_waker, ringing::KeepsFirstWaker by who_asked_last_is_woken as "deadlock");
finds!(a_bell_that_wakes_one, ringing::WakesOne by one_ring_wakes_all_of_its_agent as "deadlock");
finds!(a_bell_that_wakes_others, ringing::WakesOthers by one_ring_wakes_all_of_its_agent as "another agent");
finds!(a_bell_that_keeps_who_left, ringing::KeepsWhoLeft by who_stops_waiting_leaves_nothing as "left behind");
finds!(a_bell_that_wakes_behind_its_lock, ringing::WakesBehindLock by wakers_may_use_the_bells as "already holds");

#[test]
fn who_looks_before_registering() {
    let caught = caught(|| ringing::looks_before_registering(ringing::Real::default()));
    println!(
        "{:>9} until found: who_looks_before_registering",
        caught.schedule
    );
    assert!(caught.message.contains("deadlock"), "{caught:?}");
}

holds!(every, stopping, one_hears);
holds!(every, stopping, going_away_asks);
holds!(many, stopping, everyone_hears);

finds!(a_stop_that_looks_once, stopping::LooksOnce by one_hears as "deadlock");
finds!(a_stop_that_notifies_first, stopping::NotifiesFirst by everyone_hears as "deadlock");
finds!(a_stop_that_goes_silently, stopping::GoesSilently by going_away_asks as "deadlock");
finds!(a_stop_that_ends_unasked, stopping::EndsUnasked by one_hears as "before it was asked");

holds!(every, watching, one_change_is_not_missed);
holds!(many, watching, no_change_is_missed);
holds!(many, watching, what_is_taken_is_taken_once);

finds!(a_state_that_is_looked_at_first, watching::LooksFirst by one_change_is_not_missed as "deadlock");
finds!(a_state_that_notifies_first, watching::NotifiesFirst by no_change_is_missed as "deadlock");
finds!(a_state_that_is_let_go, watching::LetsGo by what_is_taken_is_taken_once as "taken twice");
