//! [`Host`]: what the agent says of the machine it runs on.

use std::fs;

use sysinfo::System;

/// The longest of the texts, in bytes.
const MAX_TEXT: usize = 256;

/// What the agent says of the machine it runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Operating system and its version.
    pub os: String,
    /// Changes with each start of the machine.
    pub boot: String,
}

impl Host {
    /// This machine. What the system does not tell stays empty.
    #[must_use]
    pub fn this() -> Self {
        Self {
            name: short(System::host_name().unwrap_or_default()),
            os: short(System::long_os_version().unwrap_or_default()),
            boot: short(boot()),
        }
    }
}

fn boot() -> String {
    if let Ok(id) = fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        return id.trim_end().to_owned();
    }
    System::boot_time()
        .map(|at| at.to_string())
        .unwrap_or_default()
}

fn short(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_name() {
        let host = Host::this();
        assert!(!host.name.is_empty() && !host.boot.is_empty(), "{host:?}");
        assert_eq!(host, Host::this());
    }
}
