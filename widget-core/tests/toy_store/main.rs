//! The suite of task stores, on the toy in the module docs of `store`.
#![cfg(feature = "testkit")]

mod toy;

widget_core::task_store_suite!(|| async {
    toy::ToyStore::new(widget_core::testkit::fixtures::store_epoch(7))
});
