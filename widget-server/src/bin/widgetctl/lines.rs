//! [`Lines`]: an answer that comes in pieces, line by line.

use crate::fault::Fault;

/// The longest line, in bytes: many times what an entry of the audit list may have.
const LONGEST: usize = 1024 * 1024;

/// What came and is no whole line yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// One more piece; hands over each line that is whole by now.
    pub(crate) fn take(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if self.begun.len() > LONGEST {
                return Err(Fault::failed("the server says a line without an end"));
            }
            if let Some(line) = self.begun.strip_suffix(b"\n") {
                each(&String::from_utf8_lossy(line))?;
                self.begun.clear();
            }
        }
        Ok(())
    }

    /// There is no more: then the last line must be whole.
    pub(crate) fn end(self) -> Result<(), Fault> {
        match self.begun.is_empty() {
            true => Ok(()),
            false => Err(Fault::failed("the answer ends in the middle of a line")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_are_cut() {
        let text = "ä\n\n{\"b\":1}\n";
        for size in 1..=text.len() {
            let (mut lines, mut found) = (Lines::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                let mut each = |line: &str| {
                    found.push(line.to_owned());
                    Ok(())
                };
                lines.take(piece, &mut each).unwrap();
            }
            assert_eq!(found, ["ä", "", "{\"b\":1}"], "{size}");
            lines.end().unwrap();
        }
    }

    #[test]
    fn half_a_line_and_one_without_an_end_are_said() {
        let mut lines = Lines::default();
        lines.take(b"a\nb", |_| Ok(())).unwrap();
        assert!(lines.end().is_err());
        let mut lines = Lines::default();
        let long = vec![b'x'; LONGEST];
        lines.take(&long, |_| Ok(())).unwrap();
        assert!(lines.take(b"x", |_| Ok(())).is_err());
    }
}
