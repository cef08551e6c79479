use super::*;

const KID: &str = "a16e402b-9056-e371-f36d-348aa62bb749";
const VALUE: &str = "hyN9IKGfWKdAwFaE5pm0qg==";

/// A document with one key, and more.
fn document(more: &str) -> String {
    format!(
        r#"<?xml version="1.0"?>
<cpix:CPIX xmlns:cpix="urn:dashif:org:cpix" xmlns:k="urn:ietf:params:xml:ns:keyprov:pskc" contentId="film &amp; sound">
  <cpix:ContentKeyList>
    <cpix:ContentKey kid="{KID}" commonEncryptionScheme="cbcs">
      <cpix:Data><k:Secret><k:PlainValue> {VALUE} </k:PlainValue></k:Secret></cpix:Data>
    </cpix:ContentKey>
  </cpix:ContentKeyList>
  {more}
</cpix:CPIX>"#
    )
}

fn refused(text: &str) -> String {
    let error = Cpix::parse(text).expect_err(text).to_string();
    assert!(!error.contains("hyN9"), "{error}");
    error
}

#[track_caller]
fn check(more: &str, expect: &str) {
    let error = refused(&document(more));
    assert!(error.contains(expect), "{error}");
}

#[test]
fn a_key_is_read_with_its_scheme() {
    let cpix = Cpix::parse(&document("")).unwrap();
    assert_eq!(cpix.content_id.as_deref(), Some("film & sound"));
    let [key] = cpix.keys.as_slice() else {
        panic!("one key");
    };
    assert_eq!(key.key.kid.uuid(), KID);
    assert_eq!(key.key.value[..2], [0x87, 0x23]);
    assert_eq!(cpix.scheme().unwrap(), Some(Scheme::Cbcs));
    assert!(cpix.warnings.is_empty() && cpix.systems().is_empty());
}

#[test]
fn systems_have_the_words_of_the_document_or_ours() {
    let pssh = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        crate::cenc::pssh::data_box(&[7; 16], b"data"),
    );
    let cpix = Cpix::parse(&document(&format!(
        r#"<cpix:DRMSystemList>
    <cpix:DRMSystem kid="{KID}" systemId="07070707-0707-0707-0707-070707070707">
      <cpix:PSSH>{pssh}</cpix:PSSH>
      <cpix:ContentProtectionData>PGEvPg==</cpix:ContentProtectionData>
      <cpix:HLSSignalingData>I0VYVC1YLUtFWTpNRVRIT0Q9U0FNUExFLUFFUyxVUkk9IngiCg==</cpix:HLSSignalingData>
      <cpix:SmoothStreamingProtectionHeaderData>nothing</cpix:SmoothStreamingProtectionHeaderData>
    </cpix:DRMSystem>
    <cpix:DRMSystem kid="{KID}" systemId="EDEF8BA9-79D6-4ACE-A3C8-27DCD51D21ED"><cpix:PSSH/></cpix:DRMSystem>
    <cpix:DRMSystem kid="{KID}" systemId="94ce86fb-07ff-4f43-adb8-93d2fa968ca2">
      <cpix:URIExtXKey>c2tkOi8vYQ==</cpix:URIExtXKey>
    </cpix:DRMSystem>
  </cpix:DRMSystemList>"#
    )))
    .unwrap();
    let systems = cpix.systems();
    let [
        ProtectionSystem::Given(given),
        ProtectionSystem::Widevine(_),
        ProtectionSystem::Given(fairplay),
    ] = systems.as_slice()
    else {
        panic!("{systems:?}");
    };
    assert_eq!(given.content_protection.as_deref(), Some("<a/>"));
    let line = "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"x\"\n";
    assert_eq!(given.hls_media.as_deref(), Some(line));
    assert_eq!(fairplay.hls_uri.as_deref(), Some("skd://a"));
}

#[test]
fn what_has_no_effect_is_said() {
    let text = document("<s:Signature xmlns:s=\"http://www.w3.org/2000/09/xmldsig#\"/>");
    let text = text.replace(
        " commonEncryptionScheme=",
        " explicitIV=\"AAAA\" commonEncryptionScheme=",
    );
    let warnings = Cpix::parse(&text).unwrap().warnings;
    let warnings: Vec<&str> = warnings.iter().map(|warning| warning.0.as_str()).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("explicitIV") && warnings[1].contains("signed"));
}

#[test]
fn errors_say_where_and_hold_no_key() {
    let good = document("");
    let broken = |from: &str, to: &str| refused(&good.replacen(from, to, 1));
    let expect = |error: String, words: &str| assert!(error.contains(words), "{error}");
    expect(
        broken(KID, "a16e"),
        "line 4, column 5: ContentKey: kid is 2 bytes long",
    );
    expect(
        broken(VALUE, "hyN9IKGfWKdAwFaE5pm0"),
        "line 5, column 28: PlainValue: the key is 15 bytes long",
    );
    expect(broken(VALUE, "hyN9&own;"), "line 5, column 47: an entity");
    expect(broken("k:Plain", "x:Plain"), "no XML");
    expect(broken("cbcs", "cbc9"), "none of cenc");
    expect(broken(" kid=", " id="), "the attribute kid is missing");
    expect(
        broken("urn:dashif:org:cpix", "urn:other"),
        "line 2, column 1: CPIX: is not the CPIX",
    );
    expect(broken("<cpix:Data>", "<cpix:Data"), "closes another");
    expect(broken("</cpix:CPIX>", ""), "CPIX: is not closed");
    expect(
        broken(
            "<?xml version=\"1.0\"?>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]>",
        ),
        "a document type",
    );
    expect(refused(""), "no element");
    expect(refused("text"), "outside an element");
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    expect(refused(&deep), "nest deeper");
    let request = good
        .replace(VALUE, "")
        .replace("<k:PlainValue>  </k:PlainValue>", "");
    expect(refused(&request), "it is a request");
}

#[test]
fn encrypted_and_unknown_things_are_refused_by_name() {
    check(
        "<cpix:DeliveryDataList><cpix:DeliveryData/></cpix:DeliveryDataList>",
        "line 8, column 26: DeliveryData: its keys are encrypted",
    );
    let sealed = document("").replace("k:PlainValue", "k:EncryptedValue");
    assert!(refused(&sealed).contains("EncryptedValue: its keys are encrypted"));
    let child = document("").replace("commonEncryptionScheme", "dependsOnKey");
    assert!(refused(&child).contains("dependsOnKey"));
    let rules = |inside: &str| {
        format!("<cpix:ContentKeyUsageRuleList>{inside}</cpix:ContentKeyUsageRuleList>")
    };
    check(
        &rules("<cpix:ContentKeyUsageRule kid=\"00000000000000000000000000000000\"/>"),
        "its kid is that of no ContentKey",
    );
    let rule = |inside: &str| {
        rules(&format!(
            "<cpix:ContentKeyUsageRule kid=\"{KID}\">{inside}</cpix:ContentKeyUsageRule>"
        ))
    };
    check(
        &rule("<cpix:OtherFilter/>"),
        "OtherFilter: this filter is not understood",
    );
    check(
        &rule("<cpix:VideoFilter maxPixels=\"many\"/>"),
        "maxPixels is no number",
    );
    check(
        &rule("<cpix:KeyPeriodFilter periodId=\"p\"/>"),
        "that of no ContentKeyPeriod",
    );
    let system = |inside: &str| {
        format!(
            "<cpix:DRMSystemList><cpix:DRMSystem kid=\"{KID}\" systemId=\"{KID}\">{inside}</cpix:DRMSystem></cpix:DRMSystemList>"
        )
    };
    check(&system("<cpix:PSSH>AAAA</cpix:PSSH>"), "no pssh box");
    check(&system("<cpix:PSSH>*</cpix:PSSH>"), "PSSH: is no base64");
    check(
        &system("<cpix:ContentProtectionData>PGE+</cpix:ContentProtectionData>"),
        "not closed",
    );
}

/// However a document is broken, reading it ends.
#[test]
fn no_document_causes_a_panic() {
    let good = document("<cpix:DRMSystemList/>&#65;<![CDATA[a]]><!-- b -->");
    let bytes = good.as_bytes();
    for at in 0..bytes.len() {
        for byte in [b'<', b'>', b'&', b'"', b' ', b'/'] {
            let mut mutant = bytes.to_vec();
            mutant[at] = byte;
            let mutant = String::from_utf8(mutant).unwrap();
            if let Err(error) = Cpix::parse(&mutant) {
                assert!(!error.to_string().contains(VALUE), "{error}");
            }
        }
        assert!(Cpix::parse(&good[..at]).is_err());
    }
    let many = format!("<a>{}</a>", "&#65;".repeat(500_000));
    assert!(refused(&many).contains("is not the CPIX"));
}
