//! The document about the API is true, and what it promised once holds.

mod breaking;
mod document;
mod examples;
mod schemathesis;

use std::process::{Command, Output};

/// Runs a program while the app of the test goes on.
async fn run(mut command: Command) -> Output {
    let name = format!("{:?}", command.get_program());
    let ran = tokio::task::spawn_blocking(move || command.output()).await;
    let ran = ran.expect("a thread");
    ran.unwrap_or_else(|error| {
        panic!("{name}: {error}; scripts/setup.sh test installs what tests need")
    })
}
