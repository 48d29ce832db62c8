//! How do figures that are looked up at the moment become metrics?

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

type Labels = Vec<(String, String)>;

/// Figures of one moment.
#[derive(Default)]
pub(super) struct Gauges(BTreeMap<&'static str, Figure>);

#[derive(Default)]
struct Figure {
    help: &'static str,
    is_counter: bool,
    values: BTreeMap<Labels, f64>,
}

impl Gauges {
    /// Says what a figure is.
    pub(super) fn set<const N: usize>(&mut self, name: &'static str, help: &'static str, labels: [(&str, &str); N], value: impl Into<f64>) {
        *self.value(name, help, false, labels) = value.into();
    }

    /// Says by how much more it is.
    pub(super) fn add<const N: usize>(&mut self, name: &'static str, help: &'static str, labels: [(&str, &str); N], value: impl Into<f64>) {
        *self.value(name, help, false, labels) += value.into();
    }

    /// Says how far something is, or how much of it there is.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 9,007,199,254,740,992")]
    pub(super) fn set_position<const N: usize>(&mut self, name: &'static str, help: &'static str, labels: [(&str, &str); N], position: i64) {
        self.set(name, help, labels, position as f64);
    }

    /// Says what a counter has come to.
    #[expect(clippy::cast_precision_loss, reason = "exact up to 9,007,199,254,740,992")]
    pub(super) fn count<const N: usize>(&mut self, name: &'static str, help: &'static str, labels: [(&str, &str); N], count: u64) {
        *self.value(name, help, true, labels) = count as f64;
    }

    fn value<const N: usize>(&mut self, name: &'static str, help: &'static str, is_counter: bool, labels: [(&str, &str); N]) -> &mut f64 {
        let figure = self.0.entry(name).or_insert_with(|| Figure { help, is_counter, values: BTreeMap::new() });
        figure.values.entry(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()).or_default()
    }

    /// To be written out.
    pub(super) fn registry(self) -> Registry {
        let mut registry = Registry::default();
        for (name, figure) in self.0 {
            figure.register(name, &mut registry);
        }
        registry
    }
}

impl Figure {
    fn register(self, name: &'static str, registry: &mut Registry) {
        let Self { help, is_counter, values } = self;
        match values.get(&Labels::new()).copied() {
            Some(value) if is_counter => registry.register(name, help, counter(value)),
            Some(value) => registry.register(name, help, gauge(value)),
            None if is_counter => {
                let family = Family::<Labels, Counter<f64, AtomicU64>>::default();
                for (labels, value) in values {
                    family.get_or_create(&labels).inc_by(value);
                }
                registry.register(name, help, family);
            }
            None => {
                let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
                for (labels, value) in values {
                    family.get_or_create(&labels).set(value);
                }
                registry.register(name, help, family);
            }
        }
    }
}

fn counter(value: f64) -> Counter<f64, AtomicU64> {
    let counter = Counter::default();
    counter.inc_by(value);
    counter
}

fn gauge(value: f64) -> Gauge<f64, AtomicU64> {
    let gauge = Gauge::default();
    gauge.set(value);
    gauge
}
