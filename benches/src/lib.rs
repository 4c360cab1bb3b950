//! Benches of Widget; they stand beside this folder, each next to its floor. Run all with
//! `cargo bench`, one with `cargo bench -- encoding`.
