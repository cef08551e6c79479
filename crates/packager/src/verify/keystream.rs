//! Check 25: no IV is used twice with one key.

use super::book::Book;
use super::segments::Sealed;
use crate::KeyId;
use std::collections::BTreeMap;

/// How many separate runs of IVs are kept; neighbours make one run.
const MAX_RUNS: usize = 1_000_000;

/// One run of IVs: first, behind the last, and who used them.
type Run = (u128, u128, usize);

/// IVs by key and kind.
#[derive(Default)]
pub(super) struct KeyStream {
    /// Runs of 8-byte IVs (in IVs) and of counters of 16 bytes (in blocks).
    runs: BTreeMap<([u8; 16], bool), Vec<Run>>,
    /// Constant IVs.
    constant: BTreeMap<([u8; 16], Vec<u8>), usize>,
    count: usize,
    any: bool,
}

impl KeyStream {
    /// Notes a sample of the track with this number.
    pub fn add(&mut self, book: &mut Book, sample: &Sealed, track: usize, name: &str) {
        self.any = true;
        let kid = sample.parameters.kid;
        let iv = sample.auxiliary.iv.as_slice();
        let number = iv
            .iter()
            .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
        if iv.is_empty() {
            let constant = sample.parameters.constant_iv.clone().unwrap_or_default();
            let user = *self.constant.entry((kid, constant)).or_insert(track);
            book.ensure(25, user == track, &name, || {
                "its constant IV is that of another track under the same key".into()
            });
            return;
        }
        let is_counter = matches!(&sample.scheme.0, b"cenc" | b"cens");
        let parts = sample.auxiliary.subsamples.iter();
        let protected: u64 = match sample.auxiliary.subsamples.is_empty() {
            true => u64::from(sample.size),
            false => parts.map(|part| u64::from(part.protected)).sum(),
        };
        if protected == 0 {
            return;
        }
        // With 8 bytes the counter has the other 8: samples overlap when their IVs are the same.
        let length = match iv.len() {
            16 if is_counter => u128::from(protected.div_ceil(16)),
            _ => 1,
        };
        let runs = self.runs.entry((kid, iv.len() == 16)).or_default();
        let end = number.saturating_add(length);
        match runs.last_mut() {
            Some(last) if last.1 == number && last.2 == track => last.1 = end,
            _ if self.count < MAX_RUNS => {
                self.count += 1;
                runs.push((number, end, track));
            }
            _ => self.count = MAX_RUNS + 1,
        }
    }

    /// Looks for runs that overlap; `name` tells a track's.
    pub fn finish(mut self, book: &mut Book, name: &dyn Fn(usize) -> String) {
        if self.count > MAX_RUNS {
            return book.not_checked(25, format!("more than {MAX_RUNS} IVs in no order"));
        }
        if self.any {
            book.performed(25);
        }
        for ((kid, _), runs) in &mut self.runs {
            runs.sort_unstable();
            let mut reached: Option<Run> = None;
            for run in runs {
                if let Some(before) = reached.filter(|before| before.1 > run.0) {
                    let what = format!(
                        "IV {:x} is used by {} too, under key id {}",
                        run.0,
                        name(before.2),
                        KeyId(*kid).uuid()
                    );
                    book.must(25, &name(run.2), what);
                }
                if reached.is_none_or(|before| before.1 < run.1) {
                    reached = Some(*run);
                }
            }
        }
    }
}
