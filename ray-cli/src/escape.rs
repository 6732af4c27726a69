//! Makes text from elsewhere harmless on a terminal.
//!
//! Host names, addresses and messages may come from a peer. A control character could move the cursor, rename the
//! window or hide a line; a bidirectional or invisible character could make one name look like another.

use std::borrow::Cow;

/// The text with each dangerous character written as `\u{..}`, and with it the backslash, so that nothing that is
/// shown is ambiguous.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c == '\\' || is_dangerous(c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if c == '\\' {
            shown.push_str("\\\\");
        } else if is_dangerous(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// A JSON text with the dangerous characters that JSON itself allows inside strings written as `\uXXXX`.
pub(crate) fn escape_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_dangerous(c) {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Controls (C0, DEL, C1), line separators, bidirectional controls, characters without width, and tags.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_ordinary_text_alone() {
        assert!(matches!(escape("nas.home.ray, Zürich 100.64.0.1"), Cow::Borrowed(_)));
    }

    #[test]
    fn shows_escape_sequences_instead_of_sending_them() {
        assert_eq!(escape("a\u{1b}[2Jb\u{9b}c\r\n\u{7f}"), "a\\u{1b}[2Jb\\u{9b}c\\u{d}\\u{a}\\u{7f}");
    }

    #[test]
    fn shows_characters_that_reorder_or_hide_text() {
        assert_eq!(escape("bob\u{202e}ecila\u{200b}\u{e0041}"), "bob\\u{202e}ecila\\u{200b}\\u{e0041}");
    }

    #[test]
    fn a_written_escape_differs_from_the_character() {
        assert_ne!(escape("\\u{1b}"), escape("\u{1b}"));
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"name": "a\u{9b}\u{202e}\u{e0041}\u{1b}\n\\"});
        let shown = escape_json(&value.to_string());
        assert!(!shown.chars().any(is_dangerous), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
