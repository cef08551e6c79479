//! Flags about what is told of a process while it runs.

use clap::{Args, ValueEnum};
use server::{LogFormat, TelemetryConfig};
use std::net::SocketAddr;

/// Logs, metrics and traces of a server or a worker.
#[derive(Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// The form of the log on standard error.
    #[arg(long, value_name = "FORM", default_value = "text")]
    log_format: Form,
    /// Address on which Prometheus may ask for /metrics, such as 127.0.0.1:9500; off unless given.
    #[arg(long, value_name = "IP:PORT")]
    metrics: Option<SocketAddr>,
    /// OpenTelemetry collector that is sent a span for each request and job, by OTLP over HTTP, such as http://127.0.0.1:4318; off unless
    /// given.
    #[arg(long, value_name = "URL")]
    traces: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// An object a line, for programs.
    Json,
}

impl TelemetryArgs {
    /// What the server needs to know.
    pub fn config(&self) -> TelemetryConfig {
        TelemetryConfig {
            log_format: match self.log_format {
                Form::Text => LogFormat::Text,
                Form::Json => LogFormat::Json,
            },
            metrics: self.metrics,
            traces: self.traces.clone(),
        }
    }
}
