//! What somebody orders of renditions: none, those that fit the video, or those of a profile.

use crate::Result;
use crate::profile::Profile;

/// An order.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// The tracks of the source, as they are.
    None,
    /// The ladder that fits the video.
    Auto,
    /// That of a profile.
    Profile(Profile),
}

impl Order {
    /// Reads `none`, `auto`, or the text of a profile.
    ///
    /// # Errors
    /// [`crate::Error::InvalidProfile`]: where, what and what to do.
    pub fn parse(text: &str) -> Result<Self> {
        match text.trim() {
            "" | "none" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => Profile::parse(text).map(Self::Profile),
        }
    }

    /// Whether anything is encoded for it.
    pub fn is_some(&self) -> bool {
        *self != Self::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_or_a_profile() {
        assert_eq!(Order::parse(" none\n").expect("a word"), Order::None);
        assert_eq!(Order::parse("auto").expect("a word"), Order::Auto);
        let profile = Order::parse("[[video]]\nshort_side = 720").expect("a profile");
        assert!(matches!(profile, Order::Profile(_)));
        let error = Order::parse("automatic").expect_err("neither").to_string();
        assert!(error.contains("profile"), "{error}");
    }
}
