//! A manual page: its title, its sections, and the few forms of text in them.

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// Stands for the date. An empty word would let the macro take the next argument for it.
const NO_DATE: &str = "\"\"";
/// Name of the volume, on top of each page.
const VOLUME: &str = "Rayfish manual";
const RELEASE: &str = concat!("Rayfish ", env!("CARGO_PKG_VERSION"));

/// One page of the manual, made from the top to the bottom.
pub(crate) struct Page {
    name: String,
    section: char,
    text: Roff,
    /// Nothing stands below the last title yet; a paragraph begins by itself there.
    fresh: bool,
}

impl Page {
    /// Starts a page; `about` is the line that `man -k` finds.
    pub(crate) fn new(name: &str, section: char, about: &str) -> Self {
        let mut text = Roff::new();
        let title = name.to_uppercase();
        text.control("TH", [title.as_str(), &section.to_string(), NO_DATE, RELEASE, VOLUME]);
        // Ragged and unbroken, as commands and options are to be copied.
        text.control("ad", ["l"]).control("nh", []);
        text.control("SH", ["NAME"]);
        text.text([roman(format!("{name} - {about}"))]);
        Self { name: name.to_owned(), section, text, fresh: true }
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }

    pub(crate) fn render(&self) -> String {
        self.text.render()
    }

    pub(crate) fn section(&mut self, title: &str) {
        self.text.control("SH", [title]);
        self.fresh = true;
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.space();
        self.text.text([roman(text.split_whitespace().collect::<Vec<_>>().join(" "))]);
    }

    /// Lines that keep their breaks and columns.
    pub(crate) fn verbatim<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        self.space();
        self.text.control("nf", []);
        for line in lines {
            self.text.text([roman(line)]);
        }
        self.text.control("fi", []);
    }

    /// One or more terms and what is said of them.
    pub(crate) fn entry(&mut self, terms: Vec<Vec<Inline>>, body: &str) {
        self.fresh = false;
        for (index, term) in terms.into_iter().enumerate() {
            self.text.control(if index == 0 { "TP" } else { "TQ" }, []);
            self.text.text(term);
        }
        self.text.text([roman(body.split_whitespace().collect::<Vec<_>>().join(" "))]);
    }

    /// The last section: other pages, as `(name, section)`.
    pub(crate) fn see_also(&mut self, pages: &[(&str, char)]) {
        self.section("SEE ALSO");
        let mut line = Vec::new();
        for (index, (name, section)) in pages.iter().enumerate() {
            if index > 0 {
                line.push(roman(", "));
            }
            line.extend([bold(*name), roman(format!("({section})"))]);
        }
        self.text.text(line);
    }

    /// Begins a paragraph.
    fn space(&mut self) {
        if !self.fresh {
            self.text.control("PP", []);
        }
        self.fresh = false;
    }
}
