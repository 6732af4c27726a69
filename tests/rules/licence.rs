//! Judges a licence expression against the licences that the project may ship.

/// Licences whose terms a binary distribution meets by shipping the notices.
pub(crate) const ALLOWED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Whether `expression` (SPDX, with the old `/` for OR) can be met with allowed licences alone.
pub(crate) fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any(&words, &mut at) == Some(true) && at == words.len()
}

/// `None`, here and below, is an expression that is none.
fn any(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut verdict = all(words, at)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        verdict |= all(words, at)?;
    }
    Some(verdict)
}

fn all(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut verdict = one(words, at)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        verdict &= one(words, at)?;
    }
    Some(verdict)
}

fn one(words: &[&str], at: &mut usize) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let verdict = any(words, at)?;
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return closed.then_some(verdict);
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1)?;
        *at += 2;
        return Some(ALLOWED.contains(&format!("{word} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_choice_can_meet() {
        for expression in [
            "",
            "GPL-3.0-only",
            "MIT AND GPL-3.0-only",
            "(MIT OR Apache-2.0) AND AGPL-3.0-only",
            "GPL-2.0-only WITH Classpath-exception-2.0",
            "MIT OR",
            "(MIT",
            "MIT)",
            "MIT Apache-2.0",
        ] {
            assert!(!is_allowed(expression), "{expression}");
        }
    }

    #[test]
    fn allows_a_choice_that_can_be_met() {
        for expression in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 OR GPL-2.0-only",
            "(Apache-2.0 OR MIT) AND BSD-3-Clause",
            "Apache-2.0 WITH LLVM-exception OR LGPL-2.1-or-later",
        ] {
            assert!(is_allowed(expression), "{expression}");
        }
    }
}
