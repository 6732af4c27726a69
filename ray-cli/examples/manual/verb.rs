//! The pages of `ray` and of each of its verbs, from the definition of its command line.

use clap::{Arg, Command};
use clap_mangen::roff::{Inline, bold, italic, roman};

use crate::page::Page;

/// What a page of a service or of settings is called, for the end of ray(1).
const OTHERS: [(&str, char); 4] =
    [("rayfish-engine.toml", '5'), ("rayfish-helper.toml", '5'), ("ray-engine", '8'), ("ray-helper", '8')];

/// Starts the part of a help that shows two commands.
const EXAMPLES: &str = "Examples:";
const EXIT_CODES: &str = "Exit codes:";

/// One page for the command and one for each verb below, at any depth.
pub(crate) fn pages(command: Command) -> Vec<Page> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = vec![overview(&command)];
    for verb in visible(&command) {
        below(verb, &mut pages);
    }
    pages
}

fn below(command: &Command, pages: &mut Vec<Page>) {
    pages.push(verb(command));
    for verb in visible(command) {
        below(verb, pages);
    }
}

/// ray(1). Its help is an overview by subject, which stays as it is.
fn overview(command: &Command) -> Page {
    let mut page = start(command);
    let help = command.clone().render_help().to_string();
    let paragraphs = paragraphs(&help);
    page.section("DESCRIPTION");
    page.paragraph("What a user does with Rayfish. Each verb has a page of its own, such as ray-status(1).");
    // The title and the usage come first; the options, which follow the table, have their own section.
    let table = paragraphs.iter().skip(2).take_while(|paragraph| !paragraph.starts_with("Global options:"));
    for paragraph in table {
        page.verbatim(paragraph.lines());
    }
    verbs(&mut page, command);
    options(&mut page, command);
    if let Some(codes) = paragraphs.iter().find_map(|paragraph| paragraph.strip_prefix(EXIT_CODES)) {
        page.section("EXIT STATUS");
        page.paragraph(&format!("{}.", codes.trim()));
    }
    page.section("FILES");
    page.entry(vec![vec![bold(ray_ipc::control::SOCKET_PATH)]], "Where the engine listens.");
    examples(&mut page, &paragraphs);
    page.see_also(&OTHERS);
    page
}

fn verb(command: &Command) -> Page {
    let mut page = start(command);
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let paragraphs = paragraphs(&after);
    page.section("DESCRIPTION");
    page.paragraph(&format!("{}.", about(command)));
    for paragraph in paragraphs.iter().filter(|paragraph| !paragraph.starts_with(EXAMPLES)) {
        page.paragraph(paragraph);
    }
    verbs(&mut page, command);
    options(&mut page, command);
    examples(&mut page, &paragraphs);
    let name = page_name(command);
    let parent = name.rsplit_once(&format!("-{}", command.get_name())).map_or("ray", |(parent, _)| parent);
    let above: &[(&str, char)] = if parent == "ray" { &[("ray", '1')] } else { &[("ray", '1'), (parent, '1')] };
    page.see_also(above);
    page
}

fn start(command: &Command) -> Page {
    let mut page = Page::new(&page_name(command), '1', &about(command));
    page.section("SYNOPSIS");
    let usage = command.clone().render_usage().to_string();
    page.verbatim(usage.trim_start_matches("Usage:").lines().map(str::trim));
    page
}

fn verbs(page: &mut Page, command: &Command) {
    let mut verbs = visible(command).peekable();
    if verbs.peek().is_some() {
        page.section("COMMANDS");
    }
    for verb in verbs {
        page.entry(vec![vec![bold(page_name(verb)), roman("(1)")]], &about(verb));
    }
}

/// What the help says of arguments and options, under the headings that it has.
fn options(page: &mut Page, command: &Command) {
    let visible = || command.get_arguments().filter(|argument| !argument.is_hide_set());
    let mut headings = vec![("ARGUMENTS".to_owned(), visible().filter(|arg| arg.is_positional()).collect::<Vec<_>>())];
    for option in visible().filter(|argument| !argument.is_positional()) {
        let heading = option.get_help_heading().unwrap_or("Options").to_uppercase();
        match headings.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, options)) => options.push(option),
            None => headings.push((heading, vec![option])),
        }
    }
    // Those of the verb itself come before those of every verb.
    headings.sort_by_key(|(heading, _)| heading.starts_with("GLOBAL"));
    for (heading, arguments) in headings.iter().filter(|(_, arguments)| !arguments.is_empty()) {
        page.section(heading);
        for argument in arguments {
            page.entry(vec![term(argument)], &explanation(argument));
        }
    }
}

fn term(argument: &Arg) -> Vec<Inline> {
    let mut term = Vec::new();
    if let Some(short) = argument.get_short() {
        term.push(bold(format!("-{short}")));
    }
    if let Some(long) = argument.get_long() {
        if !term.is_empty() {
            term.push(roman(", "));
        }
        term.push(bold(format!("--{long}")));
    }
    if argument.is_positional() || argument.get_action().takes_values() {
        if !term.is_empty() {
            term.push(roman(" "));
        }
        term.push(italic(value_names(argument)));
    }
    term
}

fn value_names(argument: &Arg) -> String {
    let names = match argument.get_value_names() {
        Some(names) => names.join(" "),
        None => argument.get_id().as_str().to_uppercase(),
    };
    let many = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
    if many { format!("{names}...") } else { names }
}

/// Help, default and possible values, as `--help` shows them.
fn explanation(argument: &Arg) -> String {
    let mut parts = vec![argument.get_help().map(ToString::to_string).unwrap_or_default()];
    let values: Vec<_> = argument.get_possible_values().into_iter().filter(|value| !value.is_hide_set()).collect();
    if argument.get_action().takes_values() && !argument.is_hide_possible_values_set() && !values.is_empty() {
        let names: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
        parts.push(format!("[possible values: {}]", names.join(", ")));
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !argument.is_hide_default_value_set() && !defaults.is_empty() {
        parts.push(format!("[default: {}]", defaults.join(" ")));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn examples(page: &mut Page, paragraphs: &[&str]) {
    if let Some(examples) = paragraphs.iter().find_map(|paragraph| paragraph.strip_prefix(EXAMPLES)) {
        page.section("EXAMPLES");
        page.verbatim(examples.trim_start_matches('\n').lines());
    }
}

fn visible(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

fn page_name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn about(command: &Command) -> String {
    command.get_about().map(ToString::to_string).unwrap_or_default()
}

fn paragraphs(text: &str) -> Vec<&str> {
    text.split("\n\n").map(|paragraph| paragraph.trim_matches('\n')).filter(|paragraph| !paragraph.is_empty()).collect()
}
