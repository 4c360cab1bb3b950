//! [`FrameBuffer`]: bytes in, frames out, bounded by what came.

use super::{FrameError, MAGIC, v1, v2};

/// How much is reserved ahead of the bytes that came, at most.
const STEP: usize = 32 * 1024;

/// Bytes of a stream that have yet to become frames.
///
/// Feed it with [`push`](Self::push), then take frames until there is none. Between two pushes it
/// holds less than one frame, if whoever feeds it takes all.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    /// Where the first byte stands that belongs to no frame yet.
    start: usize,
}

impl FrameBuffer {
    /// An empty buffer, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
        }
    }

    /// Adds bytes that came.
    pub fn push(&mut self, came: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        let room = self.bytes.capacity() - self.bytes.len();
        if room < came.len() {
            // Not doubled, as `reserve` would: a long frame may be a claim that never comes true.
            let ahead = self.bytes.len().min(STEP);
            self.bytes.reserve_exact(came.len() + ahead);
        }
        self.bytes.extend_from_slice(came);
    }

    /// Whether nothing is left over: no frame has begun that has not ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.len() == self.start
    }

    /// How many bytes have come that belong to no frame yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Memory in use, in bytes.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// How many bytes the next frame of version 2 claims to have, head and all; 0 until its head
    /// is there. The claim is checked by [`next_v2`](Self::next_v2) only.
    #[must_use]
    pub fn claimed_v2(&self) -> usize {
        let length = self.rest().get(v2::HEAD - 4..v2::HEAD);
        let length = length.and_then(|length| length.first_chunk());
        length.map_or(0, |length| {
            let payload = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            payload.saturating_add(v2::HEAD + v2::TAIL)
        })
    }

    /// The version that the next frame says it is, once four bytes are there.
    ///
    /// # Errors
    /// [`FrameError::Magic`] if it is no frame at all.
    pub fn version(&self) -> Result<Option<u16>, FrameError> {
        let rest = self.rest();
        if let Some(magic) = rest.first_chunk::<2>() {
            let magic = u16::from_be_bytes(*magic);
            if magic != MAGIC {
                return Err(FrameError::Magic(magic));
            }
        }
        Ok(rest
            .first_chunk::<4>()
            .map(|[_, _, a, b]| u16::from_be_bytes([*a, *b])))
    }

    /// The next frame of version 2 whose payload has at most `limit` bytes, if it is whole.
    ///
    /// # Errors
    /// Any [`FrameError`]; the stream must then be given up.
    pub fn next_v2(&mut self, limit: usize) -> Result<Option<v2::Frame<'_>>, FrameError> {
        self.expect_version(v2::VERSION)?;
        let Some(head) = self.rest().first_chunk() else {
            return Ok(None);
        };
        let head = v2::Head::parse(head, limit)?;
        let Some(frame) = self.take(head.frame_len()) else {
            return Ok(None);
        };
        v2::Frame::check(head, frame).map(Some)
    }

    /// The next frame of version 1, if it is whole.
    ///
    /// # Errors
    /// Any [`FrameError`]; the stream must then be given up.
    pub fn next_v1(&mut self) -> Result<Option<v1::Frame<'_>>, FrameError> {
        self.expect_version(v1::VERSION)?;
        let Some(head) = self.rest().first_chunk() else {
            return Ok(None);
        };
        let head = v1::Head::parse(head)?;
        let Some(frame) = self.take(head.frame_len()) else {
            return Ok(None);
        };
        v1::Frame::check(head, frame).map(Some)
    }

    fn expect_version(&mut self, expected: u16) -> Result<(), FrameError> {
        if self.is_empty() {
            // Keeps nothing: most connections are idle, and small memory is soon had again.
            self.bytes = Vec::new();
            self.start = 0;
        }
        match self.version()? {
            Some(version) if version != expected => Err(FrameError::Version(version)),
            _ => Ok(()),
        }
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Takes the next `len` bytes, if they are there.
    fn take(&mut self, len: usize) -> Option<&[u8]> {
        let from = self.start;
        let taken = self.bytes.get(from..from.checked_add(len)?)?;
        self.start = from + len;
        Some(taken)
    }
}
