//! What Prometheus is told: requests by route, the queue, leases that ran out, how long publishing takes.
//!
//! No label holds an id, so the number of series does not grow with what is stored.

use crate::app::Shared;
use crate::clock;
use crate::db::jobs::JobState;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// Bounds of request durations in seconds: a segment from memory to a form with a film.
const REQUEST_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0,
];
/// Bounds of the time from an order to the published package in seconds: a clip to a film that waited for a day.
const PUBLISH_SECONDS: [f64; 10] = [
    1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0, 86_400.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    method: &'static str,
    route: String,
    status: u16,
}

/// All metrics of a process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answer, Counter>,
    durations: Family<Route, Histogram, fn() -> Histogram>,
    publishes: Histogram,
    lost_leases: Counter,
    jobs: Family<[(&'static str, &'static str); 1], Gauge>,
    oldest: Gauge<f64, std::sync::atomic::AtomicU64>,
    catalogue: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("reelpack"),
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
            publishes: Histogram::new(PUBLISH_SECONDS),
            lost_leases: Counter::default(),
            jobs: Family::default(),
            oldest: Gauge::default(),
            catalogue: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "http_requests",
            "Requests that were answered, by route and status",
            self.requests.clone(),
        );
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the head of its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register_with_unit(
            "publish_duration",
            "Time from the order of a package to its publishing, waiting included",
            Unit::Seconds,
            self.publishes.clone(),
        );
        registry.register(
            "job_leases_lost",
            "Jobs that were taken back from workers that died",
            self.lost_leases.clone(),
        );
        registry.register("jobs", "Jobs in each state", self.jobs.clone());
        registry.register_with_unit(
            "queue_oldest_age",
            "Age of the oldest job that waits for a worker; 0 when none does",
            Unit::Seconds,
            self.oldest.clone(),
        );
        registry.register(
            "catalogue_up",
            "Whether the database answered when these metrics were asked for",
            self.catalogue.clone(),
        );
    }

    /// Counts an answered request by the template of its route.
    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let route = route.to_owned();
        let of_route = Route {
            method,
            route: route.clone(),
        };
        let durations = self.durations.get_or_create(&of_route);
        durations.observe(took.as_secs_f64());
        let answer = Answer {
            method,
            route,
            status,
        };
        self.requests.get_or_create(&answer).inc();
    }

    /// Counts a published package that was ordered at a time (milliseconds of the Unix epoch).
    pub(crate) fn published(&self, ordered_at_ms: i64) {
        let took = clock::now_ms().saturating_sub(ordered_at_ms).max(0);
        self.publishes.observe(took as f64 / 1000.0);
    }

    /// Counts jobs that were taken back from the dead.
    pub(crate) fn lost(&self, jobs: usize) {
        self.lost_leases.inc_by(jobs as u64);
    }
}

/// All metrics in the text format of OpenMetrics. The queue is asked for at this moment.
///
/// # Errors
/// When they cannot be written as text.
pub(crate) async fn text(shared: &Shared) -> Result<String, std::fmt::Error> {
    let metrics = &shared.metrics;
    let queue = async {
        let queue = shared.db.queue(None).await?;
        Ok::<_, crate::db::Error>((queue, shared.db.oldest_waiting_ms().await?))
    };
    match queue.await {
        Ok((queue, oldest)) => {
            metrics.catalogue.set(1);
            for state in JobState::ALL {
                let count = queue.jobs.iter().find(|(of, _)| *of == state);
                let gauge = metrics.jobs.get_or_create(&[("state", state.as_str())]);
                gauge.set(count.map_or(0, |(_, count)| *count));
            }
            let age = oldest.map_or(0, |oldest| clock::now_ms().saturating_sub(oldest).max(0));
            metrics.oldest.set(age as f64 / 1000.0);
        }
        // The rest is told all the same: that is what metrics are for.
        Err(error) => {
            tracing::warn!(%error, "the queue is not in the metrics");
            metrics.catalogue.set(0);
        }
    }
    let mut text = String::new();
    text::encode(&mut text, &metrics.registry)?;
    Ok(text)
}
