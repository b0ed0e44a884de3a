//! Sums that carry what rounding lost (Neumaier), and the folds made of them.

/// Returns a sum and its lost part after adding `x`.
pub(crate) fn add(x: f64, sum: f64, lost: f64) -> (f64, f64) {
    let next = sum + x;
    let lost = if next.is_infinite() {
        0.0
    } else if sum.abs() >= x.abs() {
        lost + ((sum - next) + x)
    } else {
        lost + ((x - next) + sum)
    };
    (next, lost)
}

/// Returns the mean: a sum divided at the end, or a running mean from where the sum would overflow.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let (mut sum, mut lost, mut running) = (values[0], 0.0, None);
    for (i, v) in values.iter().enumerate().skip(1) {
        let n = (i + 1) as f64;
        let before = match running {
            Some(mean) => mean,
            None => {
                let (next, next_lost) = add(*v, sum, lost);
                if !next.is_infinite() {
                    (sum, lost) = (next, next_lost);
                    continue;
                }
                lost /= n - 1.0;
                sum / (n - 1.0)
            }
        };
        let share = (n - 1.0) / n;
        let (mean, next_lost) = add(*v / n, share * before, share * lost);
        (running, lost) = (Some(mean), next_lost);
    }
    let n = values.len() as f64;
    running.map_or(sum / n + lost / n, |mean| mean + lost)
}

/// Returns the variance of a window (`stdvar_over_time`): Welford's, compensated.
pub(crate) fn variance_over_time(values: &[f64]) -> f64 {
    let (mut n, mut mean, mut mean_lost, mut squares, mut squares_lost) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for v in values {
        n += 1.0;
        let delta = v - (mean + mean_lost);
        (mean, mean_lost) = add(delta / n, mean, mean_lost);
        (squares, squares_lost) = add(delta * (v - (mean + mean_lost)), squares, squares_lost);
    }
    (squares + squares_lost) / n
}

/// Returns the variance of a group (`stdvar`): Welford's, plain; anything not finite at its head spoils it.
pub(crate) fn variance_of_group(values: &[f64]) -> f64 {
    let (mut n, mut mean) = (1.0, values[0]);
    let mut squares = if mean.is_finite() { 0.0 } else { f64::NAN };
    for v in &values[1..] {
        n += 1.0;
        let delta = v - mean;
        mean += delta / n;
        squares += delta * (v - mean);
    }
    squares / n
}

/// Returns the `q`-quantile by interpolation between ranks; NaN is the least value.
pub(crate) fn quantile(q: f64, values: &[f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(b).expect("neither is NaN"),
        (a, b) => b.cmp(&a),
    });
    let last = (sorted.len() - 1) as f64;
    let rank = q * last;
    let low = rank.floor().max(0.0);
    let high = (low + 1.0).min(last);
    let weight = rank - rank.floor();
    sorted[low as usize] * (1.0 - weight) + sorted[high as usize] * weight
}

/// Returns slope and value at `zero` of the line through samples, in seconds.
pub(crate) fn line(samples: &[super::data::Timed<f64>], zero: i64) -> (f64, f64) {
    let first = samples[0].v;
    if samples.iter().all(|sample| sample.v == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let total = |of: &dyn Fn(f64, f64) -> f64| {
        let (mut sum, mut lost) = (0.0, 0.0);
        for sample in samples {
            let x = (sample.t - zero) as f64 / 1e3;
            (sum, lost) = add(of(x, sample.v), sum, lost);
        }
        sum + lost
    };
    let n = samples.len() as f64;
    let (x, y) = (total(&|x, _| x), total(&|_, y| y));
    let (xy, xx) = (total(&|x, y| x * y), total(&|x, _| x * x));
    let slope = (xy - x * y / n) / (xx - x * x / n);
    (slope, y / n - slope * x / n)
}
