//! Quantiles and slopes of samples. Pure.

use serde_json::{Value, json};

/// The `q`-quantile, 0 to 1, by the nearest rank; 0 of nothing.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted
        .get(rank.min(sorted.len()).saturating_sub(1))
        .copied()
        .unwrap_or(0.0)
}

/// Samples in order, with the quantiles that the targets ask for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// Sorts them.
    pub(crate) fn new(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self(samples)
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Half are not above it.
    pub(crate) fn p50(&self) -> f64 {
        quantile(&self.0, 0.50)
    }

    /// 95 of 100 are not above it.
    pub(crate) fn p95(&self) -> f64 {
        quantile(&self.0, 0.95)
    }

    /// 99 of 100 are not above it.
    pub(crate) fn p99(&self) -> f64 {
        quantile(&self.0, 0.99)
    }

    /// The smallest.
    pub(crate) fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(0.0)
    }

    /// The largest.
    pub(crate) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(0.0)
    }

    /// In words; the samples are in `unit`.
    pub(crate) fn words(&self, unit: &str) -> String {
        let (p50, p95, p99, max) = (self.p50(), self.p95(), self.p99(), self.max());
        let digits = if max < 100.0 { 2 } else { 0 };
        format!(
            "p50 {p50:.digits$} {unit}, p95 {p95:.digits$} {unit}, p99 {p99:.digits$} {unit}, max {max:.digits$} {unit} ({} samples)",
            self.len()
        )
    }

    /// For scripts.
    pub(crate) fn json(&self) -> Value {
        json!({
            "samples": self.len(), "p50": self.p50(), "p95": self.p95(), "p99": self.p99(), "max": self.max(),
        })
    }
}

/// The slope of the straight line that fits the points best (least squares); 0 of fewer than two.
pub(crate) fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(|p| p.0), mean(|p| p.1));
    let above: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let below: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples_by_nearest_rank() {
        let samples = Samples::new((1..=100).rev().map(f64::from).collect());
        assert_eq!(
            (samples.p50(), samples.p95(), samples.p99()),
            (50.0, 95.0, 99.0)
        );
        assert_eq!(samples.max(), 100.0);
        let one = Samples::new(vec![7.0]);
        assert_eq!((one.p50(), one.p99()), (7.0, 7.0));
        assert_eq!(Samples::default().p99(), 0.0);
    }

    #[test]
    fn the_slope_of_a_line_is_found() {
        let line: Vec<_> = (0..10)
            .map(|x| (f64::from(x), 3.0 - 2.0 * f64::from(x)))
            .collect();
        assert!((slope(&line) + 2.0).abs() < 1e-9);
        assert_eq!(slope(&line[..1]), 0.0);
        assert_eq!(slope(&[]), 0.0);
    }
}
