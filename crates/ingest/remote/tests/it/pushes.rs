//! Pushes over time: the order of series, series that go, and a disk that fills up.

use std::sync::Arc;

use firesteel_base::vfs::{FaultVfs, Faults, Vfs};
use firesteel_proto::write_v1 as v1;
use firesteel_proto::write_v2 as v2;
use firesteel_remote::ReceiverOptions;
use firesteel_tsdb::DbOptions;

use crate::endpoint::{Endpoint, V1, V2};

const T0: i64 = 1_700_000_000_000;

fn request_v1(series: impl Iterator<Item = usize>, t: i64) -> Vec<u8> {
    let mut out = Vec::new();
    for n in series {
        v1::put_series(&mut out, |out| {
            v1::put_label(out, "__name__", "m");
            v1::put_label(out, "n", &n.to_string());
            v1::put_sample(out, t, n as f64);
        });
    }
    out
}

fn request_v2(series: impl Iterator<Item = usize>, t: i64) -> Vec<u8> {
    let mut encoder = v2::Encoder::default();
    for n in series {
        let n_text = n.to_string();
        let refs: Vec<u32> = ["__name__", "m", "n", &n_text].map(|s| encoder.symbol(s)).to_vec();
        encoder.series(&refs, |out| v2::put_sample(out, t, n as f64, 0));
    }
    encoder.finish()
}

/// However requests are ordered and cut, each sample reaches its own series.
#[test]
fn any_order_reaches_the_right_series() {
    let ours = Endpoint::new(ReceiverOptions::default());
    let mut state = 7_u64;
    let mut random = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut want: Vec<Vec<(i64, f64)>> = vec![Vec::new(); 300];
    for round in 0..40 {
        let t = T0 + round * 1000;
        let mut order: Vec<usize> = (0..300).collect();
        if round % 3 == 1 {
            order.rotate_left(random(300));
        } else if round % 3 == 2 {
            (0..300).for_each(|i| order.swap(i, random(300)));
        }
        order.truncate(300 - random(100));
        let cut = random(order.len());
        for part in [&order[..cut], &order[cut..]] {
            let answer = if random(2) == 0 {
                ours.push(V1, &request_v1(part.iter().copied(), t))
            } else {
                ours.push(V2, &request_v2(part.iter().copied(), t))
            };
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
            for &n in part {
                want[n].push((t, n as f64));
            }
        }
    }
    let all = ours.samples();
    for (n, want) in want.iter().enumerate().filter(|(_, w)| !w.is_empty()) {
        assert_eq!(all[&format!("{{__name__=\"m\", n=\"{n}\"}}")], *want);
    }
}

#[test]
fn a_full_disk_refuses_pushes_until_there_is_room() {
    let vfs = FaultVfs::new();
    let ours = Endpoint::with_db(ReceiverOptions::default(), |options| DbOptions {
        vfs: Arc::new(vfs.clone()) as Arc<dyn Vfs>,
        ..options
    });
    assert_eq!(ours.push(V1, &request_v1(0..10, T0)).status, 204);
    let before = ours.samples();
    vfs.set_faults(Faults { space_bytes: Some(0), ..Faults::default() });
    for _ in 0..2 {
        let answer = ours.push(V1, &request_v1(0..10, T0 + 1000));
        assert_eq!(answer.status, 503, "{answer:?}");
        let answer = ours.push(V2, &request_v2(5..15, T0 + 1000));
        assert_eq!((answer.status, answer.written), (503, Some([0, 0, 0])));
    }
    assert_eq!(ours.samples(), before);
    vfs.set_faults(Faults::default());
    assert_eq!(ours.push(V1, &request_v1(0..10, T0 + 1000)).status, 204);
    assert_eq!(ours.push(V2, &request_v2(10..15, T0 + 1000)).written, Some([5, 0, 0]));
    assert_eq!(ours.samples().len(), 15);
}

#[test]
fn a_bound_on_series_keeps_the_old_ones_going() {
    let ours = Endpoint::with_db(ReceiverOptions::default(), |options| DbOptions { series_limit: 10, ..options });
    assert_eq!(ours.push(V1, &request_v1(0..10, T0)).status, 204);
    let answer = ours.push(V1, &request_v1(5..12, T0 + 1000));
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text, "limit of active series reached for series {__name__=\"m\", n=\"10\"}\n");
    let answer = ours.push(V2, &request_v2(0..11, T0 + 2000));
    assert_eq!((answer.status, answer.written), (400, Some([10, 0, 0])));
    let all = ours.samples();
    assert_eq!((all.len(), all["{__name__=\"m\", n=\"7\"}"].len()), (10, 3));
}
