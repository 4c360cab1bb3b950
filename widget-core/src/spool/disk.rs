//! [`Disk`]: what a spool on disk asks of files. Real ones are the agent's, simulated ones the
//! testkit's.

use std::fmt::Debug;
use std::io;

/// A directory, of which a spool uses a few files by name. Blocking.
///
/// An implementation
/// - must have made a change of names ([`create`](Self::create), [`rename`](Self::rename),
///   [`remove`](Self::remove)) survive the loss of power once [`sync`](Self::sync) has answered, and
///   must make earlier ones survive if later ones do;
/// - must have replaced the file of the new name as a whole, if there was one, when it is renamed;
/// - must be used by one process at a time.
pub trait Disk: Debug + Send {
    /// The whole content of a file.
    ///
    /// # Errors
    /// `NotFound` if there is no such file, `FileTooLarge` if it has more bytes than `most`.
    fn read(&mut self, name: &str, most: u64) -> io::Result<Vec<u8>>;

    /// A new empty file; one of the same name is gone.
    ///
    /// # Errors
    /// If the disk refuses.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// A file that is there, to be written on at its end.
    ///
    /// # Errors
    /// If the disk refuses.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file another name.
    ///
    /// # Errors
    /// If the disk refuses.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// If the disk refuses.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes sure that names survive the loss of power.
    ///
    /// # Errors
    /// If the disk refuses; which names survive is then not known.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file that is written at its end.
pub trait DiskFile: Debug + Send {
    /// Writes at the end, in one go.
    ///
    /// # Errors
    /// If the disk refuses; a part may have been written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes sure that all that was written survives the loss of power.
    ///
    /// # Errors
    /// If the disk refuses; nothing is then known of what was written since the last time, and
    /// asking again would tell nothing.
    fn sync(&mut self) -> io::Result<()>;
}
