use super::*;
use bmff::BoxView;
use bmff::boxes::Pssh;

/// A key and what its CHECKSUM is: the first half of the KID as a GUID, through AES in ECB mode.
fn key() -> ContentKey {
    ContentKey {
        kid: KeyId(0xa16e402b_9056e371_f36d348a_a62bb749_u128.to_be_bytes()),
        value: 0x87237d20_a19f58a7_40c05684_e699b4aa_u128.to_be_bytes(),
    }
}

fn other_key() -> ContentKey {
    ContentKey {
        kid: KeyId(0xb16e402b_9056e371_f36d348a_a62bb749_u128.to_be_bytes()),
        value: 0x97237d20_a19f58a7_40c05684_e699b4aa_u128.to_be_bytes(),
    }
}

fn pssh_data(system: &ProtectionSystem, keys: &[ContentKey], scheme: Scheme) -> Vec<u8> {
    let init = system.init(keys, scheme).unwrap().unwrap();
    let boxed = init.pssh.unwrap();
    let pssh = Pssh::parse(&BoxView::new(&boxed, 0).unwrap()).unwrap();
    assert_eq!(pssh.system_id, init.system_id);
    pssh.data
}

fn playready_xml(
    options: PlayReadyOptions,
    keys: &[ContentKey],
    scheme: Scheme,
) -> Result<String, String> {
    let object = playready::object(&options, keys, scheme).map_err(|error| error.to_string())?;
    assert_eq!(object[..4], (object.len() as u32).to_le_bytes());
    let xml = playready::read_header(&object).unwrap();
    let start =
        r#"<WRMHEADER xmlns="http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader" version=""#;
    Ok(xml.strip_prefix(start).unwrap().to_owned())
}

#[test]
fn widevine_names_keys_content_and_scheme() {
    let options = WidevineOptions {
        provider: Some("some provider".into()),
        content_id: Some(vec![1, 2, 3]),
        policy: None,
    };
    let data = pssh_data(
        &ProtectionSystem::Widevine(options),
        &[key(), other_key()],
        Scheme::Cbcs,
    );
    let mut expect = vec![0x12, 16];
    expect.extend(key().kid.0);
    expect.extend([0x12, 16]);
    expect.extend(other_key().kid.0);
    expect.extend([0x1a, 13]);
    expect.extend(b"some provider");
    expect.extend([0x22, 3, 1, 2, 3]);
    // 'cbcs' as a number of 7 bits a byte, the lowest first.
    expect.extend([0x48, 0xf3, 0xc6, 0x89, 0x9b, 0x06]);
    assert_eq!(data, expect);
}

#[test]
fn playready_names_one_key_of_counter_mode_in_the_old_header() {
    let xml = playready_xml(PlayReadyOptions::default(), &[key()], Scheme::Cenc).unwrap();
    assert_eq!(
        xml,
        "4.0.0.0\"><DATA><PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO><KID>K0BuoVaQcePzbTSKpiu3SQ==</KID><CHECKSUM>pHGZ1QpkZ8g=</CHECKSUM></DATA></WRMHEADER>"
    );
}

#[test]
fn playready_names_several_keys_and_cbc_in_the_new_header() {
    let xml = playready_xml(PlayReadyOptions::default(), &[key()], Scheme::Cbcs).unwrap();
    assert_eq!(
        xml,
        "4.3.0.0\"><DATA><PROTECTINFO><KIDS><KID ALGID=\"AESCBC\" VALUE=\"K0BuoVaQcePzbTSKpiu3SQ==\"></KID></KIDS></PROTECTINFO></DATA></WRMHEADER>"
    );
    let options = PlayReadyOptions {
        version: None,
        license_url: Some("https://example.org/?a=1&b=<2>".into()),
    };
    let xml = playready_xml(options, &[key(), other_key()], Scheme::Cenc).unwrap();
    assert_eq!(
        xml,
        "4.3.0.0\"><DATA><PROTECTINFO><KIDS><KID ALGID=\"AESCTR\" CHECKSUM=\"pHGZ1QpkZ8g=\" VALUE=\"K0BuoVaQcePzbTSKpiu3SQ==\"></KID><KID ALGID=\"AESCTR\" CHECKSUM=\"RtjLqdkLIOk=\" VALUE=\"K0BusVaQcePzbTSKpiu3SQ==\"></KID></KIDS></PROTECTINFO><LA_URL>https://example.org/?a=1&amp;b=&lt;2&gt;</LA_URL></DATA></WRMHEADER>"
    );
}

#[test]
fn playready_refuses_what_a_header_cannot_say() {
    let old = PlayReadyOptions {
        version: Some(PlayReadyVersion::V40),
        license_url: None,
    };
    let error = playready_xml(old.clone(), &[key()], Scheme::Cbcs).unwrap_err();
    assert!(
        error.contains("cannot say cbcs: use version 4.3"),
        "{error}"
    );
    let error = playready_xml(old, &[key(), other_key()], Scheme::Cenc).unwrap_err();
    assert!(error.contains("cannot name 2 keys"), "{error}");
    let long = PlayReadyOptions {
        version: None,
        license_url: Some("a".repeat(40_000)),
    };
    let error = playready_xml(long, &[key()], Scheme::Cenc).unwrap_err();
    assert!(error.contains("more than 15360"), "{error}");
}

#[test]
fn a_broken_playready_object_has_no_header() {
    let object = playready::object(&PlayReadyOptions::default(), &[key()], Scheme::Cenc).unwrap();
    for length in 0..object.len() {
        assert_eq!(playready::read_header(&object[..length]), None, "{length}");
    }
    let mut embedded = object;
    embedded[6] = 3;
    assert_eq!(playready::read_header(&embedded), None);
}

#[test]
fn fairplay_is_a_line_of_cbcs_playlists() {
    let system = ProtectionSystem::FairPlay(FairPlayOptions::default());
    let line = system.hls_key(&key(), Scheme::Cbcs).unwrap().unwrap();
    assert_eq!(
        line.lines("SAMPLE-AES"),
        [
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://a16e402b9056e371f36d348aa62bb749\",KEYFORMAT=\"com.apple.streamingkeydelivery\",KEYFORMATVERSIONS=\"1\""
        ]
    );
    let init = system.init(&[key()], Scheme::Cbcs).unwrap().unwrap();
    assert_eq!((init.pssh, init.mpd), (None, None));
    let error = system.init(&[key()], Scheme::Cenc).unwrap_err();
    assert!(matches!(error, Error::InvalidOptions(_)), "{error}");
    assert!(error.to_string().contains("cbcs alone"), "{error}");
    let uuid = FairPlayOptions {
        uri: "skd://x/{kid-uuid}".into(),
    };
    let line = ProtectionSystem::FairPlay(uuid).hls_key(&key(), Scheme::Cbcs);
    let lines = line.unwrap().unwrap().lines("SAMPLE-AES");
    assert!(lines[0].contains("\"skd://x/a16e402b-9056-e371-f36d-348aa62bb749\""));
    let broken = FairPlayOptions {
        uri: "skd://a\"b".into(),
    };
    assert!(
        ProtectionSystem::FairPlay(broken)
            .init(&[key()], Scheme::Cbcs)
            .is_err()
    );
}

fn given(of: Option<KeyId>) -> GivenSystem {
    GivenSystem {
        kid: of,
        ..GivenSystem::from_data([7; 16], b"some data")
    }
}

#[test]
fn a_given_system_speaks_of_its_key_alone() {
    let system = ProtectionSystem::Given(given(Some(key().kid)));
    let init = system.init(&[other_key()], Scheme::Cenc).unwrap();
    assert_eq!(init, None);
    let init = system.init(&[other_key(), key()], Scheme::Cenc);
    let init = init.unwrap().unwrap();
    let text = init.mpd.unwrap().pssh.unwrap();
    assert_eq!(STANDARD.decode(text).unwrap(), init.pssh.unwrap());
    let twice = [system.clone(), system];
    let signals = Signals::of(&twice, &[key()], Scheme::Cenc).unwrap();
    assert_eq!(signals.inits.len(), 1);
}

#[test]
fn given_boxes_are_read_one_behind_the_other() {
    let one = pssh::data_box(&[7; 16], b"some data");
    let two = pssh::common_box(&[key().kid]);
    let both = GivenSystem::from_boxes(&[one.clone(), two.clone()].concat()).unwrap();
    let boxes: Vec<_> = both.into_iter().map(|given| given.pssh.unwrap()).collect();
    assert_eq!(boxes, [one.clone(), two]);
    let hex: String = one.iter().map(|byte| format!("{byte:02x}")).collect();
    for text in [hex, format!(" {}\n", STANDARD.encode(&one))] {
        let read = GivenSystem::from_text(&text).unwrap();
        assert_eq!(read[0].pssh.as_ref(), Some(&one));
    }
    assert!(GivenSystem::from_text("file.bin").is_err());
    for length in 0..one.len() {
        assert!(GivenSystem::from_boxes(&one[..length]).is_err(), "{length}");
    }
    assert!(GivenSystem::from_boxes(b"\0\0\0\x08free").is_err());
}

#[test]
fn given_manifest_text_is_checked() {
    let check = |xml: Option<&str>, hls: Option<&str>, expect: Option<&str>| {
        let given = GivenSystem {
            content_protection: xml.map(str::to_owned),
            hls_media: hls.map(str::to_owned),
            ..given(None)
        };
        let found = given.check().err().map(|error| error.to_string());
        match (expect, found) {
            (None, None) => {}
            (Some(expect), Some(found)) => assert!(found.contains(expect), "{found}"),
            (expect, found) => panic!("{xml:?} {hls:?}: {expect:?}, {found:?}"),
        }
    };
    check(Some("<a xmlns=\"b\">c<d/></a> <e/>"), None, None);
    check(Some("<a>"), None, Some("not closed"));
    check(Some("<a></b>"), None, Some("not well-formed"));
    check(Some("</a>"), None, Some("not well-formed"));
    check(Some("<a b=1/>"), None, Some("an attribute"));
    check(Some("<a>&lt;&#65;<![CDATA[<]]></a>"), None, None);
    check(Some("<a>&own;</a>"), None, Some("understood"));
    check(Some("a"), None, Some("outside an element"));
    check(Some("<!DOCTYPE a><a/>"), None, Some("understood"));
    check(Some(&"<a>".repeat(17)), None, Some("nest deeper"));
    let good = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"a\"\r\n";
    check(None, Some(good), None);
    check(None, Some("#EXT-X-ENDLIST"), Some("line 1"));
    check(None, Some("https://example.org"), Some("line 1"));
    let system = ProtectionSystem::Given(GivenSystem {
        hls_media: Some(good.into()),
        ..given(None)
    });
    let key_line = system.hls_key(&key(), Scheme::Cbcs).unwrap().unwrap();
    assert_eq!(key_line.lines("SAMPLE-AES"), [good.trim_end()]);
    let error = system.hls_key(&key(), Scheme::Cenc).unwrap_err();
    assert!(
        error.to_string().contains("METHOD=SAMPLE-AES-CTR"),
        "{error}"
    );
}

#[test]
fn a_given_element_that_holds_the_box_gets_no_second_one() {
    let mut given = given(None);
    given.content_protection = Some("<pssh xmlns=\"urn:mpeg:cenc:2013\">AA==</pssh>".into());
    let init = given.init(&[key().kid]).unwrap().unwrap();
    assert_eq!(init.mpd.unwrap().pssh, None);
    given.content_protection = Some("<x>pssh</x>".into());
    let init = given.init(&[key().kid]).unwrap().unwrap();
    assert!(init.mpd.unwrap().pssh.is_some());
}
