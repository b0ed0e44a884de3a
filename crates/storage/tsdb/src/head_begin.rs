//! Where the head begins, for the next start, when no block tells: what was cut may have been deleted as a whole, or the
//! newest block may be gone. Without this the log would bring back what was deleted.
//!
//! `firesteel/head_begin`, which others pass over. Format: `docs/format/head_begin.md`.

use std::io;
use std::path::{Path, PathBuf};

use firesteel_base::vfs::Vfs;
use firesteel_tsdb_wal::list_segments;

use crate::DbError;

const MAGIC: [u8; 8] = *b"FSBEGIN\x01";
const BYTES: usize = 28;

fn path(dir: &Path) -> PathBuf {
    dir.join("firesteel/head_begin")
}

/// Returns the time before which the log of the database in `dir` holds nothing that is needed, if that is known.
///
/// What was written beside another log does not count: this one may hold older samples.
pub(crate) fn read(vfs: &dyn Vfs, dir: &Path) -> Result<Option<i64>, DbError> {
    let path = path(dir);
    let mut bytes = [0; BYTES];
    let found = match vfs.open_read(&path) {
        Ok(file) => file.read_at(&mut bytes, 0).map_err(DbError::io("read", &path))?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(DbError::io("open", &path)(e)),
    };
    let last = list_segments(vfs, &dir.join("wal"))?.last().map(|segment| segment.index);
    let belongs = |segment: u64| last.is_some_and(|last| segment <= last);
    Ok(decode(&bytes[..found]).filter(|&(_, segment)| belongs(segment)).map(|(begin, _)| begin))
}

fn decode(bytes: &[u8]) -> Option<(i64, u64)> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    let (magic, rest) = body.split_first_chunk::<8>()?;
    let (begin, rest) = rest.split_first_chunk::<8>()?;
    let segment: &[u8; 8] = rest.try_into().ok()?;
    let whole = *magic == MAGIC && crc32c::crc32c(body) == u32::from_be_bytes(*sum);
    whole.then(|| (i64::from_be_bytes(*begin), u64::from_be_bytes(*segment)))
}

/// Notes that the head begins at `begin`, with `segment` of the log being written; it survives a loss of power.
pub(crate) fn write(vfs: &dyn Vfs, dir: &Path, begin: i64, segment: u64) -> Result<(), DbError> {
    let path = path(dir);
    let tmp = path.with_extension("tmp");
    let parent = dir.join("firesteel");
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&begin.to_be_bytes());
    bytes.extend_from_slice(&segment.to_be_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    vfs.create_dir_all(&parent).map_err(DbError::io("create", &parent))?;
    vfs.sync_dir(dir).map_err(DbError::io("sync", dir))?;
    match vfs.remove_file(&tmp) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(DbError::io("remove", &tmp)(e)),
        _ => {}
    }
    let file = vfs.create(&tmp).map_err(DbError::io("create", &tmp))?;
    file.write_all_at(&bytes, 0).map_err(DbError::io("write", &tmp))?;
    file.sync_data().map_err(DbError::io("sync", &tmp))?;
    vfs.rename(&tmp, &path).map_err(DbError::io("rename", &tmp))?;
    vfs.sync_dir(&parent).map_err(DbError::io("sync", &parent))
}

#[cfg(test)]
mod tests {
    use firesteel_base::vfs::FaultVfs;

    use super::*;

    #[test]
    fn it_is_believed_beside_its_log_only() {
        let (vfs, dir) = (FaultVfs::new(), Path::new("/db"));
        let segment = |index: u64| {
            vfs.create_dir_all(&dir.join("wal")).expect("creates");
            vfs.create(&dir.join(format!("wal/{index:08}"))).expect("creates");
        };
        vfs.create_dir_all(dir).expect("creates");
        assert_eq!(read(&vfs, dir).expect("reads"), None);
        write(&vfs, dir, 1, 2).expect("writes");
        write(&vfs, dir, -5_000, 3).expect("writes over it");
        assert_eq!(read(&vfs, dir).expect("reads"), None, "there is no log");
        segment(2);
        assert_eq!(read(&vfs, dir).expect("reads"), None, "another log");
        segment(3);
        assert_eq!(read(&vfs, dir).expect("reads"), Some(-5_000));
        vfs.corrupt(&path(dir), |bytes| bytes[9] ^= 1).expect("is there");
        assert_eq!(read(&vfs, dir).expect("reads"), None);
        vfs.corrupt(&path(dir), |bytes| bytes.truncate(7)).expect("is there");
        assert_eq!(read(&vfs, dir).expect("reads"), None);
    }
}
