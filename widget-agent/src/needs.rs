//! Refuses to build a program that could do nothing.

#[cfg(not(any(feature = "smol", feature = "tokio")))]
compile_error!("the program needs a runtime: build it with the feature `smol` or `tokio`");

#[cfg(not(any(feature = "tcp", feature = "http")))]
compile_error!("the program needs a transport: build it with the feature `tcp` or `http`");
