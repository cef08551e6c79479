//! Logs: one line an event, to standard error, never a secret. Traces, where a collector is named.

mod traces;

pub(crate) use traces::{Traces, note_answer};

use crate::ServeError;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line, for programs.
    Json,
}

/// What is told of a process while it runs.
#[derive(Debug, Clone, Default)]
pub struct TelemetryConfig {
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Where Prometheus may ask for metrics: `http://ADDRESS/metrics`.
    pub metrics: Option<SocketAddr>,
    /// The OpenTelemetry collector that is sent traces, such as `http://127.0.0.1:4318`.
    pub traces: Option<String>,
}

/// Starts logging to standard error, and sending traces for as long as what is returned is kept. A second call changes nothing.
///
/// # Errors
/// When the URL of the collector cannot be used.
///
/// The level comes from `REELPACK_LOG` (`error`, `warn`, `info`, `debug`); `info` unless set.
pub(crate) fn start(config: &TelemetryConfig) -> Result<Option<Traces>, ServeError> {
    let format = config.log_format;
    let traces = config.traces.as_deref().map(Traces::to).transpose();
    let traces = traces.map_err(|error| {
        let text = format!("traces cannot be sent: {error}; name a collector as http://HOST:4318");
        ServeError(text)
    })?;
    let wanted = std::env::var("REELPACK_LOG").ok();
    let level = wanted.as_deref().map(str::parse::<Level>);
    let colours = std::io::stderr().is_terminal() && format == LogFormat::Text;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(move || OneLine {
            inner: io::stderr(),
            colours,
        })
        .with_ansi(colours);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let most = match level {
        Some(Ok(level)) => level,
        _ => Level::INFO,
    };
    let all = tracing_subscriber::registry()
        .with(LevelFilter::from_level(most))
        .with(lines)
        .with(traces.as_ref().map(Traces::layer));
    // Fails when a logger runs already, which then stays.
    let first = tracing::subscriber::set_global_default(all);
    if first.is_ok() && matches!(level, Some(Err(_))) {
        tracing::warn!("REELPACK_LOG is none of error, warn, info, debug, trace: info is used");
    }
    Ok(traces)
}

/// Writes each event as one line: what a client sent cannot begin another one, nor speak to a terminal.
struct OneLine<W> {
    inner: W,
    /// Escape sequences of the formatter itself pass; it escapes those in events.
    colours: bool,
}

impl<W: Write> Write for OneLine<W> {
    /// Takes an event as a whole, as the formatter gives it.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = String::with_capacity(text.len() + 1);
        for character in text.trim_end_matches('\n').chars() {
            match character {
                '\u{1b}' if self.colours => line.push(character),
                control if control.is_control() => line.extend(control.escape_default()),
                other => line.push(other),
            }
        }
        line.push('\n');
        self.inner.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SEC-41.
    #[test]
    fn one_event_is_one_line_whatever_it_holds() {
        for (event, wanted) in [
            ("all is well\n", "all is well\n"),
            ("a\r\n2026 ERROR forged\n", "a\\r\\n2026 ERROR forged\n"),
            ("a\u{1b}[31mred\u{9b}2J\n", "a\\u{1b}[31mred\\u{9b}2J\n"),
            ("ä 🎬\n", "ä 🎬\n"),
        ] {
            let mut written = Vec::new();
            let mut line = OneLine {
                inner: &mut written,
                colours: false,
            };
            line.write_all(event.as_bytes()).expect("written");
            assert_eq!(String::from_utf8(written).expect("text"), wanted);
        }
    }
}
