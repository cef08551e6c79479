//! How loud sound is, and the filter that makes it as loud as it is to be (EBU R 128, ITU-R BS.1770), in two runs: the first
//! one measures, so that the second one can turn all of it up or down by the same amount.

use crate::probe::{Facts, Track, input};
use crate::run::{Control, Limits, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use serde::Deserialize;
use std::ffi::OsString;
use std::path::Path;

/// Highest true peak, in dBTP (EBU R 128, recommendation h).
const PEAK: f64 = -1.0;
/// Loudness ranges that the filter takes, in LU.
const RANGES: (f64, f64) = (1.0, 20.0);
/// What is softer than this, in LUFS, is silence: nothing is made of it.
const SILENCE: f64 = -70.0;

/// What the first run says; ffmpeg writes numbers as texts.
#[derive(Debug, Deserialize)]
struct Measured {
    input_i: String,
    input_tp: String,
    input_lra: String,
    input_thresh: String,
    target_offset: String,
}

/// The filter that makes a track as loud as `target`, in LUFS; `None` where it is silent.
pub(crate) fn filter(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    track: &Track,
    target: f64,
    control: &dyn Control,
) -> Result<Option<String>> {
    let mut arguments: Vec<OsString> = vec!["-loglevel".into(), "info".into()];
    arguments.extend(input(facts.container, path));
    let options = format!(
        "-map 0:{} -af loudnorm=I={target}:TP={PEAK}:print_format=json -f null -",
        track.index
    );
    arguments.extend(options.split(' ').map(OsString::from));
    let reads = [path.to_owned()];
    let task = Task {
        program: Program::Ffmpeg,
        arguments,
        reads: &reads,
        writes: None,
        limits: Limits::MAKE,
    };
    let said = tools.run_heard(&task, control)?.said;
    let measured = measured(&said).ok_or_else(|| {
        Error::Tool("ffmpeg does not say how loud the sound is; another version of it may".into())
    })?;
    Ok(second(&measured, target))
}

fn measured(said: &str) -> Option<Measured> {
    let text = &said[said.rfind('{')?..=said.rfind('}')?];
    serde_json::from_str(text).ok()
}

fn second(measured: &Measured, target: f64) -> Option<String> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    let (loudness, peak) = (number(&measured.input_i)?, number(&measured.input_tp)?);
    let (range, threshold) = (
        number(&measured.input_lra)?,
        number(&measured.input_thresh)?,
    );
    let offset = number(&measured.target_offset).unwrap_or(0.0);
    if loudness <= SILENCE {
        return None;
    }
    // With the range that it has, it is turned up or down as a whole.
    let wanted = range.clamp(RANGES.0, RANGES.1);
    Some(format!(
        "loudnorm=I={target}:TP={PEAK}:LRA={wanted}:measured_I={loudness}:measured_TP={peak}:measured_LRA={range}:\
         measured_thresh={threshold}:offset={offset}:linear=true"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_goes_into_the_second_run() {
        let said = "size=N/A time=00:00:06.00\n[Parsed_loudnorm_0 @ 0x55] \n{\n\t\"input_i\" : \"-21.75\",\n\t\"input_tp\" : \
                    \"-18.06\",\n\t\"input_lra\" : \"0.00\",\n\t\"input_thresh\" : \"-31.75\",\n\t\"output_i\" : \"-23.03\",\n\t\
                    \"target_offset\" : \"0.03\"\n}\n";
        let found = measured(said).expect("measured");
        let filter = second(&found, -16.0).expect("a filter");
        let expect = "loudnorm=I=-16:TP=-1:LRA=1:measured_I=-21.75:measured_TP=-18.06:measured_LRA=0:\
                      measured_thresh=-31.75:offset=0.03:linear=true";
        assert_eq!(filter, expect);
        let silent = said.replace("-21.75", "-inf");
        assert_eq!(second(&measured(&silent).expect("measured"), -23.0), None);
        assert!(measured("nothing").is_none());
    }
}
