use super::*;
use crate::MemorySource;
use crate::cenc::cipher::{Cipher, Pattern};
use bmff::Writer;

const SIZE: usize = 40;

fn key(number: u8) -> ContentKey {
    ContentKey {
        kid: crate::KeyId([number; 16]),
        value: [number + 100; 16],
    }
}

/// Fields of `tenc` and `seig`: constant IVs, whole samples.
fn tenc(w: &mut Writer, is_protected: bool, number: u8) {
    w.put(&[0, 0, u8::from(is_protected), 0]);
    w.put(&[number; 16]);
    if is_protected {
        w.u8(16);
        w.put(&[number + 50; 16]);
    }
}

/// A track of encrypted sound whose groups 1, … are described in the `moov`; key 1 is that of the entry.
fn moov(w: &mut Writer, groups: &[u8]) {
    w.boxed(b"moov", |w| {
        w.boxed(b"trak", |w| {
            w.full(b"tkhd", 0, 3, |w| {
                w.zeros(8);
                w.u32(1);
                w.zeros(68);
            });
            let media = |w: &mut Writer, body: &dyn Fn(&mut Writer)| {
                w.boxed(b"mdia", |w| w.boxed(b"minf", |w| w.boxed(b"stbl", body)));
            };
            media(w, &|w| {
                w.full(b"stsd", 0, 0, |w| {
                    w.u32(1);
                    w.boxed(b"enca", |w| {
                        w.zeros(28);
                        w.boxed(b"sinf", |w| {
                            w.boxed(b"frma", |w| w.put(b"mp4a"));
                            w.full(b"schm", 0, 0, |w| w.put(b"cbcs\0\x01\0\0"));
                            w.boxed(b"schi", |w| {
                                w.full(b"tenc", 1, 0, |w| tenc(w, true, 1));
                            });
                        });
                    });
                });
                for kind in [b"stts", b"stsc", b"stco"] {
                    w.full(kind, 0, 0, |w| w.u32(0));
                }
                w.full(b"stsz", 0, 0, |w| w.zeros(8));
                describe(w, groups, 0);
            });
        });
        w.boxed(b"mvex", |w| {
            w.full(b"trex", 0, 0, |w| {
                [1, 1, 1, 0, 0].iter().for_each(|v| w.u32(*v))
            });
        });
    });
}

/// Groups of protected samples with these keys; the first one may be for samples that no `sbgp` mentions.
fn describe(w: &mut Writer, groups: &[u8], default_index: u32) {
    if groups.is_empty() {
        return;
    }
    w.full(b"sgpd", 2, 0, |w| {
        w.put(b"seig");
        w.u32(37);
        w.u32(default_index);
        w.u32(groups.len() as u32);
        groups.iter().for_each(|number| tenc(w, true, *number));
    });
}

/// One fragment; each sample is encrypted with the key of its number, 0 is in the clear.
fn fragment(w: &mut Writer, samples: &[u8], groups: impl FnOnce(&mut Writer)) {
    w.boxed(b"moof", |w| {
        w.boxed(b"traf", |w| {
            w.full(b"tfhd", 0, 0x02_0000, |w| w.u32(1));
            w.full(b"trun", 0, 0x201, |w| {
                w.u32(samples.len() as u32);
                w.u32(0);
                samples.iter().for_each(|_| w.u32(SIZE as u32));
            });
            groups(w);
        });
    });
    w.boxed(b"mdat", |w| {
        for number in samples {
            let mut sample = [7; SIZE];
            if *number > 0 {
                let cipher = Cipher::new(&key(*number).value);
                cipher.cbc_encrypt(&mut sample, [number + 50; 16], Pattern::FULL);
            }
            w.put(&sample);
        }
    });
}

/// `trun.data_offset` must lead to the first byte of `mdat`.
fn file(of_track: &[u8], samples: &[u8], groups: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    moov(&mut w, of_track);
    let start = w.len();
    fragment(&mut w, samples, groups);
    let end = w.len();
    let data_offset = end - start - samples.len() * SIZE;
    // moof, traf, tfhd of 16 bytes, trun's header, flags and count.
    w.patch_u32(start + 8 + 8 + 16 + 16, data_offset as u32);
    w.into_bytes()
}

fn runs(w: &mut Writer, runs: &[(u32, u32)]) {
    w.full(b"sbgp", 0, 0, |w| {
        w.put(b"seig");
        w.u32(runs.len() as u32);
        for (count, group) in runs {
            w.u32(*count);
            w.u32(*group);
        }
    });
}

fn open(bytes: Vec<u8>, keys: &[ContentKey]) -> Result<Vec<u8>, Error> {
    let mut output = Vec::new();
    decrypt(&[&MemorySource(bytes)], keys, &mut output)?;
    Ok(output)
}

/// The media of a decrypted file must be what they were before.
#[track_caller]
fn check(bytes: Vec<u8>, keys: &[ContentKey], samples: usize) {
    let open = open(bytes, keys).unwrap();
    let media = &open[open.len() - samples * SIZE..];
    let wrong = media.chunks(SIZE).position(|sample| sample != [7; SIZE]);
    assert_eq!(wrong, None);
}

#[test]
fn keys_change_by_the_groups_of_the_fragment_and_of_the_track() {
    let samples = [1, 1, 2, 3, 3, 1];
    let bytes = file(&[2], &samples, |w| {
        describe(w, &[3], 0);
        runs(w, &[(2, 0), (1, 1), (2, 0x1_0001)]);
    });
    check(bytes.clone(), &[key(1), key(2), key(3)], samples.len());
    let error = open(bytes, &[key(1), key(3)]).unwrap_err();
    assert!(error.to_string().contains(&"02".repeat(16)), "{error}");
}

#[test]
fn samples_that_no_run_mentions_are_of_the_default_group() {
    let samples = [1, 2, 2];
    let bytes = file(&[], &samples, |w| {
        describe(w, &[2], 1);
        runs(w, &[(1, 0)]);
    });
    check(bytes, &[key(1), key(2)], samples.len());
}

#[test]
fn a_group_may_be_in_the_clear() {
    let samples = [0, 0, 1];
    let bytes = file(&[], &samples, |w| {
        w.full(b"sgpd", 1, 0, |w| {
            w.put(b"seig");
            w.u32(20);
            w.u32(1);
            tenc(w, false, 9);
        });
        runs(w, &[(2, 0x1_0001), (1, 0)]);
    });
    check(bytes, &[key(1)], samples.len());
}

#[test]
fn a_group_that_is_not_described_is_refused() {
    let bytes = file(&[], &[1, 1], |w| runs(w, &[(1, 0), (1, 7)]));
    let error = open(bytes, &[key(1)]).unwrap_err().to_string();
    let expect = "sample 1 names an encryption group that is not there";
    assert!(error.contains(expect), "{error}");
}

/// Every sample has a run of its own: looking each up from the start would take a hundred thousand times as long.
#[test]
fn as_many_runs_as_samples_are_no_trouble() {
    let samples = vec![1; 200_000];
    let bytes = file(&[], &samples, |w| runs(w, &vec![(1, 0); samples.len()]));
    check(bytes, &[key(1)], samples.len());
}

#[test]
fn a_second_moov_is_refused_in_both_ways() {
    let mut bytes = file(&[], &[1], |_| {});
    let mut second = Writer::default();
    moov(&mut second, &[]);
    bytes.extend_from_slice(&second.into_bytes());
    let refused = |error: Error| assert!(error.to_string().contains("a second 'moov'"), "{error}");
    let source = MemorySource(bytes.clone());
    refused(decrypted(&source, &[key(1)]).err().expect("refused"));
    refused(open(bytes, &[key(1)]).expect_err("refused"));
}
