//! Which rungs a video gets: pure, from what it is and how hard it is to code.
//!
//! In: a [`Picture`], the channels of its sound, and a [`Complexity`] or a [`Profile`]. Out: a [`LadderPlan`].

#[cfg(test)]
mod tests;

use crate::profile::{AudioCodec, AudioWish, Profile, VideoCodec, VideoWish};
use serde::{Deserialize, Serialize};

/// Short sides that rungs have.
const SHORT_SIDES: [u32; 8] = [2160, 1440, 1080, 720, 480, 360, 240, 144];
/// From this short side up there are at least [`LEAST_RUNGS`].
const LADDER_FROM: u32 = 720;
/// Fewest rungs of a video that is large enough.
const LEAST_RUNGS: usize = 3;
/// A rung is left out when the next larger one costs less than this much more.
const LEAST_STEP: f64 = 1.35;
/// A rung is put between two of which the larger one costs more than this much more.
const WIDEST_STEP: f64 = 2.5;
/// Bits a second from which a step may be too wide: below, a rung more costs more than it brings.
const GAPS_FROM: f64 = 400_000.0;
/// Bits a second of a rung below which no smaller one is of use.
const LEAST_RATE: f64 = 90_000.0;
/// How much worse the quality of a rung may be for each halving of its sides: of pictures that are scaled up to the same size,
/// the larger ones of lower quality are the better ones for the same bits (`scripts/bench.sh ladder`).
const CRF_A_HALVING: f64 = 8.0;
/// How much better (CRF) than usual the quality of the largest rung is: viewers whose connection has room for it see it as the
/// source. A cartoon in 1280×720 ends at VMAF 95 with it, and at 91 without.
const BETTER_AT_THE_TOP: f64 = 3.0;
/// Worst quality (CRF) that a size is given.
const WORST_CRF: f64 = 32.0;
/// The same of one that fills a gap.
const WORST_CRF_BETWEEN: f64 = 35.0;
const BEST_CRF_BETWEEN: f64 = 20.0;
/// Noise takes half of the bits when quality gets worse by less than this (CRF); anything else, by five and more.
const NOISE_HALVES: f64 = 3.5;
/// Bits of a pixel that no rung takes more of: what is noise alone could take any number of them.
const MOST_BITS_PER_PIXEL: f64 = 0.35;
/// Short side of screens that most videos are seen on: what a rung is scaled up to.
const SCREEN: u32 = 1080;
/// Bits a second at the peak, over those of the whole rung.
const PEAK: f64 = 1.6;
/// Least peak of a rung, in bits a second.
const LEAST_PEAK: f64 = 80_000.0;

/// The pictures of a source, as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Pixels, as they are stored.
    pub width: u32,
    /// Pixels, as they are stored.
    pub height: u32,
    /// Width of a pixel over its height.
    pub pixel_aspect: f64,
    /// Degrees, clockwise, by which it is to be turned.
    pub rotation: i32,
    /// Pictures a second, on average.
    pub frame_rate: f64,
    /// Whether its light goes beyond that of SDR.
    pub hdr: bool,
    /// Bits a second; 0 when not known.
    pub bit_rate: u64,
}

/// Bits that a pixel takes at the usual quality, at one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Pixels of a picture.
    pub pixels: f64,
    /// Bits of a pixel of a picture.
    pub bits_per_pixel: f64,
}

/// How hard a video is to code: at a small size and at a large one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Complexity {
    /// At the smaller size.
    pub small: Measured,
    /// At the larger one.
    pub large: Measured,
    /// By how much the quality (CRF) gets worse with half of the bits.
    pub halves: f64,
}

impl Complexity {
    /// Of a film; where nothing was measured.
    pub const TYPICAL: Self = Self {
        small: Measured {
            pixels: 640.0 * 360.0,
            bits_per_pixel: 0.105,
        },
        large: Measured {
            pixels: 1280.0 * 720.0,
            bits_per_pixel: 0.075,
        },
        halves: 5.5,
    };

    /// Bits a second at another size, and a quality that is by `worse` (CRF) below the usual one. Bits of a pixel fall with the
    /// number of pixels as a power, which the two measurements tell.
    pub fn rate(&self, pixels: f64, frame_rate: f64, worse: f64) -> f64 {
        let (small, large) = (self.small, self.large);
        let sizes = (large.pixels / small.pixels).ln();
        let power = match sizes.abs() > 0.1 {
            true => (large.bits_per_pixel / small.bits_per_pixel).ln() / sizes,
            false => -0.25,
        };
        // A measurement of a second or two can be off; no video is outside of these.
        let power = if power.is_finite() {
            power.clamp(-0.6, 0.0)
        } else {
            -0.25
        };
        let usual =
            large.bits_per_pixel * (pixels / large.pixels).powf(power) * pixels * frame_rate;
        usual * (-worse / self.halves()).exp2()
    }

    /// As measured, where that can be.
    fn halves(&self) -> f64 {
        match self.halves.is_finite() {
            true => self.halves.clamp(2.5, 9.0),
            false => Self::TYPICAL.halves,
        }
    }
}

/// What is encoded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LadderPlan {
    /// Seconds between key pictures.
    pub gop_seconds: f64,
    /// Whether the source is a rung as it is.
    pub source: bool,
    /// Pictures that are encoded, the largest first.
    pub rungs: Vec<Rung>,
    /// Sound that is encoded.
    pub sounds: Vec<Sound>,
}

/// Pictures of one size and rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// `720p-h264`: unique in the plan, and good for a file.
    pub name: String,
    /// Square pixels, turned upright; even.
    pub width: u32,
    /// Square pixels, turned upright; even.
    pub height: u32,
    /// What it is coded in.
    pub codec: VideoCodec,
    /// How many bits.
    pub rate: Rate,
    /// How much effort.
    pub preset: String,
    /// Whether HDR is kept, in 10 bits.
    pub keeps_hdr: bool,
    /// Whether HDR is made SDR.
    pub tone_maps: bool,
}

/// How many bits pictures get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rate {
    /// Constant quality.
    Quality {
        /// Of the encoder.
        crf: u8,
        /// Bits a second that are not exceeded for long.
        peak: Option<u64>,
    },
    /// Bits a second on average.
    Average(u64),
}

/// Sound of one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sound {
    /// What it is coded in.
    pub codec: AudioCodec,
    /// 1, 2 or 6.
    pub channels: u32,
    /// Bits a second.
    pub bitrate: u64,
}

impl Rung {
    /// Bits a second on average that it is expected to take, of pictures that come at this rate.
    pub fn expected_bitrate(&self, frame_rate: f64) -> u64 {
        match self.rate {
            Rate::Average(rate) => rate,
            Rate::Quality {
                peak: Some(peak), ..
            } => (peak as f64 / PEAK) as u64,
            Rate::Quality { crf, peak: None } => {
                let pixels = f64::from(self.width) * f64::from(self.height);
                let worse = f64::from(crf) - f64::from(self.codec.usual_crf());
                Complexity::TYPICAL.rate(pixels, frame_rate.clamp(1.0, 240.0), worse) as u64
            }
        }
    }
}

impl LadderPlan {
    /// Leaves out rungs of the size and the codec of a source that is a rung itself, unless it takes far more bits than they
    /// would: what is encoded again is not better.
    pub(crate) fn drop_what_the_source_is(&mut self, picture: &Picture, codec: Option<VideoCodec>) {
        let size = shown(picture);
        self.rungs.retain(|rung| {
            let peak = match rung.rate {
                Rate::Quality { peak, .. } => peak.unwrap_or(u64::MAX),
                Rate::Average(rate) => rate,
            };
            let is_far_smaller = picture.bit_rate > peak.saturating_mul(2);
            (rung.width, rung.height) != size || Some(rung.codec) != codec || is_far_smaller
        });
    }
}

/// The ladder that fits a video: H.264 and AAC, never above the source. `channels` are those of its sound, 0 without any.
pub fn auto(picture: &Picture, channels: u32, complexity: &Complexity) -> LadderPlan {
    let whole = shown(picture);
    let short = whole.0.min(whole.1);
    let smaller = SHORT_SIDES
        .into_iter()
        .filter(|side| f64::from(*side) < f64::from(short) * 0.85);
    let sides: Vec<u32> = std::iter::once(short).chain(smaller).collect();
    let least = if short >= LADDER_FROM { LEAST_RUNGS } else { 1 };
    let mut steps: Vec<Step> = Vec::new();
    for (number, side) in sides.iter().enumerate() {
        let step = Step::of(picture, whole, *side, complexity);
        let must = steps.len() + (sides.len() - number) <= least;
        let is_near = |last: &Step| last.rate / step.rate < LEAST_STEP;
        let is_needless = steps
            .last()
            .is_some_and(|last| is_near(last) || last.rate < LEAST_RATE);
        if must || !is_needless {
            steps.push(step);
        }
    }
    let share = share_of_source(picture, &steps);
    if let Some(first) = steps.first_mut() {
        *first = Step::top(picture, whole, complexity);
    }
    let steps = without_gaps(&steps, complexity);
    let mut rungs: Vec<Rung> = Vec::new();
    for step in steps {
        let rate = Rate::Quality {
            crf: step.crf.round() as u8,
            peak: Some(peak(picture, step.rate * share)),
        };
        let mut rung = rung(picture, whole, step.side, VideoCodec::H264, rate, None);
        name_apart(&mut rung, &rungs);
        rungs.push(rung);
    }
    LadderPlan {
        gop_seconds: 2.0,
        source: false,
        rungs,
        sounds: usual_sounds(channels),
    }
}

/// A rung of `auto` before it is one.
#[derive(Clone, Copy)]
struct Step {
    side: u32,
    crf: f64,
    /// Bits a second.
    rate: f64,
}

impl Step {
    /// The rung of a size, at the quality at which no other size is better for its bits.
    fn of(picture: &Picture, whole: (u32, u32), side: u32, complexity: &Complexity) -> Self {
        let seen_at = f64::from(whole.0.min(whole.1).min(SCREEN));
        let halvings = (seen_at / f64::from(side)).log2().max(0.0);
        let usual = f64::from(VideoCodec::H264.usual_crf());
        let crf = (usual + CRF_A_HALVING * halvings).min(WORST_CRF);
        Self::at(picture, whole, side, complexity, crf)
    }

    /// The largest rung: better than usual, as far as the source has the bits for it.
    fn top(picture: &Picture, whole: (u32, u32), complexity: &Complexity) -> Self {
        let side = whole.0.min(whole.1);
        let usual = Self::of(picture, whole, side, complexity);
        let better = match picture.bit_rate {
            0 => BETTER_AT_THE_TOP,
            bits => {
                let octaves = (bits as f64 / (usual.rate * PEAK)).log2();
                (complexity.halves() * octaves).clamp(0.0, BETTER_AT_THE_TOP)
            }
        };
        let crf = f64::from(VideoCodec::H264.usual_crf()) - better;
        Self::at(picture, whole, side, complexity, crf)
    }

    /// A size at a quality, or what is left of it when that takes too many bits.
    fn at(
        picture: &Picture,
        whole: (u32, u32),
        side: u32,
        complexity: &Complexity,
        crf: f64,
    ) -> Self {
        let usual = f64::from(VideoCodec::H264.usual_crf());
        let size = sized(whole, side);
        let rate = rate_of(picture, size, complexity, crf - usual);
        let most = f64::from(size.0)
            * f64::from(size.1)
            * picture.frame_rate.clamp(1.0, 240.0)
            * MOST_BITS_PER_PIXEL;
        let octaves = (rate / most).log2().max(0.0);
        let worst = crf.max(WORST_CRF);
        Self {
            side,
            crf: (crf + complexity.halves() * octaves).min(worst),
            rate: rate.min(most),
        }
    }
}

/// Puts a rung where a step is too wide: of the larger size and worse quality, or, of noise, of the smaller size and better
/// quality, since the larger size has more of the noise.
fn without_gaps(steps: &[Step], complexity: &Complexity) -> Vec<Step> {
    let mut all: Vec<Step> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        all.push(*step);
        let Some(next) = steps.get(number + 1) else {
            break;
        };
        let octaves = (step.rate / next.rate).log2() / 2.0;
        let lower = Step {
            crf: step.crf + complexity.halves() * octaves,
            rate: step.rate * (-octaves).exp2(),
            ..*step
        };
        let between = match complexity.halves() < NOISE_HALVES {
            true => Step {
                crf: next.crf - complexity.halves() * octaves,
                side: next.side,
                ..lower
            },
            false => lower,
        };
        let is_wide = step.rate / next.rate > WIDEST_STEP && step.rate >= GAPS_FROM;
        if is_wide && (BEST_CRF_BETWEEN..=WORST_CRF_BETWEEN).contains(&between.crf) {
            all.push(between);
        }
    }
    all
}

/// A source that has fewer bits than its size would take has lost what they would be for: all rungs shrink as it did.
fn share_of_source(picture: &Picture, steps: &[Step]) -> f64 {
    match (picture.bit_rate, steps.first()) {
        (1.., Some(first)) => (picture.bit_rate as f64 / (first.rate * PEAK)).min(1.0),
        _ => 1.0,
    }
}

/// Gives a rung a name that none before it has.
fn name_apart(rung: &mut Rung, before: &[Rung]) {
    let alike = |other: &&Rung| {
        (other.width, other.height, other.codec) == (rung.width, rung.height, rung.codec)
    };
    match before.iter().filter(alike).count() {
        0 => {}
        more => rung.name = format!("{}-{}", rung.name, more + 1),
    }
}

/// The sounds of `auto`, for a source of so many channels.
pub(crate) fn usual_sounds(channels: u32) -> Vec<Sound> {
    let surround = (channels >= 6).then_some(sound(6, 384_000));
    let stereo = match channels {
        0 => None,
        1 => Some(sound(1, 80_000)),
        _ => Some(sound(2, 128_000)),
    };
    surround.into_iter().chain(stereo).collect()
}

/// The ladder that a profile wants of a video: rungs that would be larger than the source become as large, and are left
/// out when there is one of that size and codec already.
pub fn of_profile(
    profile: &Profile,
    picture: &Picture,
    channels: u32,
    complexity: &Complexity,
) -> LadderPlan {
    let whole = shown(picture);
    let short = whole.0.min(whole.1);
    let mut wishes: Vec<_> = profile.video.iter().collect();
    // The smallest first: what was wanted in the size of the source goes before what shrinks to it.
    wishes.sort_by_key(|wish| wish.short_side);
    let mut rungs: Vec<Rung> = Vec::new();
    for wish in wishes {
        let side = wish.short_side.min(short);
        let rate = match wish.bitrate {
            Some(rate) => Rate::Average(at_most(picture, rate)),
            None => Rate::Quality {
                crf: wish.crf.unwrap_or(wish.codec.usual_crf()),
                peak: Some(match wish.max_bitrate {
                    Some(rate) => at_most(picture, rate),
                    None => peak(
                        picture,
                        rate_of(picture, sized(whole, side), complexity, worse(wish)),
                    ),
                }),
            },
        };
        let preset = wish.preset.as_deref();
        let mut rung = rung(picture, whole, side, wish.codec, rate, preset);
        let plain = rung.name.clone();
        name_apart(&mut rung, &rungs);
        // Two rungs of one size are wanted now and then; two that shrank to one size are not.
        if wish.short_side > short && rung.name != plain {
            continue;
        }
        rungs.push(rung);
    }
    rungs.sort_by_key(|rung| std::cmp::Reverse(rung.width * rung.height));
    LadderPlan {
        gop_seconds: profile.gop_seconds,
        source: false,
        rungs,
        sounds: sounds_of_profile(&profile.audio, channels),
    }
}

/// The sounds that a profile wants of a source of so many channels.
pub(crate) fn sounds_of_profile(wishes: &[AudioWish], channels: u32) -> Vec<Sound> {
    let mut sounds: Vec<Sound> = Vec::new();
    for wish in wishes.iter().filter(|_| channels > 0) {
        let has = if channels >= 6 { 6 } else { channels.min(2) };
        let made = Sound {
            codec: wish.codec,
            channels: wish.channels.min(has),
            bitrate: wish.bitrate,
        };
        let has_less = made.channels < wish.channels;
        let is_alike = |one: &Sound| (one.channels, one.codec) == (made.channels, made.codec);
        if !(has_less && sounds.iter().any(is_alike)) {
            sounds.push(made);
        }
    }
    sounds
}

/// The size in which a picture is shown: square pixels, upright, even.
pub(crate) fn shown(picture: &Picture) -> (u32, u32) {
    let aspect = match picture.pixel_aspect.is_finite() && picture.pixel_aspect > 0.0 {
        true => picture.pixel_aspect,
        false => 1.0,
    };
    let width = f64::from(picture.width) * aspect;
    let (width, height) = (even(width), even(f64::from(picture.height)));
    match picture.rotation.rem_euclid(180) == 90 {
        true => (height, width),
        false => (width, height),
    }
}

/// A size with the same shape and another short side.
fn sized(whole: (u32, u32), short: u32) -> (u32, u32) {
    let scale = f64::from(short) / f64::from(whole.0.min(whole.1));
    let side = |pixels: u32| even((f64::from(pixels) * scale / 2.0).round() * 2.0);
    (side(whole.0).min(whole.0), side(whole.1).min(whole.1))
}

/// The even number that is not above, and not below 2.
fn even(pixels: f64) -> u32 {
    ((pixels.round() as u32) & !1).max(2)
}

/// By how much (CRF) a wish is worse than the usual quality, of the codecs whose scale is that of the measurement.
fn worse(wish: &VideoWish) -> f64 {
    let usual = wish.codec.usual_crf();
    match wish.codec {
        VideoCodec::H264 | VideoCodec::Hevc => {
            f64::from(wish.crf.unwrap_or(usual)) - f64::from(usual)
        }
        VideoCodec::Av1 | VideoCodec::Vp9 => 0.0,
    }
}

fn rate_of(picture: &Picture, size: (u32, u32), complexity: &Complexity, worse: f64) -> f64 {
    let pixels = f64::from(size.0) * f64::from(size.1);
    complexity.rate(pixels, picture.frame_rate.clamp(1.0, 240.0), worse)
}

fn peak(picture: &Picture, rate: f64) -> u64 {
    at_most(picture, (rate * PEAK).max(LEAST_PEAK) as u64)
}

/// No rung spends more than its source.
fn at_most(picture: &Picture, rate: u64) -> u64 {
    match picture.bit_rate {
        0 => rate,
        most => rate.min(most.max(LEAST_PEAK as u64)),
    }
}

fn rung(
    picture: &Picture,
    whole: (u32, u32),
    side: u32,
    codec: VideoCodec,
    rate: Rate,
    preset: Option<&str>,
) -> Rung {
    let (width, height) = sized(whole, side);
    let keeps_hdr = picture.hdr && matches!(codec, VideoCodec::Hevc | VideoCodec::Av1);
    Rung {
        name: format!("{}p-{}", width.min(height), codec.name()),
        width,
        height,
        codec,
        rate,
        preset: preset.unwrap_or(codec.usual_preset()).to_owned(),
        keeps_hdr,
        tone_maps: picture.hdr && !keeps_hdr,
    }
}

fn sound(channels: u32, bitrate: u64) -> Sound {
    Sound {
        codec: AudioCodec::Aac,
        channels,
        bitrate,
    }
}
