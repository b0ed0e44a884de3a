//! A commit of 1,000 known series into a head with its log.

use firesteel_base::TimestampMs;
use firesteel_model::Labels;
use firesteel_storage::{AppendOptions, Appendable, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};

pub(crate) const SERIES: u64 = 1_000;

pub(crate) fn commit(rounds: u64) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let db = Db::open(DbOptions::new(dir.path())).expect("opens");
    let (mut batch, mut rejected, mut refs) = (SampleBatch::default(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let t = TimestampMs(1_700_000_000_000 + round as i64 * 5_000);
        let mut appender = db.appender();
        batch.clear();
        for i in 0..SERIES {
            if round == 0 {
                let labels = Labels::from_pairs([("__name__", "app_total".to_owned()), ("i", i.to_string())]);
                refs.push(appender.series(&labels, &SeriesMeta::default()).expect("is new"));
            }
            batch.push(refs[i as usize], t, (round * (i % 23) + i) as f64);
        }
        appender.append(&batch, AppendOptions::default(), &mut rejected);
        assert_eq!(appender.commit().expect("commits").appended, SERIES as usize);
    }
}
