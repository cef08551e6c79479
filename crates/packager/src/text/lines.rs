//! Lines of text, and what may stand in them (W3C WebVTT, 4.1 and 6.1).

/// Walks over the lines of a text. LF, CR and CRLF end a line.
#[derive(Clone)]
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Where the next line begins.
    pub at: usize,
}

impl<'a> Lines<'a> {
    /// Begins with the first line.
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The text from an earlier position to another.
    pub fn between(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The next line, and stays before it.
    pub fn peek(&self) -> Option<&'a str> {
        self.clone().next()
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let found = memchr::memchr2(b'\n', b'\r', rest.as_bytes());
        let length = found.unwrap_or(rest.len());
        let (line, behind) = rest.split_at_checked(length)?;
        self.at += length;
        self.at += match behind.starts_with("\r\n") {
            true => 2,
            false => usize::from(!behind.is_empty()),
        };
        Some(line)
    }
}

/// What separates words.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// How much room a text has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One line: line ends become spaces.
    Line,
    /// Several lines, none of them empty.
    Block,
}

/// Appends a text so that no reader takes it for something else: no NUL, no line of times, no line end in a
/// line, no empty line in a block. Other texts stay as they are, but for their line ends.
pub(super) fn clean(text: &str, kind: Kind, output: &mut String) {
    let separator = match kind {
        Kind::Line => ' ',
        Kind::Block => '\n',
    };
    let start = output.len();
    for line in Lines::new(text).filter(|line| !line.is_empty()) {
        if output.len() > start {
            output.push(separator);
        }
        let mut parts = line.split("-->");
        append_without_nul(parts.next().unwrap_or_default(), output);
        for part in parts {
            output.push_str("--&gt;");
            append_without_nul(part, output);
        }
    }
}

/// How long [`clean`] makes a text at most.
pub(super) fn cleaned_len(text: &str) -> usize {
    let nuls = memchr::memchr_iter(0, text.as_bytes()).count();
    let arrows = memchr::memmem::find_iter(text.as_bytes(), "-->").count();
    // A NUL becomes three bytes, an arrow six.
    text.len() + 2 * nuls + 3 * arrows
}

fn append_without_nul(text: &str, output: &mut String) {
    let mut parts = text.split('\0');
    output.push_str(parts.next().unwrap_or_default());
    for part in parts {
        output.push(char::REPLACEMENT_CHARACTER);
        output.push_str(part);
    }
}

/// Reads fields at the start of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scanner<'a>(pub &'a str);

impl<'a> Scanner<'a> {
    /// Passes over spaces.
    pub fn spaces(&mut self) {
        self.0 = self.0.trim_start_matches(is_space);
    }

    /// A number and how many digits it has.
    pub fn number(&mut self) -> Option<(u64, usize)> {
        let count = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        if digits.is_empty() {
            return None;
        }
        self.0 = rest;
        // What does not fit is beyond the end of time anyway.
        Some((digits.parse().unwrap_or(u64::MAX), count))
    }

    /// Passes over a text that must be there.
    pub fn eat(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Passes over one of several characters.
    pub fn eat_any(&mut self, chars: &[char]) -> Option<()> {
        self.0 = self.0.strip_prefix(chars)?;
        Some(())
    }
}
