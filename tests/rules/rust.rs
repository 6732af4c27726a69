//! Rust source as tokens and paths, without comments and literals: enough grammar to judge who uses what.

/// An identifier, `::`, a punctuation character, or [`LITERAL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// Stands for a string, character or number.
pub(crate) const LITERAL: &str = "\"";

/// A path as written, `use` trees expanded to their leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodePath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// Inline modules of the file that the path stands in.
    pub(crate) inside: Vec<String>,
    /// Whether a `use` gives it another name.
    pub(crate) renamed: bool,
}

/// Splits `text` into tokens.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { chars: text.chars().collect(), at: 0, line: 1, out: Vec::new() };
    while lexer.peek(0).is_some() {
        lexer.step();
    }
    lexer.out
}

/// Every path of two segments or more, and every leaf of a `use`.
pub(crate) fn paths(tokens: &[Token]) -> Vec<CodePath> {
    let mut reader = PathReader { tokens, out: Vec::new(), inside: Vec::new() };
    let (mut at, mut depth) = (0, 0usize);
    let mut opened: Vec<usize> = Vec::new();
    while at < tokens.len() {
        match reader.text(at) {
            "mod" if is_ident(reader.text(at + 1)) && reader.text(at + 2) == "{" => {
                reader.inside.push(tokens[at + 1].text.clone());
                opened.push(depth);
                depth += 1;
                at += 3;
            }
            "{" => (depth, at) = (depth + 1, at + 1),
            "}" => {
                depth = depth.saturating_sub(1);
                if opened.last() == Some(&depth) {
                    opened.pop();
                    reader.inside.pop();
                }
                at += 1;
            }
            "use" => {
                let start = if reader.text(at + 1) == "::" { at + 2 } else { at + 1 };
                at = reader.tree(start, &mut Vec::new(), true).max(at + 1);
            }
            text if is_ident(text) => at = reader.tree(at, &mut Vec::new(), false).max(at + 1),
            _ => at += 1,
        }
    }
    reader.out
}

/// The module that a file under `src/` is: `ident/peer.rs` is `[ident, peer]`, `ident/mod.rs` is `[ident]`, the crate's
/// roots are `[]`.
pub(crate) fn module_of(below_src: &str) -> Vec<String> {
    let mut parts: Vec<String> = below_src.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

/// Where `path` points, counted from the crate's root; `None` when it starts at another crate or at a name in scope.
pub(crate) fn within_crate(module: &[String], path: &CodePath) -> Option<Vec<String>> {
    let mut base: Vec<String> = module.iter().chain(&path.inside).cloned().collect();
    let mut rest = path.segments.as_slice();
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" | "super" => {
            while let Some(step) = rest.first().filter(|step| *step == "self" || *step == "super") {
                if step == "super" {
                    base.pop();
                }
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    Some(base.into_iter().chain(rest.iter().cloned()).collect())
}

fn is_ident(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

struct PathReader<'a> {
    tokens: &'a [Token],
    out: Vec<CodePath>,
    inside: Vec<String>,
}

impl PathReader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| token.text.as_str())
    }

    /// Reads one path (in a `use`: one tree) that starts at `at`; returns where it ends.
    fn tree(&mut self, mut at: usize, prefix: &mut Vec<String>, in_use: bool) -> usize {
        loop {
            match self.text(at) {
                "{" if in_use => return self.group(at, prefix),
                "*" if in_use => {
                    prefix.push("*".into());
                    self.record(at, prefix, in_use, false);
                    return at + 1;
                }
                text if is_ident(text) => prefix.push(text.to_owned()),
                _ => return at,
            }
            let follows = self.text(at + 2);
            if self.text(at + 1) == "::" && (is_ident(follows) || (in_use && (follows == "{" || follows == "*"))) {
                at += 2;
                continue;
            }
            let renamed = in_use && self.text(at + 1) == "as";
            self.record(at, prefix, in_use, renamed);
            return if renamed { at + 3 } else { at + 1 };
        }
    }

    /// Reads `{a, b::c}`, which starts at `at`.
    fn group(&mut self, mut at: usize, prefix: &mut Vec<String>) -> usize {
        at += 1;
        while at < self.tokens.len() && self.text(at) != "}" {
            let length = prefix.len();
            let start = if self.text(at) == "::" { at + 1 } else { at };
            at = self.tree(start, prefix, true).max(at + 1);
            prefix.truncate(length);
            if self.text(at) == "," {
                at += 1;
            }
        }
        at + 1
    }

    fn record(&mut self, at: usize, segments: &[String], in_use: bool, renamed: bool) {
        if in_use || segments.len() > 1 {
            let line = self.tokens[at].line;
            self.out.push(CodePath { segments: segments.to_vec(), line, inside: self.inside.clone(), renamed });
        }
    }
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) {
        if self.peek(0) == Some('\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn push(&mut self, text: impl Into<String>, line: usize) {
        self.out.push(Token { text: text.into(), line });
    }

    fn step(&mut self) {
        let (Some(c), line) = (self.peek(0), self.line) else { return };
        match (c, self.peek(1)) {
            ('/', Some('/')) => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.bump();
                }
            }
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.quote(),
            (':', Some(':')) => {
                self.at += 2;
                self.push("::", line);
            }
            (c, _) if c.is_alphabetic() || c == '_' => self.word(),
            (c, _) if c.is_ascii_digit() => {
                while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                    self.bump();
                }
                self.push(LITERAL, line);
            }
            (c, _) => {
                self.bump();
                if !c.is_whitespace() {
                    self.push(c, line);
                }
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.peek(0) {
            match (c, self.peek(1)) {
                ('/', Some('*')) => (depth, self.at) = (depth + 1, self.at + 2),
                ('*', Some('/')) => (depth, self.at) = (depth - 1, self.at + 2),
                _ => self.bump(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// An identifier, or the prefix of a literal such as `br#"…"#`.
    fn word(&mut self) {
        let (start, line) = (self.at, self.line);
        while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        match (word.as_str(), self.peek(0), self.peek(hashes)) {
            ("r" | "br" | "cr", _, Some('"')) => self.raw_string(hashes),
            ("b" | "c", Some('"'), _) => self.string(),
            ("b", Some('\''), _) => self.quote(),
            // A raw identifier: the name follows and is lexed as one.
            ("r", Some('#'), _) => self.at += 1,
            _ => self.push(word, line),
        }
    }

    fn string(&mut self) {
        let line = self.line;
        self.bump();
        while let Some(c) = self.peek(0) {
            self.bump();
            match c {
                '\\' => self.bump(),
                '"' => break,
                _ => {}
            }
        }
        self.push(LITERAL, line);
    }

    fn raw_string(&mut self, hashes: usize) {
        let line = self.line;
        self.at += hashes + 1;
        while let Some(c) = self.peek(0) {
            self.bump();
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
        }
        self.push(LITERAL, line);
    }

    /// A character literal, or a lifetime, which is dropped.
    fn quote(&mut self) {
        let line = self.line;
        self.bump();
        if self.peek(0) != Some('\\') && self.peek(1) != Some('\'') {
            while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                self.at += 1;
            }
            return;
        }
        while let Some(c) = self.peek(0) {
            self.bump();
            match c {
                '\\' => self.bump(),
                '\'' => break,
                _ => {}
            }
        }
        self.push(LITERAL, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_no_code_in_comments_and_literals() {
        let text = concat!(
            "// crate::a\n/* crate::b /* crate::c */ crate::d */\n",
            "\"crate::e \\\" crate::f\" r#\"crate::g\" crate::h\"# b\"crate::i\" '\\'' '\"' b'\"' x::y\n",
        );
        assert_eq!(leaves(text), ["x::y"]);
    }

    #[test]
    fn tells_lifetimes_from_characters() {
        assert_eq!(leaves("fn f<'a, 'b>(x: &'a u8, y: &'_ a::B) { ' '; 'x'; c::D }"), ["a::B", "c::D"]);
    }

    #[test]
    fn expands_use_trees() {
        let text = "use crate::{a::{self, b as c}, d::*, e}; use {::std::fs, tokio}; pub(in crate::plane) fn f() {}";
        let expected = ["crate::a::self", "crate::a::b", "crate::d::*", "crate::e", "std::fs", "tokio", "crate::plane"];
        assert_eq!(leaves(text), expected);
    }

    #[test]
    fn finds_paths_in_expressions_types_and_macros() {
        let text =
            "impl From<crate::a::B> for C { fn f() { vec![$crate::d::E::<u8>::new(), r#crate::f]; x as crate::g::H } }";
        assert_eq!(leaves(text), ["crate::a::B", "crate::d::E", "crate::f", "crate::g::H"]);
    }

    #[test]
    fn follows_super_through_inline_modules() {
        let text = "mod outer { mod inner { fn f() { super::super::super::x::Y } } fn g() { super::z::W } } fn h() { super::v::U }";
        let code = tokens(text);
        let module = module_of("plane/outbound.rs");
        let found: Vec<String> =
            paths(&code).iter().filter_map(|p| within_crate(&module, p)).map(|p| p.join("::")).collect();
        assert_eq!(found, ["plane::x::Y", "plane::outbound::z::W", "plane::v::U"]);
    }

    #[test]
    fn counts_lines_across_multi_line_literals() {
        assert_eq!(paths(&tokens("\"a\\\n\nb\"\nx::y")).first().map(|path| path.line), Some(4));
    }

    fn leaves(text: &str) -> Vec<String> {
        paths(&tokens(text)).into_iter().map(|path| path.segments.join("::")).collect()
    }
}
