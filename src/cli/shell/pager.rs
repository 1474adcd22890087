//! Long results a page at a time.

use crate::cli::status::Stdout;
use std::io::{self, Read as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shown below a page.
const MORE: &str = "-- more: Space a page, Enter a line, q leaves --";

/// Takes the line below a page away.
const ERASE: &[u8] = b"\r\x1b[K";

/// Ctrl-C, where the terminal makes no signal of it.
const INTERRUPT: u8 = 3;

/// Columns and rows of the terminal.
#[derive(Clone, Debug, Default)]
pub(super) struct Size(Arc<[AtomicUsize; 2]>);

impl Size {
    pub(super) fn set(&self, columns: usize, rows: usize) {
        self.0[0].store(columns, Ordering::Relaxed);
        self.0[1].store(rows, Ordering::Relaxed);
    }

    fn get(&self) -> (usize, usize) {
        (self.0[0].load(Ordering::Relaxed), self.0[1].load(Ordering::Relaxed))
    }
}

/// The shell's own results. What comes in one piece and is longer than the terminal is shown a page at a time; rows of
/// a streaming query, which come one after the other, pass by as in the `tableau` mode of Flink's client.
#[derive(Debug)]
pub(super) struct Pager {
    out: Stdout,
    size: Size,
}

impl Pager {
    pub(super) fn new(size: Size) -> Pager {
        Pager { out: Stdout::default(), size }
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (columns, rows) = self.size.get();
        if rows < 3 || bytes.split(|byte| *byte == b'\n').count() <= rows {
            return self.out.write(bytes);
        }
        let Ok(mut keys) = Keys::open() else { return self.out.write(bytes) };
        page(&mut self.out, bytes, (columns, rows), &mut || keys.next())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Keys of the terminal as they are typed.
struct Keys {
    before: nix::sys::termios::Termios,
}

impl Keys {
    fn open() -> nix::Result<Keys> {
        use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin())?;
        let mut now = before.clone();
        now.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
        tcsetattr(io::stdin(), SetArg::TCSANOW, &now)?;
        Ok(Keys { before })
    }

    fn next(&mut self) -> Option<u8> {
        let mut key = [0];
        // Not through a buffer: what is typed behind the key is for the line editor.
        let terminal = io::stdin();
        let read = std::os::fd::AsFd::as_fd(&terminal).try_clone_to_owned().ok()?;
        std::fs::File::from(read).read_exact(&mut key).ok()?;
        key.first().copied()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        tcsetattr(io::stdin(), SetArg::TCSANOW, &self.before).unwrap_or(());
    }
}

/// Writes a page, and what the keys ask for, until the end of the text or `q`. Without keys all of it.
fn page(
    out: &mut impl Write,
    text: &[u8],
    (columns, rows): (usize, usize),
    next_key: &mut dyn FnMut() -> Option<u8>,
) -> io::Result<()> {
    let height = |line: &[u8]| {
        let width = String::from_utf8_lossy(line.trim_ascii_end()).chars().count();
        width.div_ceil(columns.max(1)).max(1)
    };
    let mut room = rows - 1;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let taken = height(line);
        while room < taken.min(rows - 1) {
            out.write_all(MORE.as_bytes())?;
            out.flush()?;
            let key = next_key();
            out.write_all(ERASE)?;
            match key {
                Some(b'q' | b'Q' | INTERRUPT) => return out.flush(),
                Some(b' ' | b'f') => room = rows - 1,
                Some(b'\n' | b'\r' | b'j') => room = taken.min(rows - 1),
                Some(_) => {}
                None => room = usize::MAX,
            }
        }
        out.write_all(line)?;
        room = room.saturating_sub(taken);
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_how_much_comes() {
        let text = "1\n2\n3\n4 is longer\n5\n6\n7\n";
        for (keys, shown) in [
            ("q", vec![3]),
            ("xq", vec![3, 0]),
            ("\rq", vec![3, 1]),
            (" q", vec![3, 2]),
            (" \x03", vec![3, 2]),
            ("  ", vec![3, 2, 2]),
            ("", vec![3, 4]),
        ] {
            let (mut out, mut typed) = (Vec::new(), keys.bytes());
            page(&mut out, text.as_bytes(), (6, 4), &mut || typed.next()).unwrap();
            let out = String::from_utf8(out).unwrap();
            let pages: Vec<usize> = out
                .split(MORE)
                .map(|page| page.trim_start_matches("\r\x1b[K").lines().count())
                .collect();
            let pages =
                pages.strip_suffix(&[0]).filter(|p| p.len() >= shown.len()).unwrap_or(&pages);
            assert_eq!(pages, shown, "{keys:?}: {out:?}");
        }
    }
}
