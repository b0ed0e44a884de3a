//! Start timestamps that 2.0 brings, as zeros where that is wanted: what 3.14 answered and held after the same requests.

use firesteel_proto::write_v2 as v2;
use firesteel_remote::ReceiverOptions;
use firesteel_tsdb::DbOptions;

use crate::endpoint::{Endpoint, V2};

const T0: i64 = 1_700_000_000_000;

/// A request of one series; time, value and start of each sample, in seconds.
fn request(name: &str, samples: &[(i64, f64, i64)]) -> Vec<u8> {
    let mut encoder = v2::Encoder::default();
    let refs = [encoder.symbol("__name__"), encoder.symbol(name)];
    encoder.series(&refs, |out| {
        for &(t, v, start) in samples {
            v2::put_sample(out, T0 + t * 1000, v, T0 + start * 1000);
        }
    });
    encoder.finish()
}

#[test]
fn starts_become_zeros_where_that_is_wanted() {
    let requests = [
        request("c", &[(-60, 5.0, -90)]),
        // The same start again, a later one, one that is the sample's own time, one behind it.
        request("c", &[(-45, 6.0, -90)]),
        request("c", &[(-30, 1.0, -40), (-20, 2.0, -40)]),
        request("c", &[(-10, 3.0, -10)]),
        request("d", &[(-5, 4.0, 5)]),
    ];
    let plain = [(-60, 5.0), (-45, 6.0), (-30, 1.0), (-20, 2.0), (-10, 3.0)];
    let with_zeros = [(-90, 0.0), (-60, 5.0), (-45, 6.0), (-40, 0.0), (-30, 1.0), (-20, 2.0), (-10, 3.0)];
    for (zeros, want) in [(false, &plain[..]), (true, &with_zeros[..])] {
        let options = ReceiverOptions { starts: zeros, ..ReceiverOptions::default() };
        let ours = Endpoint::with_db(options, |db| DbOptions { zero_at_start: zeros, ..db });
        for (request, samples) in requests.iter().zip([1, 1, 2, 1, 1]) {
            let answer = ours.push(V2, request);
            assert_eq!((answer.status, answer.written), (204, Some([samples, 0, 0])), "{}", answer.text);
        }
        let held = ours.samples();
        let of = |name: &str| -> Vec<(i64, f64)> {
            let samples = held.iter().find(|(labels, _)| labels.contains(name)).map(|(_, s)| s.as_slice());
            samples.unwrap_or(&[]).iter().map(|(t, v)| ((t - T0) / 1000, *v)).collect()
        };
        assert_eq!((of("\"c\"").as_slice(), of("\"d\"")), (want, vec![(-5, 4.0)]), "zeros: {zeros}");
    }
}
