//! Crashes and failing calls at every place: the log reopens to a prefix that has all that was promised.
//!
//! A run logs numbered records with syncs, switches of segments and checkpoints in between, while calls fail; then the
//! machine or the process dies, and the log is opened as a server would. What comes back must be the numbers from the last
//! checkpoint's floor on, without a hole, and reach at least to the last one that was synced (loss of power) or written
//! (death of the process).

use std::path::Path;
use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::{Crash, FaultVfs, Faults};
use firesteel_model::SeriesRef;

use super::log::{DIR, options};
use crate::records::SamplesRecord;
use crate::*;

/// What a run may count on after a crash.
#[derive(Clone, Copy, Debug, Default)]
struct Promise {
    /// Numbers below may be gone: a checkpoint was told so.
    floor: i64,
    /// Numbers below are with the operating system.
    written: i64,
    /// Numbers below are on the disk.
    synced: i64,
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

/// Filling of up to a few pages, of a type that readers and checkpoints skip, and a record that carries a number.
fn records(number: i64, dice: &mut Dice) -> [Vec<u8>; 2] {
    let mut out = Vec::new();
    SamplesRecord::encode([(SeriesRef(1), TimestampMs(number), 1.0)], &mut out);
    let filling = [1, 1, 40, 500, 10_000, 70_000][dice.below(6) as usize];
    [vec![0xee; filling], out]
}

/// Works until `steps` are done or opening fails. Records that were refused are sent again, under the same numbers.
fn work(vfs: &FaultVfs, seed: u64, steps: u64, from: Promise) -> Promise {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut promise = from;
    let compression = [Compression::None, Compression::Snappy][dice.below(2) as usize];
    let options = WalOptions { segment_bytes: 4 * PAGE_BYTES as u64, compression, ..options() };
    let Ok(wal) = Wal::open(Arc::new(vfs.clone()), Path::new(DIR), options) else { return promise };
    // Numbers that are kept in memory are neither written nor to be sent again.
    let mut next = promise.written;
    for _ in 0..steps {
        match dice.below(12) {
            0 => {
                if wal.sync().is_ok() {
                    promise.synced = promise.written;
                }
            }
            1 => {
                if wal.next_segment().is_ok() {
                    promise.synced = promise.written;
                }
            }
            2 => {
                promise.floor = promise.floor.max(promise.synced - 5);
                let _ = wal.checkpoint(&mut |_| true, TimestampMs(promise.floor));
            }
            _ => {
                let n = 1 + dice.below(3) as i64;
                let records: Vec<Vec<u8>> = (next..next + n).flat_map(|number| records(number, &mut dice)).collect();
                let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                let how = [OnFailure::Refuse, OnFailure::Keep][dice.below(2) as usize];
                match wal.log(&records, how) {
                    Ok(Logged::Written) => {
                        next += n;
                        promise.written = next;
                    }
                    Ok(Logged::Kept) => next += n,
                    Err(_) => {}
                }
            }
        }
    }
    // The process dies: nothing is closed before the files have been judged.
    LEFT.with(|left| left.borrow_mut().push(wal));
    promise
}

thread_local! {
    /// Logs of dead processes; closed at the test's end, when their files have been judged.
    static LEFT: std::cell::RefCell<Vec<Wal>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Opens the log as a server does, repairs it once if need be, and returns the numbers.
fn reopen(vfs: &FaultVfs) -> Vec<i64> {
    let read = || -> Result<Vec<i64>, WalError> {
        let mut reader = WalReader::open(Arc::new(vfs.clone()), Path::new(DIR))?;
        let mut numbers = Vec::new();
        while let Some(record) = reader.next_record()? {
            if record.bytes.first() == Some(&0xee) {
                continue;
            }
            for sample in SamplesRecord::decode(record.bytes).expect("only samples were logged") {
                let number = sample.expect("a record that was read is whole").t.0;
                // Records whose fate was unknown are sent again.
                if numbers.last().is_none_or(|last| *last < number) {
                    numbers.push(number);
                }
            }
        }
        Ok(numbers)
    };
    match read() {
        Ok(numbers) => numbers,
        Err(WalError::Corrupt(fault)) => {
            repair(vfs, Path::new(DIR), &fault).unwrap_or_else(|e| panic!("{fault}: {e}"));
            read().unwrap_or_else(|e| panic!("not repaired: {e}, after {fault}"))
        }
        Err(e) => panic!("{e}"),
    }
}

fn check(vfs: &FaultVfs, promise: Promise, least: i64, what: &str) -> Vec<i64> {
    let numbers: Vec<i64> = reopen(vfs).into_iter().filter(|n| *n >= promise.floor).collect();
    let end = numbers.last().map_or(promise.floor, |last| last + 1);
    assert_eq!(numbers, (promise.floor..end).collect::<Vec<_>>(), "{what}: a hole; {promise:?}");
    assert!(end >= least, "{what}: ends before {end}, promised to {least}; {promise:?}");
    numbers
}

/// Judges a run by all three ways to die, then lets the machine start again and die once more.
fn judge(vfs: &FaultVfs, promise: Promise, seed: u64, what: &str) {
    check(&vfs.crash(Crash::LoseNothing), promise, promise.written, &format!("{what}, process died"));
    check(&vfs.crash(Crash::LoseAll), promise, promise.synced, &format!("{what}, all lost"));
    let after = vfs.crash(Crash::Dice { seed });
    let numbers = check(&after, promise, promise.synced, &format!("{what}, dice"));
    let end = numbers.last().map_or(promise.floor, |last| last + 1);
    let again = work(&after, seed ^ 0xabcd, 15, Promise { written: end, ..promise });
    check(&after.crash(Crash::LoseNothing), again, again.written, &format!("{what}, second process died"));
    let twice = after.crash(Crash::Dice { seed: seed ^ 0x77 });
    check(&twice, again, again.synced, &format!("{what}, second dice"));
    LEFT.with(|left| left.borrow_mut().clear());
}

fn fresh() -> FaultVfs {
    let vfs = FaultVfs::new();
    // A data directory that was there before.
    let made: &dyn firesteel_base::vfs::Vfs = &vfs;
    for dir in ["/", "/data", DIR] {
        made.create_dir_all(Path::new(dir)).expect("a directory");
    }
    for dir in ["/", "/data", DIR] {
        made.sync_dir(Path::new(dir)).expect("sync");
    }
    vfs
}

#[test]
fn power_is_lost_at_any_time() {
    for seed in 0..1000 {
        let vfs = fresh();
        let promise = work(&vfs, seed, 5 + seed % 40, Promise::default());
        judge(&vfs, promise, seed, &format!("seed {seed}"));
    }
}

#[test]
fn every_nth_call_fails() {
    for seed in 1000..1004 {
        let vfs = fresh();
        vfs.set_faults(Faults::default());
        work(&vfs, seed, 40, Promise::default());
        for n in 0..vfs.calls() {
            let vfs = fresh();
            vfs.set_faults(Faults { eio_at: Some(n), ..Faults::default() });
            let promise = work(&vfs, seed, 40, Promise::default());
            vfs.set_faults(Faults::default());
            judge(&vfs, promise, seed + n, &format!("seed {seed}, call {n} fails"));
        }
    }
}

#[test]
fn the_disk_goes_or_fills_up() {
    for seed in 2000..2150 {
        let faults = [
            Faults { gone_from: Some(seed % 37), ..Faults::default() },
            Faults { space_bytes: Some((seed % 50) * 9_000), ..Faults::default() },
        ];
        for faults in faults {
            let vfs = fresh();
            vfs.set_faults(faults);
            let promise = work(&vfs, seed, 40, Promise::default());
            vfs.set_faults(Faults::default());
            judge(&vfs, promise, seed, &format!("seed {seed}, {faults:?}"));
        }
    }
}
