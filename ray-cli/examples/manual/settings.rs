//! The page of a settings file, from its sample: prose in comments, then the keys that it is about.

use clap_mangen::roff::{Inline, bold, roman};

use crate::page::Page;

/// The page of `/etc/rayfish/FILE` in section 5; an error when the sample is not of the form that these have.
pub(crate) fn page(file: &str, program: &str, sample: &str) -> Result<Page, String> {
    let path = format!("/etc/rayfish/{file}");
    let mut blocks = sample.trim().split("\n\n").map(Block::parse);
    let introduction = blocks.next().filter(|block| block.keys.is_empty()).map(|block| block.prose);
    let introduction = introduction.as_deref().and_then(|text| text.strip_prefix(&format!("{path}: ")));
    let introduction = introduction.ok_or(format!("{file}: the sample does not begin with its path and a colon"))?;
    let about = introduction.split('.').next().unwrap_or(introduction);
    let mut page = Page::new(&format!("rayfish-{file}"), '5', about);
    page.section("SYNOPSIS");
    page.paragraph(&path);
    page.section("DESCRIPTION");
    page.paragraph(&sentence(introduction));
    page.section("KEYS");
    for block in blocks {
        match block.keys.is_empty() {
            true => page.paragraph(&block.prose),
            false => page.entry(block.keys.iter().map(|line| term(line)).collect(), &block.prose),
        }
    }
    page.see_also(&[("ray", '1'), (program, '8')]);
    Ok(page)
}

/// Lines between two empty ones: comments in words, then examples of keys, which may be switched off by a `#`.
struct Block {
    prose: String,
    keys: Vec<String>,
}

impl Block {
    fn parse(text: &str) -> Self {
        let (prose, keys): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.starts_with("# ") || *line == "#");
        let prose = prose.iter().map(|line| line.trim_start_matches('#').trim()).collect::<Vec<_>>().join("\n");
        Self { prose, keys: keys.iter().map(|line| line.trim_start_matches('#').to_owned()).collect() }
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn term(line: &str) -> Vec<Inline> {
    match line.split_once(" = ") {
        Some((key, value)) => vec![bold(key), roman(format!(" = {value}"))],
        None => vec![roman(line)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_prose_and_keys_of_a_sample() {
        let sample = "# /etc/rayfish/x.toml: what x does. And more.\n\n# Two of them.\n#a = 1\nb = \"2\"\n";
        let text = page("x.toml", "ray-x", sample).unwrap_or_else(|error| panic!("{error}")).render();
        for part in
            ["rayfish\\-x.toml \\- what x does\n", "And more.", "\\fBa\\fR = 1\n.TQ\n\\fBb\\fR = \"2\"\nTwo of them."]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn refuses_a_sample_that_does_not_say_what_it_is() {
        assert!(page("x.toml", "ray-x", "# settings\n\n#a = 1\n").is_err());
        assert!(page("x.toml", "ray-x", "#a = 1\n").is_err());
    }
}
