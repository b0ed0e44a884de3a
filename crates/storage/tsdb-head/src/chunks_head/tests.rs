//! Bytes as upstream's, files that end and go, and whatever a loss of power leaves.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_model::SeriesRef;

use super::format::{HEADER_BYTES, entry_bytes};
use super::*;

/// Written out by hand from the format's description, with a checksum of another implementation.
const GOLDEN: &str = "0130bc9101000000\
    000000000000000700000000000003e80000000000003e80010c0001d00f3ff0000000000000c9198fc3";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

#[test]
fn bytes_are_upstreams() {
    let data = hex("0001d00f3ff0000000000000");
    let mut file = file_header().to_vec();
    assert_eq!(push_entry(&mut file, SeriesRef(7), (1000, 16_000), 1, false, &data), 26);
    assert_eq!(file, hex(GOLDEN));
    let at = file.len();
    let mut long = vec![0, 2];
    long.extend(0..200u8);
    assert_eq!(push_entry(&mut file, SeriesRef(300), (-5, 5), 2, true, &long), 27);
    assert_eq!(file.len() - at, entry_bytes(long.len()));
    assert_eq!(file[file.len() - 4..], hex("132d7c45"));
    check_header(&file).expect("a header");
    let entries: Vec<Entry<'_>> = Entries::new(&file).collect::<Result<_, _>>().expect("whole entries");
    let second = entries[1];
    assert_eq!((entries.len(), entries[0].data, entries[0].samples()), (2, &data[..], 1));
    assert_eq!((second.series, second.min_t, second.max_t), (SeriesRef(300), -5, 5));
    assert_eq!((second.encoding, second.out_of_order, second.data), (2, true, &long[..]));
    assert_eq!(entry_start(second.data_at, long.len()), second.offset);
    assert_eq!(entry_at(&file, second.offset), Ok(second));
}

#[test]
fn a_file_ends_with_zeros_or_its_first_fault() {
    let mut file = file_header().to_vec();
    push_entry(&mut file, SeriesRef(1), (1, 2), 1, false, &[0, 1, 9, 9, 9]);
    let one = file.len();
    push_entry(&mut file, SeriesRef(2), (1, 2), 1, false, &[0, 1, 8, 8, 8]);
    let count = |file: &[u8]| {
        let mut entries = Entries::new(file);
        let mut n = 0;
        let fault = loop {
            match entries.next() {
                Some(Ok(_)) => n += 1,
                Some(Err(e)) => break Some(e.offset),
                None => break None,
            }
        };
        assert!(entries.next().is_none());
        (n, fault)
    };
    assert_eq!(count(&file), (2, None));
    for zeros in [1, 20, 33, 34, 5000] {
        let mut padded = file.clone();
        padded.resize(file.len() + zeros, 0);
        assert_eq!(count(&padded), (2, None), "{zeros} zeros");
    }
    // Cut before the first byte that is not zero, there is nothing to miss.
    for cut in one + 8..file.len() {
        assert_eq!(count(&file[..cut]), (1, Some(one as u64)), "cut at {cut}");
    }
    for at in one..file.len() {
        let mut rotten = file.clone();
        rotten[at] ^= 0x10;
        assert_eq!(count(&rotten), (1, Some(one as u64)), "rot at {at}");
    }
    for (bytes, offset) in [(&b""[..], 0), (b"\x01\x30\xbc", 0), (b"\x01\x30\xbc\x92\x01\0\0\0", 0)] {
        assert_eq!(check_header(bytes).expect_err("no header").offset, offset);
    }
    assert_eq!(check_header(b"\x01\x30\xbc\x91\x02\0\0\0").expect_err("another version").offset, 4);
}

const DIR: &str = "/data/chunks_head";

fn open(vfs: &FaultVfs, file_bytes: u64) -> (ChunkFiles, Loaded) {
    let vfs: Arc<dyn Vfs> = Arc::new(vfs.clone());
    vfs.create_dir_all(Path::new("/data")).and_then(|()| vfs.sync_dir(Path::new("/"))).expect("a directory");
    let (files, loaded) = ChunkFiles::open(vfs, Path::new(DIR), i64::MIN, ChunkRef::default()).expect("opens");
    (files.with_file_bytes(file_bytes), loaded)
}

/// The chunk number `n`: of one of seven series, its bytes tell its number.
fn chunk(n: u32) -> (NewChunk, Vec<u8>) {
    let mut bytes = vec![0, 1];
    bytes.extend(std::iter::repeat_n(n.to_be_bytes(), 5 + n as usize % 20).flatten());
    let t = i64::from(n);
    let series = SeriesRef(u64::from(n % 7) + 1);
    let new = NewChunk { series, range: (t, t), encoding: 1, out_of_order: false, from: 0, to: bytes.len() as u32 };
    (new, bytes)
}

/// Returns the numbers of the chunks that are found, in order; all of them are whole.
fn found(files: &ChunkFiles, loaded: &Loaded) -> Vec<u32> {
    let maps = files.maps();
    let mut numbers = Vec::new();
    for series in 1..=7 {
        let of_series: Vec<MappedEntry> = loaded.in_order(&maps, SeriesRef(series)).collect();
        assert!(of_series.is_sorted_by_key(|e| e.min_t));
        for entry in of_series {
            let (_, want) = chunk(entry.min_t as u32);
            let map = maps.get(entry.at.file() as u16).expect("is mapped");
            assert_eq!(map[entry.data_at as usize..][..entry.len as usize], want);
            numbers.push(entry.min_t as u32);
        }
    }
    numbers.sort_unstable();
    numbers
}

#[test]
fn files_end_in_time_and_go_from_the_oldest_on() {
    let vfs = FaultVfs::new();
    let (files, loaded) = open(&vfs, 1000);
    assert!(loaded.is_empty() && !loaded.cut);
    let mut places = Vec::new();
    for n in 0..100 {
        let (new, bytes) = chunk(n);
        places.push(files.append_one(new, &bytes).expect("is written"));
    }
    let last = places[99].1.file;
    assert!(last > 5);
    for (n, (at, written)) in (0..).zip(&places) {
        let maps = files.maps();
        let map = maps.get(written.file as u16).expect("is mapped");
        assert!(map.len() <= 1000);
        assert_eq!(entry_at(map, at.offset()).expect("is whole").data, chunk(n).1);
    }
    let (again, loaded) = open(&vfs, 1000);
    assert_eq!(found(&again, &loaded), (0..100).collect::<Vec<_>>());
    assert_eq!(again.size_bytes(), files.size_bytes());
    drop(again);
    // By somebody else's hand, while it was mapped.
    vfs.remove_file(&files::file_path(Path::new(DIR), 2)).expect("removes");
    files.truncate(4).expect("truncates");
    let (again, loaded) = open(&vfs, 1000);
    let left: Vec<u32> = (0..100).filter(|&n| places[n as usize].1.file >= 4).collect();
    assert_eq!(found(&again, &loaded), left);
    let (new, bytes) = chunk(100);
    assert_eq!(files.append_one(new, &bytes).expect("is written").1.file, last + 1, "truncation ends the file");
    files.truncate(u32::MAX).expect("truncates");
    assert_eq!((files.size_bytes(), found(&files, &Loaded::default()).len()), (0, 0));
    let too_large = vec![0; 2000];
    let new = NewChunk { to: 2000, ..new };
    assert!(matches!(files.append_one(new, &too_large), Err(ChunksHeadError::TooLarge { bytes: 2000 })));
}

#[test]
fn a_rotten_file_is_cut_and_those_behind_it_go() {
    for (file, at) in [(2u32, 0), (2, 5), (2, HEADER_BYTES), (2, 300), (6, 100)] {
        let vfs = FaultVfs::new();
        let (files, _) = open(&vfs, 1000);
        let places: Vec<Written> =
            (0..100).map(chunk).map(|(new, bytes)| files.append_one(new, &bytes).expect("written").1).collect();
        drop(files);
        vfs.corrupt(&Path::new(DIR).join(format!("{file:06}")), |bytes| bytes[at] ^= 4).expect("is there");
        let (files, loaded) = open(&vfs, 1000);
        let whole = places.iter().take_while(|w| w.file < file || w.file == file && w.data_at as usize + 20 < at);
        let got = found(&files, &loaded);
        assert!(loaded.cut || at == 5, "a reserved byte is nobody's");
        if loaded.cut {
            assert!(got.len() <= whole.clone().count() + 1 && got.len() + 1 >= whole.count(), "{got:?}");
        }
        assert_eq!(got, (0..got.len() as u32).collect::<Vec<_>>(), "a prefix");
        let (new, bytes) = chunk(100);
        files.append_one(new, &bytes).expect("goes on");
        let (files, loaded) = open(&vfs, 1000);
        assert!(!loaded.cut, "what was broken is gone");
        assert_eq!(found(&files, &loaded).len(), got.len() + 1);
    }
}

/// Whatever a loss of power leaves opens, to a prefix of what was written.
#[test]
fn power_is_lost_at_any_time() {
    for seed in 0..300u64 {
        let vfs = FaultVfs::new();
        let (files, _) = open(&vfs, 1000);
        let mut synced = 0;
        let steps = 1 + seed as u32 * 7 % 90;
        for n in 0..steps {
            let (new, bytes) = chunk(n);
            files.append_one(new, &bytes).expect("is written");
            if (u64::from(n) * 31 + seed).is_multiple_of(17) {
                files.sync().expect("syncs");
                synced = n + 1;
            }
        }
        let after = vfs.crash(Crash::Dice { seed });
        let (files, loaded) = open(&after, 1000);
        let got = found(&files, &loaded);
        assert_eq!(got, (0..got.len() as u32).collect::<Vec<_>>(), "seed {seed}");
        assert!(got.len() as u32 >= synced, "seed {seed}: {} of {synced}", got.len());
        let (files, loaded) = open(&after, 1000);
        assert_eq!((found(&files, &loaded).len(), loaded.cut), (got.len(), false), "seed {seed}: cut for good");
    }
}

#[test]
fn every_nth_call_fails_and_what_was_said_to_be_written_is() {
    for nth in 0..60 {
        let vfs = FaultVfs::new();
        let (files, _) = open(&vfs, 1000);
        vfs.set_faults(Faults { eio_at: Some(nth), ..Faults::default() });
        let mut said = Vec::new();
        for n in 0..50 {
            let (new, bytes) = chunk(n);
            // A mapper comes again with the same chunk.
            if files.append_one(new, &bytes).is_ok() || files.append_one(new, &bytes).is_ok() {
                said.push(n);
            }
        }
        vfs.set_faults(Faults::default());
        assert_eq!(said.len(), 50, "call {nth}");
        let (files, loaded) = open(&vfs.crash(Crash::LoseNothing), 1000);
        assert_eq!((found(&files, &loaded), loaded.cut), (said, false), "call {nth}");
    }
}

#[test]
fn a_full_disk_leaves_whole_entries() {
    let vfs = FaultVfs::new();
    let (files, _) = open(&vfs, 1000);
    vfs.set_faults(Faults { space_bytes: Some(2345), ..Faults::default() });
    let new: Vec<(NewChunk, Vec<u8>)> = (0..60).map(chunk).collect();
    let mut bytes = Vec::new();
    let mut batch = Vec::new();
    for (new, data) in &new {
        let from = bytes.len() as u32;
        bytes.extend_from_slice(data);
        batch.push(NewChunk { from, to: bytes.len() as u32, ..*new });
    }
    let mut written = Vec::new();
    files.append(&batch, &bytes, &mut written).expect_err("no space");
    assert!(!written.is_empty() && written.len() < 60);
    vfs.set_faults(Faults::default());
    let rest = batch[written.len()..].to_vec();
    files.append(&rest, &bytes, &mut written).expect("there is room again");
    let (files, loaded) = open(&vfs, 1000);
    assert_eq!((found(&files, &loaded), loaded.cut), ((0..60).collect(), false));
}
