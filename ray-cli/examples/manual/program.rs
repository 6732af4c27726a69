//! The page of a service, from its answer to `--help`.

use clap_mangen::roff::bold;

use crate::page::Page;

/// Starts of paragraphs that are sections of the page.
const SECTIONS: [(&str, &str); 3] =
    [("Environment:", "ENVIRONMENT"), ("Signals:", "SIGNALS"), ("Exit codes:", "EXIT STATUS")];

/// The page of `name` in section 8; an error when the text is not of the form that these texts have.
pub(crate) fn page(name: &str, help: &str) -> Result<Page, String> {
    let mut paragraphs = help.trim_end().split("\n\n");
    let about = paragraphs.next().and_then(|about| about.strip_suffix('.'));
    let about = about.ok_or(format!("help of {name}: the first paragraph is not one sentence"))?;
    let usage = paragraphs.next().and_then(|usage| usage.strip_prefix("Usage: "));
    let usage = usage.ok_or(format!("help of {name}: the second paragraph is not its usage"))?;
    let mut page = Page::new(name, '8', about);
    page.section("SYNOPSIS");
    page.verbatim(usage.lines().map(str::trim));
    let rest: Vec<&str> = paragraphs.collect();
    let options: Vec<&str> = rest.iter().copied().filter(|paragraph| is_options(paragraph)).collect();
    let section = |paragraph: &&str| SECTIONS.iter().any(|(start, _)| paragraph.starts_with(start));
    page.section("DESCRIPTION");
    page.paragraph(&format!("{about}."));
    for paragraph in rest.iter().filter(|paragraph| !is_options(paragraph) && !section(paragraph)) {
        page.paragraph(paragraph);
    }
    page.section("OPTIONS");
    for line in options.iter().flat_map(|paragraph| paragraph.lines()) {
        let (option, text) = line
            .trim()
            .split_once("  ")
            .ok_or(format!("help of {name}: no two spaces between an option and its text: {line}"))?;
        page.entry(vec![vec![bold(option)]], text);
    }
    for (start, title) in SECTIONS {
        let texts: Vec<&str> = rest.iter().filter_map(|paragraph| paragraph.strip_prefix(start)).collect();
        if !texts.is_empty() {
            page.section(title);
        }
        for text in texts {
            page.paragraph(text);
        }
    }
    let settings = format!("rayfish-{}.toml", name.trim_start_matches("ray-"));
    page.see_also(&[("ray", '1'), (&settings, '5'), (other(name), '8')]);
    Ok(page)
}

fn is_options(paragraph: &str) -> bool {
    paragraph.starts_with("  -")
}

fn other(name: &str) -> &'static str {
    if name == "ray-engine" { "ray-helper" } else { "ray-engine" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_every_paragraph_of_a_help() {
        let help = "Does it.\n\nUsage: ray-x [--a PATH]\n       ray-x --b\n\n  --a PATH  where\n\nMore\nof it.\n\nExit codes: 0 done.\n";
        let text = page("ray-x", help).unwrap_or_else(|error| panic!("{error}")).render();
        let said = [
            "ray\\-x \\- Does it\n",
            "ray\\-x [\\-\\-a PATH]\nray\\-x \\-\\-b\n",
            "\\fB\\-\\-a PATH\\fR\nwhere",
            "More of it.",
            "0 done.",
        ];
        for part in said {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn refuses_a_help_of_another_form() {
        for help in ["", "No sentence\n", "Does it.\n\nno usage\n", "Does it.\n\nUsage: x\n\n  --a where\n"] {
            assert!(page("ray-x", help).is_err(), "{help:?}");
        }
    }
}
