//! Ladders of many videos.

use super::*;

fn picture(width: u32, height: u32) -> Picture {
    Picture {
        width,
        height,
        pixel_aspect: 1.0,
        rotation: 0,
        frame_rate: 30.0,
        hdr: false,
        bit_rate: 0,
    }
}

fn sizes(plan: &LadderPlan) -> Vec<(u32, u32)> {
    plan.rungs
        .iter()
        .map(|rung| (rung.width, rung.height))
        .collect()
}

fn peaks(plan: &LadderPlan) -> Vec<u64> {
    let peaks = plan.rungs.iter().map(|rung| match rung.rate {
        Rate::Quality { peak, .. } => peak.unwrap_or(0),
        Rate::Average(rate) => rate,
    });
    peaks.collect()
}

fn of(picture: &Picture) -> LadderPlan {
    auto(picture, 2, &Complexity::TYPICAL)
}

#[test]
fn sizes_fit_the_shape_of_the_video() {
    let turned = Picture {
        rotation: 90,
        ..picture(1920, 1080)
    };
    let wide_pixels = Picture {
        pixel_aspect: 4.0 / 3.0,
        ..picture(1440, 1080)
    };
    let broken_aspect = Picture {
        pixel_aspect: f64::NAN,
        ..picture(640, 360)
    };
    for (video, first, last) in [
        (picture(1280, 720), (1280, 720), (426, 240)),
        (picture(1920, 1080), (1920, 1080), (426, 240)),
        (turned, (1080, 1920), (240, 426)),
        (picture(1080, 1920), (1080, 1920), (240, 426)),
        (picture(1000, 1000), (1000, 1000), (240, 240)),
        (wide_pixels, (1920, 1080), (426, 240)),
        (broken_aspect, (640, 360), (426, 240)),
        (picture(853, 481), (852, 480), (256, 144)),
        (picture(3, 3), (2, 2), (2, 2)),
    ] {
        let found = sizes(&of(&video));
        assert_eq!(found.first(), Some(&first), "{video:?}: {found:?}");
        let last_found = found.last().copied().unwrap_or_default();
        assert!(
            last_found.0.min(last_found.1) <= last.0.min(last.1),
            "{video:?}: {found:?}"
        );
        for (width, height) in found {
            assert!(width % 2 == 0 && height % 2 == 0 && width <= first.0 && height <= first.1);
        }
    }
}

#[test]
fn a_video_from_720_on_has_three_rungs_however_easy_it_is() {
    for bits in [1e-9, 1e-5, 0.01, 0.3, 3.0] {
        for video in [picture(1280, 720), picture(720, 1280), picture(3840, 2160)] {
            let at = |pixels| Measured {
                pixels,
                bits_per_pixel: bits,
            };
            let complexity = Complexity {
                small: at(230_400.0),
                large: at(921_600.0),
                halves: 5.5,
            };
            let plan = auto(&video, 0, &complexity);
            assert!(plan.rungs.len() >= 3, "{bits}: {:?}", sizes(&plan));
            let peaks = peaks(&plan);
            assert!(peaks.windows(2).all(|pair| pair[0] >= pair[1]), "{peaks:?}");
        }
    }
}

#[test]
fn what_is_hard_to_code_gets_more_bits_and_more_rungs() {
    let scaled = |factor: f64| {
        let by = |one: Measured| Measured {
            bits_per_pixel: one.bits_per_pixel * factor,
            ..one
        };
        let typical = Complexity::TYPICAL;
        Complexity {
            small: by(typical.small),
            large: by(typical.large),
            ..typical
        }
    };
    let video = picture(1920, 1080);
    let plans: Vec<LadderPlan> = [0.05, 1.0, 3.0]
        .map(|factor| auto(&video, 2, &scaled(factor)))
        .into();
    assert!(peaks(&plans[0])[0] < peaks(&plans[1])[0]);
    assert!(peaks(&plans[1])[0] < peaks(&plans[2])[0]);
    assert!(plans[0].rungs.len() < plans[2].rungs.len());
}

#[test]
fn nothing_is_above_the_source() {
    let poor = Picture {
        bit_rate: 400_000,
        ..picture(1920, 1080)
    };
    let plan = of(&poor);
    assert!(
        peaks(&plan).iter().all(|peak| *peak <= 400_000),
        "{:?}",
        peaks(&plan)
    );
    assert!(plan.rungs.len() >= 3);
    let profile = Profile::parse("[[video]]\nshort_side = 2160\n[[video]]\nshort_side = 1080\n[[video]]\nshort_side = 720\nbitrate = 9_000_000")
        .expect("a profile");
    let plan = of_profile(&profile, &poor, 2, &Complexity::TYPICAL);
    assert_eq!(sizes(&plan), [(1920, 1080), (1280, 720)]);
    assert_eq!(plan.rungs[1].rate, Rate::Average(400_000));
}

#[test]
fn steps_are_neither_wide_nor_narrow() {
    let video = picture(1920, 1080);
    for factor in [0.02, 0.2, 1.0, 5.0] {
        let by = |one: Measured| Measured {
            bits_per_pixel: one.bits_per_pixel * factor,
            ..one
        };
        let typical = Complexity::TYPICAL;
        for halves in [3.0, 5.5, 9.0, f64::NAN] {
            let complexity = Complexity {
                small: by(typical.small),
                large: by(typical.large),
                halves,
            };
            for bit_rate in [0, 300_000] {
                let plan = auto(
                    &Picture {
                        bit_rate,
                        ..video.clone()
                    },
                    2,
                    &complexity,
                );
                let of = |rung: &Rung| match rung.rate {
                    Rate::Quality { crf, peak } => (crf, peak.unwrap_or(0) as f64),
                    Rate::Average(_) => (0, 0.0),
                };
                for pair in plan.rungs.windows(2) {
                    let ((_, more), (crf, less)) = (of(&pair[0]), of(&pair[1]));
                    let step = more / less;
                    let is_least = less <= LEAST_PEAK + 1.0;
                    // Of half bits a quality that is hardly worse: only the lowest qualities leave such gaps.
                    assert!(
                        step <= 4.0 || more < 640_000.0 || crf >= 31,
                        "{factor}, {halves}: {plan:?}"
                    );
                    assert!(step >= 1.15 || is_least, "{factor}, {halves}: {plan:?}");
                    assert!((20..=35).contains(&crf), "{factor}, {halves}: {plan:?}");
                }
            }
        }
    }
}

#[test]
fn the_largest_rung_is_better_than_usual_where_the_source_has_the_bits() {
    let crf = |bit_rate| {
        let video = Picture {
            bit_rate,
            ..picture(1280, 720)
        };
        match of(&video).rungs.first().map(|rung| rung.rate) {
            Some(Rate::Quality { crf, .. }) => crf,
            other => panic!("{other:?}"),
        }
    };
    let usual = Step::of(&picture(1280, 720), (1280, 720), 720, &Complexity::TYPICAL);
    let at_its_peak = (usual.rate * PEAK) as u64;
    assert_eq!(crf(0), 20);
    assert_eq!(crf(10 * at_its_peak), 20);
    assert_eq!(crf(at_its_peak * 5 / 4), 21);
    assert_eq!(crf(at_its_peak / 2), 23);
    // Smaller sizes keep their quality.
    let plan = of(&picture(1280, 720));
    let small = plan.rungs.iter().find(|rung| rung.height == 360);
    let quality = small.map(|rung| rung.rate);
    assert!(
        matches!(quality, Some(Rate::Quality { crf: 31, .. })),
        "{plan:?}"
    );
}

#[test]
fn the_source_takes_the_place_of_the_rung_that_it_is() {
    let plan = |bit_rate, codec| {
        let video = Picture {
            bit_rate,
            ..picture(1280, 720)
        };
        let mut plan = of(&video);
        let all = plan.rungs.clone();
        plan.drop_what_the_source_is(&video, codec);
        (all, plan.rungs)
    };
    let (mut all, left) = plan(0, Some(VideoCodec::H264));
    all.retain(|rung| rung.height < 720);
    assert_eq!(left, all);
    // Another codec is for other players, and far more bits for other connections.
    let (all, left) = plan(0, Some(VideoCodec::Vp9));
    assert_eq!(left, all);
    let (all, left) = plan(80_000_000, Some(VideoCodec::H264));
    assert_eq!(left, all);
}

#[test]
fn sound_is_never_more_than_there_is() {
    let channels = |count| -> Vec<u32> {
        let plan = auto(&picture(640, 360), count, &Complexity::TYPICAL);
        plan.sounds.iter().map(|sound| sound.channels).collect()
    };
    assert_eq!(channels(0), [0; 0]);
    assert_eq!(channels(1), [1]);
    assert_eq!(channels(2), [2]);
    assert_eq!(channels(6), [6, 2]);
    assert_eq!(channels(8), [6, 2]);
    let text = "[[video]]\nshort_side = 360\n[[audio]]\nchannels = 6\nbitrate = 384_000\n[[audio]]\nbitrate = 96_000\ncodec = \"opus\"";
    let profile = Profile::parse(text).expect("a profile");
    let of = |count| -> Vec<u32> {
        let plan = of_profile(&profile, &picture(640, 360), count, &Complexity::TYPICAL);
        plan.sounds.iter().map(|sound| sound.channels).collect()
    };
    assert_eq!(of(6), [6, 2]);
    assert_eq!(of(2), [2, 2]);
    assert_eq!(of(0), [0; 0]);
}

#[test]
fn hdr_is_kept_where_the_codec_can() {
    let video = Picture {
        hdr: true,
        ..picture(3840, 2160)
    };
    let text = "[[video]]\nshort_side = 2160\ncodec = \"hevc\"\n[[video]]\nshort_side = 720\n[[video]]\nshort_side = 720\ncodec = \"av1\"";
    let profile = Profile::parse(text).expect("a profile");
    let plan = of_profile(&profile, &video, 2, &Complexity::TYPICAL);
    let kept: Vec<_> = plan
        .rungs
        .iter()
        .map(|rung| (rung.keeps_hdr, rung.tone_maps))
        .collect();
    assert_eq!(kept, [(true, false), (false, true), (true, false)]);
    let mut names: Vec<_> = plan.rungs.iter().map(|rung| &rung.name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
}
