//! The numbers that are in use in [`Extras`](super::Extras), each message with its own.

/// In [`Hello::extras`](super::Hello::extras): 16 bytes that are the same as long as the machine is.
pub const MACHINE: u16 = 1;
/// In [`Hello::extras`](super::Hello::extras): which boot of the machine it is, as text.
pub const BOOT: u16 = 2;
/// In [`Hello::extras`](super::Hello::extras): the agent reads
/// [`Response::Assigned`](super::Response::Assigned) and is to be told who asked for its tasks. One byte, 1.
pub const READS_ASSIGNED: u16 = 3;
/// In [`Welcome::extras`](super::Welcome::extras): the agent's id by its credential, 16 bytes. It
/// counts for more than what the agent said of itself.
pub const AGENT: u16 = 1;
