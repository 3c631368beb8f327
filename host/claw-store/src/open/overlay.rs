//! What the engine writes to in the place of a file: a view of one that does not change, or memory alone.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The unit of copy on write; the engine's page size, so that most writes fill one.
const BLOCK: u64 = 4096;

/// Reads come from the file, if there is one; writes stay here.
#[derive(Debug)]
pub(crate) struct Overlay {
    file: Option<File>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// What the engine believes to be the length of the file.
    len: u64,
    /// Up to here, what is not in `blocks` is read from the file; beyond it is zero.
    base: u64,
    blocks: HashMap<u64, Vec<u8>>,
    /// Bytes of all blocks.
    taken: Arc<AtomicU64>,
}

impl Overlay {
    pub fn new(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let len = file.metadata()?.len();
        Ok(Overlay {
            file: Some(file),
            written: Mutex::new(Written { len, base: len, blocks: HashMap::new(), taken: Arc::default() }),
        })
    }

    /// Memory alone. `taken` counts the bytes that it takes; what was never written takes none.
    pub fn of_nothing(taken: Arc<AtomicU64>) -> Self {
        let written = Written { len: 0, base: 0, blocks: HashMap::new(), taken };
        Overlay { file: None, written: Mutex::new(written) }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > written.len) {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for (block, start, part) in parts(offset, out.len()) {
            let out = &mut out[part];
            match written.blocks.get(&block) {
                Some(bytes) => out.copy_from_slice(&bytes[start..start + out.len()]),
                None => written.read_base(self.file.as_ref(), block * BLOCK + start as u64, out)?,
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut written = self.written();
        written.len = len;
        written.base = written.base.min(len);
        written.blocks.retain(|block, _| block * BLOCK < len);
        written.count();
        // What comes back when the file grows again is zero, not what was there.
        if let Some(last) = written.blocks.get_mut(&(len / BLOCK)) {
            last[(len % BLOCK) as usize..].fill(0);
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut written = self.written();
        for (block, start, part) in parts(offset, data.len()) {
            if !written.blocks.contains_key(&block) {
                let mut bytes = vec![0; BLOCK as usize];
                written.read_base(self.file.as_ref(), block * BLOCK, &mut bytes)?;
                written.blocks.insert(block, bytes);
                written.count();
            }
            let bytes = written.blocks.get_mut(&block).expect("overlay: just inserted");
            bytes[start..start + part.len()].copy_from_slice(&data[part]);
        }
        let end = offset + data.len() as u64;
        written.len = written.len.max(end);
        Ok(())
    }
}

impl Written {
    fn count(&self) {
        self.taken.store(self.blocks.len() as u64 * BLOCK, Ordering::Relaxed);
    }

    /// Reads from the file, and zeros beyond what of it is visible.
    fn read_base(&self, file: Option<&File>, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let visible = usize::try_from(self.base.saturating_sub(offset)).map_or(out.len(), |n| n.min(out.len()));
        if let Some(file) = file {
            file.read_exact_at(&mut out[..visible], offset)?;
        }
        out[visible..].fill(0);
        Ok(())
    }
}

/// Cuts `len` bytes at `offset` into blocks: (block, start inside it, range of the caller's buffer).
fn parts(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let start = (at % BLOCK) as usize;
        let size = (len - done).min(BLOCK as usize - start);
        let part = done..done + size;
        done += size;
        Some((at / BLOCK, start, part))
    })
}

#[cfg(test)]
mod tests;
