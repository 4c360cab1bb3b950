//! [`Kept`]: what an agent that joins a server keeps in its state directory, in a file that nobody else
//! may read.
//!
//! Text, a line for each word and its value. The first is the secret, whose start says what the file is:
//!
//! | line | |
//! |---|---|
//! | `wa1.SECRET` | what proves the agent |
//! | `token HEX` | a digest of the join string's token, by which that is known again |
//! | `agent UUID` | the id that the server gave it; missing until it did |
//! | `server URL` | where it reports, up to eight of them, with its pin where that is TLS |

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use widget_core::access::{AGENT_PREFIX, JoinString, Secret};
use widget_core::id::AgentId;

use crate::disk;

/// Its name in the state directory.
pub(crate) const NAME: &str = "credential";
const TEMPORARY: &str = "credential.new";
/// The longest file: that of the longest join string with a pin for each server, and room to spare.
const MOST: u64 = 8 * 1024;

/// What is in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What proves the agent.
    pub(crate) secret: Secret,
    /// [`digest`] of the token that let it in, or is to.
    pub(crate) token: u64,
    /// Who it is, once the server has said so.
    pub(crate) agent: Option<AgentId>,
    /// Addresses as [`connect`](fn@crate::connect) takes them.
    pub(crate) servers: Vec<String>,
}

/// A credential's file cannot be used. It stays as it is: to make another takes another join string.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// It cannot be read.
    #[error("the credential {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others on this host may know the secret by now.
    #[error(
        "the credential {0} may be read by others: if none of them has, take that right away with \
         chmod 600, or else join anew with another directory"
    )]
    Open(PathBuf),
    /// It is not what an agent writes there.
    #[error(
        "the credential {0} is damaged, or of a newer version: bring it back from a backup, or \
         delete it and join anew"
    )]
    Damaged(PathBuf),
    /// It cannot be written.
    #[error("the credential {path} cannot be written")]
    Unwritten {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Kept {
    /// What is in the file of this directory, if there is one.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, CredentialError> {
        let path = directory.join(NAME);
        let bytes = match disk::read(&path, MOST) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                return Err(CredentialError::Damaged(path));
            }
            Err(source) => return Err(CredentialError::Unreadable { path, source }),
        };
        match system::is_private(&path) {
            Ok(true) => {}
            Ok(false) => return Err(CredentialError::Open(path)),
            Err(source) => return Err(CredentialError::Unreadable { path, source }),
        }
        let kept = str::from_utf8(&bytes).ok().and_then(Self::parse);
        kept.map(Some).ok_or(CredentialError::Damaged(path))
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(AGENT_PREFIX)?;
        // A file that was cut off reads otherwise as a whole one.
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let secret = lines.next()?.parse().ok()?;
        let (mut token, mut agent, mut servers) = (None, None, Vec::new());
        for line in lines {
            let is_new = match line.split_once(' ')? {
                ("token", hex) => token.replace(u64::from_str_radix(hex, 16).ok()?).is_none(),
                ("agent", id) => agent.replace(id.parse().ok()?).is_none(),
                ("server", url) => {
                    servers.push(url.to_owned());
                    url.contains("://")
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        if servers.is_empty() || servers.len() > JoinString::MAX_SERVERS {
            return None;
        }
        Some(Self {
            secret,
            token: token?,
            agent,
            servers,
        })
    }

    fn text(&self) -> String {
        let mut text = [AGENT_PREFIX, &self.secret.text(), "\n"].concat();
        text.push_str(&format!("token {:016x}\n", self.token));
        if let Some(agent) = self.agent {
            text.push_str(&format!("agent {agent}\n"));
        }
        for server in &self.servers {
            text.extend(["server ", server, "\n"]);
        }
        text
    }

    /// Writes the file, so that after a power cut it is there as a whole, or the one of before is.
    pub(crate) fn write(&self, directory: &Path) -> Result<(), CredentialError> {
        let path = directory.join(NAME);
        let written = self.write_to(directory, &path);
        written.map_err(|source| CredentialError::Unwritten { path, source })
    }

    fn write_to(&self, directory: &Path, path: &Path) -> io::Result<()> {
        let temporary = directory.join(TEMPORARY);
        // One that is left from before may have other rights.
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file: File =
            system::private(OpenOptions::new().write(true).create_new(true)).open(&temporary)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        disk::sync_names(directory)
    }
}

/// By which something is known again that is itself not to be kept (FNV-1a, 64 bits, from this start).
pub(crate) fn digest(start: u64, bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(start, step)
}

/// Where [`digest`] starts usually.
pub(crate) const START: u64 = 0xcbf2_9ce4_8422_2325;

#[cfg(unix)]
mod system {
    //! Rights are the owner's, the group's and those of all others.

    use std::fs::{self, OpenOptions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
    use std::path::Path;

    /// A file that is made so is its owner's only.
    pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options.mode(0o600)
    }

    pub(super) fn is_private(path: &Path) -> io::Result<bool> {
        Ok(fs::metadata(path)?.mode() & 0o077 == 0)
    }
}

#[cfg(not(unix))]
mod system {
    //! Rights are those of the directory.

    use std::fs::OpenOptions;
    use std::io;
    use std::path::Path;

    pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
        options
    }

    pub(super) fn is_private(_: &Path) -> io::Result<bool> {
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(agent: Option<AgentId>) -> Kept {
        Kept {
            secret: Secret::from_bytes([7; 32]),
            token: 0xab,
            agent,
            servers: vec!["tcp://a:1".to_owned(), "tls://b:2?pin=x".to_owned()],
        }
    }

    #[test]
    fn what_was_written_reads_back() {
        let state = tempfile::tempdir().unwrap();
        assert_eq!(Kept::read(state.path()).unwrap(), None);
        // Left by a start that was cut off.
        fs::write(state.path().join(TEMPORARY), "wa1.").unwrap();
        for agent in [None, Some(AgentId::from_u128(3))] {
            kept(agent).write(state.path()).unwrap();
            assert_eq!(Kept::read(state.path()).unwrap(), Some(kept(agent)));
        }
        assert!(!state.path().join(TEMPORARY).exists());
    }

    #[test]
    fn its_text_is_as_it_was_released() {
        let text = "wa1.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n\
                    token 00000000000000ab\n\
                    agent 00000000-0000-0000-0000-000000000003\n\
                    server tcp://a:1\n\
                    server tls://b:2?pin=x\n";
        let finished = kept(Some(AgentId::from_u128(3)));
        assert_eq!(finished.text(), text);
        assert_eq!(Kept::parse(text), Some(finished));
    }

    #[test]
    fn a_damaged_file_is_told_and_stays() {
        let whole = kept(Some(AgentId::from_u128(3))).text();
        let mut damaged: Vec<String> = (0..whole.len())
            .map(|end| whole[..end].to_owned())
            // A line that is missing at the end is a server less.
            .filter(|text| !text.ends_with(":1\n"))
            .collect();
        damaged.push(whole.replace("wa1", "wa2"));
        damaged.push(whole.replace("agent", "owner"));
        damaged.push(format!("{whole}token 1\n"));
        damaged.push(whole.replace("tcp://", ""));
        damaged.push("x".repeat(9_000));
        for text in damaged {
            let state = tempfile::tempdir().unwrap();
            kept(None).write(state.path()).unwrap();
            let path = state.path().join(NAME);
            fs::write(&path, &text).unwrap();
            let error = Kept::read(state.path()).unwrap_err();
            assert!(matches!(error, CredentialError::Damaged(_)), "{text}");
            assert!(error.to_string().contains(path.to_str().unwrap()));
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_its_owners_only_and_another_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let state = tempfile::tempdir().unwrap();
        kept(None).write(state.path()).unwrap();
        let path = state.path().join(NAME);
        let rights = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(rights & 0o777, 0o600);
        for rights in [0o640, 0o604, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(rights)).unwrap();
            let error = Kept::read(state.path()).unwrap_err();
            assert!(matches!(error, CredentialError::Open(_)), "{rights:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(Kept::read(state.path()).unwrap().is_some());
    }

    #[test]
    fn a_digest_is_that_of_its_definition() {
        assert_eq!(digest(START, b""), START);
        assert_eq!(digest(START, b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
