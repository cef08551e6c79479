//! The confinement helper by itself.

use std::process::ExitCode;

fn main() -> ExitCode {
    transcode::confine::run(std::env::args_os().skip(1))
}
