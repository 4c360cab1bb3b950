//! Where each message is sent: one path for each opening and each command.

use widget_core::message::{Command, Opening};

/// What every path begins with, after the prefix that a proxy may have put before it.
pub const ROOT: &str = "/agent/v2/";

/// The path of a command, such as `/agent/v2/request-work`.
#[must_use]
pub fn path_of(command: &Command) -> String {
    format!("{ROOT}{}", command.name())
}

/// The path of an opening.
pub(crate) fn path_of_opening(opening: &Opening) -> String {
    format!("{ROOT}{}", opening.name())
}
