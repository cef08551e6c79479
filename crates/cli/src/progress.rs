//! Progress on stderr: a bar on a terminal, plain lines otherwise. The work only adds to a counter.

use crate::text;
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often the counter is looked at.
const TICK: Duration = Duration::from_millis(100);
/// Plain lines fill a log: one at most in this time.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Where progress is shown.
pub struct Progress {
    title: String,
    total: u64,
    show: Show,
}

enum Show {
    Nothing,
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    /// Announces work on `total` bytes. On anything but a terminal the title is written at once.
    pub fn start(title: String, total: u64, quiet: bool) -> Self {
        let show = if quiet {
            Show::Nothing
        } else if is_terminal() {
            let template =
                "{msg} [{bar:30}] {percent:>3} % of {total_bytes}, {bytes_per_sec}, {eta} left";
            Show::Bar(bar(&title, total, template))
        } else {
            text::note(&format!("{title} ({})", HumanBytes(total)));
            Show::Lines
        };
        Self { title, total, show }
    }

    /// Announces work on a video that lasts `total` milliseconds.
    pub fn of_time(title: String, total: u64, quiet: bool) -> Self {
        let show = if quiet {
            Show::Nothing
        } else if is_terminal() {
            Show::Bar(bar(
                &title,
                total,
                "{msg} [{bar:30}] {percent:>3} %, {eta} left",
            ))
        } else {
            text::note(&title);
            Show::Lines
        };
        Self { title, total, show }
    }

    /// Does `work` on another thread and shows what `done` counts until it is finished.
    pub fn watch<T: Send>(&self, done: &AtomicU64, work: impl FnOnce() -> T + Send) -> T {
        let value = watch(done, |done, last_line| self.show(done, last_line), work);
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
        value
    }

    fn show(&self, done: u64, last_line: &mut Instant) {
        match &self.show {
            Show::Nothing => {}
            Show::Bar(bar) => bar.set_position(done),
            Show::Lines if last_line.elapsed() >= LINE_EVERY => {
                *last_line = Instant::now();
                let percent = done.saturating_mul(100) / self.total.max(1);
                text::note(&format!("{}: {percent} %", self.title));
            }
            Show::Lines => {}
        }
    }
}

/// Progress of the rungs of a ladder, which are encoded side by side: a bar each.
pub struct Rungs {
    names: Vec<String>,
    total: u64,
    quiet: bool,
    bars: Vec<ProgressBar>,
}

impl Rungs {
    /// Announces rungs of `total` pictures each.
    pub fn start(names: Vec<String>, total: u64, quiet: bool) -> Self {
        let template = "{msg:>12} [{bar:30}] {pos} of {len} pictures, {eta} left";
        let bars = match !quiet && is_terminal() {
            true => {
                let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
                let bars = names.iter().map(|name| all.add(bar(name, total, template)));
                bars.collect()
            }
            false => Vec::new(),
        };
        Self {
            names,
            total,
            quiet,
            bars,
        }
    }

    /// Does `work` on another thread and shows how many pictures `done` counts until it is finished.
    pub fn watch<T: Send>(&self, done: &AtomicU64, work: impl FnOnce() -> T + Send) -> T {
        let began = Instant::now();
        let value = watch(done, |done, last| self.show(done, began, last), work);
        for bar in &self.bars {
            bar.finish_and_clear();
        }
        value
    }

    fn show(&self, done: u64, began: Instant, last_line: &mut Instant) {
        // The number of pictures that a file tells may be a little too small.
        let done = done.min(self.total);
        for bar in &self.bars {
            bar.set_position(done);
        }
        if !self.quiet && self.bars.is_empty() && last_line.elapsed() >= LINE_EVERY {
            *last_line = Instant::now();
            let left =
                began.elapsed().as_secs_f64() * (self.total - done) as f64 / done.max(1) as f64;
            text::note(&format!(
                "{}: {done} of {} pictures each, {left:.0} s left",
                self.names.join(", "),
                self.total
            ));
        }
    }
}

/// Does `work` on another thread; `show` sees what `done` counts, and when a line was written last.
fn watch<T: Send>(
    done: &AtomicU64,
    show: impl Fn(u64, &mut Instant),
    work: impl FnOnce() -> T + Send,
) -> T {
    let (finished, wait) = channel::<()>();
    let result = std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            // Dropped when the work ends, also by a panic; that ends the wait below.
            let _finished = finished;
            work()
        });
        let mut last_line = Instant::now();
        while wait.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            show(done.load(Ordering::Relaxed), &mut last_line);
        }
        worker.join()
    });
    match result {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// No colour in it: there is nothing that `NO_COLOR` could turn off.
fn bar(title: &str, total: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(text::printable(title));
    bar
}
