//! Series that are moved to close gaps, and who holds on to where they were.

use super::*;

#[test]
fn who_looks_past_a_batch_does_so_after_its_series_moved() {
    let options = HeadOptions { reader_patience: Duration::ZERO, shards: 1, ..HeadOptions::default() };
    let head = Head::new(options, Log::default());
    let name = |i: usize| labels(&[("__name__", "m"), ("job", "x"), ("i", &i.to_string())]);
    let names: Vec<Labels> = (0..2000).map(name).collect();
    append(&head, &names.iter().map(|l| (l, 1000, 1.0)).collect::<Vec<_>>());
    let kept: Vec<&Labels> = names.iter().step_by(4).collect();
    append(&head, &kept.iter().map(|&l| (l, 2000, 2.0)).collect::<Vec<_>>());
    let old = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
    let selected = old.select(&Selection::default()).expect("selects");
    append(&head, &kept.iter().map(|&l| (l, 3000, 3.0)).collect::<Vec<_>>());
    let series = head.find(kept[1]).expect("lives").0;
    let before = head.place_of(series).expect("lives").slot;
    assert_eq!(head.truncate(1500).dead.len(), 1500);
    assert!(head.place_of(series).expect("lives").slot > before);
    let seen = query(&old, &[], TimeRange::ALL);
    assert_eq!(seen.len(), kept.len());
    assert!(seen.iter().all(|(_, samples)| samples.iter().map(|s| s.0).eq([1000, 2000])), "{:?}", seen[0]);
    let now = all(&head, &[]);
    assert_eq!(now.len(), kept.len());
    assert!(now.iter().all(|(_, samples)| samples.iter().map(|s| s.0).eq([1000, 2000, 3000])));
    // What was selected before is read where it is now.
    let mut chunks = Vec::new();
    for i in 0..selected.series().len() {
        selected.chunks(i, &mut chunks).expect("answers");
    }
    assert_eq!(chunks.iter().map(|chunk| chunk.samples as usize).sum::<usize>(), 2 * kept.len());
    for matcher in [Matcher::equal("job", "x"), Matcher::equal("__name__", "m")] {
        assert_eq!(all(&head, &[matcher]).len(), kept.len());
    }
    assert_eq!(all(&head, &[Matcher::equal("i", "400")]).len(), 1);
}
