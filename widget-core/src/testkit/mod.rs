//! Conformance suites for plugins: every promise of a trait is one named `#[test]`.
