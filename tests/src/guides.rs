//! The guides for those who write plugins. Their Rust code compiles and runs as doc tests, in this
//! package because it may name every other, and because none of it is published.

#[doc = include_str!("../../docs/writing-a-transport.md")]
struct WritingATransport;

#[doc = include_str!("../../docs/writing-a-store.md")]
struct WritingAStore;
