//! URLs given on the command line.

use crate::failure::Failure;
use url::Url;

/// Reads an http or https URL without user name and password, and returns it percent-encoded.
///
/// # Errors
/// [`Failure::Usage`] names the option. The text is not repeated when it may hold a password.
pub fn http(option: &str, text: &str) -> Result<Url, Failure> {
    let refuse = |why: &str| Failure::Usage(format!("{option}: {why}"));
    let url = Url::parse(text)
        .map_err(|error| refuse(&format!("not a URL ({error}); write https://HOST/PATH")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("only http:// and https:// URLs are possible here"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "a URL with a user name or password would publish it",
        ));
    }
    Ok(url)
}

/// Reads the beginning of public links: as [`http`], and with neither query nor fragment, since paths are
/// appended to it. Returned without a slash at the end.
///
/// # Errors
/// As [`http`].
pub fn base(option: &str, text: &str) -> Result<String, Failure> {
    let url = http(option, text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Failure::Usage(format!(
            "{option}: paths are appended to it, so it can have neither ?query nor #fragment"
        )));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_urls_are_taken_and_encoded() {
        let url = http("--license-url", "https://keys.example/a \"b").unwrap();
        assert_eq!(url.as_str(), "https://keys.example/a%20%22b");
        assert_eq!(
            base("--public-url", "http://h:1/x/").unwrap(),
            "http://h:1/x"
        );
    }

    #[test]
    fn other_urls_are_refused() {
        for text in [
            "",
            "keys",
            "ftp://h/",
            "file:///etc",
            "http://",
            "https://u:secret@h/",
        ] {
            let Err(Failure::Usage(message)) = http("--license-url", text) else {
                panic!("{text} was taken");
            };
            assert!(message.starts_with("--license-url: "), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
        assert!(base("--public-url", "http://h/?a").is_err());
    }
}
