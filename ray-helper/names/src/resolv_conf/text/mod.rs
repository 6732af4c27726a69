//! The text of the list of resolvers: own lines in, own lines out, and what others wrote. Pure.
//!
//! Own lines stand in blocks between two comments, and are found by those. Whatever else is in the file stays as it is,
//! byte for byte, also where others changed it meanwhile. The comments are the journal: a file that was written a moment
//! before the power went tells as much as one that was written a year ago.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use crate::policy::is_ours;

/// The C library looks at three, other programs at a few more.
pub const UPSTREAMS_MAX: usize = 8;
/// More is nothing that the C library reads.
const SEARCH_MAX: usize = 6;
const DNS_PORT: u16 = 53;

/// How a block begins: beside lines of others; in a file that was not there; after a last line without an end.
const BEGIN: &str = "# rayfish: begin (these lines come and go with the mesh; others stay)";
const BEGIN_CREATED: &str = "# rayfish: begin (these lines come and go with the mesh; there was no file)";
const BEGIN_JOINED: &str =
    "# rayfish: begin (these lines come and go with the mesh; others stay, the last without an end)";
const END: &str = "# rayfish: end";
/// The C library's own patience is five seconds a server. A host that says something of its own overrules this.
const OPTIONS: &str = "options timeout:1";

/// What is to be in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    pub server: IpAddr,
    /// Whole domains.
    pub search: Vec<String>,
}

/// `text` without own lines; `None` where only those were ever in it.
pub fn without(text: &[u8]) -> Option<Vec<u8>> {
    let mut kept: Vec<u8> = Vec::with_capacity(text.len());
    let (mut inside, mut created, mut joined) = (false, false, false);
    for line in lines(text) {
        match trim(line) {
            BEGIN | BEGIN_CREATED | BEGIN_JOINED if inside => {}
            begin @ (BEGIN | BEGIN_CREATED | BEGIN_JOINED) => {
                inside = true;
                created |= begin == BEGIN_CREATED;
                joined |= begin == BEGIN_JOINED;
            }
            // Also one whose beginning somebody has removed.
            END => inside = false,
            own if inside && is_own(own) => {}
            _ => {
                // Somebody has written into the block, or cut it off.
                inside = false;
                joined = false;
                kept.extend_from_slice(line);
            }
        }
    }
    if joined && kept.last() == Some(&b'\n') {
        kept.pop();
    }
    if created && kept.is_empty() { None } else { Some(kept) }
}

/// `rest`, which has no own lines, with `wanted`. The server comes before those of others, and after the comments above
/// them by which other programs know their own files. The last search list counts, so it comes last and repeats the host's.
pub fn with(rest: Option<&[u8]>, wanted: &Lines) -> Vec<u8> {
    let begin = if rest.is_some() { BEGIN } else { BEGIN_CREATED };
    let rest = rest.unwrap_or_default();
    let head = format!("nameserver {}\n{OPTIONS}", wanted.server);
    let comments: usize = lines(rest).take_while(|line| is_comment(line)).map(<[u8]>::len).sum();
    let (above, below) = rest.split_at_checked(comments).unwrap_or((rest, &[]));
    let mut text = above.to_vec();
    push_block(&mut text, begin, &head);
    text.extend_from_slice(below);
    if !wanted.search.is_empty() {
        let mut domains = search(rest);
        domains.extend(wanted.search.iter().filter(|domain| !domains.contains(domain)).cloned().collect::<Vec<_>>());
        push_block(&mut text, begin, &format!("search {}", domains.join(" ")));
    }
    text
}

/// Whether there are own lines in `text`.
pub fn has_own(text: &[u8]) -> bool {
    without(text).is_none_or(|rest| rest != text)
}

/// The resolvers that others listed, in their order. A list without any means the own host.
pub fn upstreams(rest: &[u8], index_of: impl Fn(&str) -> Option<u32>) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = Vec::new();
    let mut any = false;
    for value in values(rest, "nameserver") {
        let word = value.split_whitespace().next().unwrap_or_default();
        any = true;
        let Some(address) = address(word, &index_of) else { continue };
        if !is_ours(address.ip()) && !found.contains(&address) && found.len() < UPSTREAMS_MAX {
            found.push(address);
        }
    }
    if !any {
        found.push(SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), DNS_PORT));
    }
    found
}

/// The search domains that others listed.
pub fn search(rest: &[u8]) -> Vec<String> {
    let last = lines(rest).filter_map(|line| value(line, "search").or_else(|| value(line, "domain"))).last();
    let domains = last.as_deref().unwrap_or_default().split_whitespace().filter(|word| is_domain(word));
    domains.take(SEARCH_MAX).map(str::to_owned).collect()
}

/// Whether the resolvers are asked in turn, which leaves some mesh names to resolvers that do not know them.
pub fn rotates(rest: &[u8]) -> bool {
    values(rest, "options").any(|value| value.split_whitespace().any(|word| word == "rotate"))
}

/// The comments above the first line that means something: there programs sign what they write.
pub fn signature(rest: &[u8]) -> String {
    let comments = lines(rest).take_while(|line| is_comment(line));
    comments.map(|line| String::from_utf8_lossy(line).to_lowercase()).collect()
}

fn push_block(text: &mut Vec<u8>, begin: &str, body: &str) {
    let unfinished = text.last().is_some_and(|last| *last != b'\n');
    if unfinished {
        text.push(b'\n');
    }
    let begin = if unfinished { BEGIN_JOINED } else { begin };
    text.extend_from_slice(format!("{begin}\n{body}\n{END}\n").as_bytes());
}

/// Whether a line inside a block is one that this program writes.
fn is_own(line: &str) -> bool {
    let server = line.strip_prefix("nameserver ").and_then(|word| word.parse().ok());
    line == OPTIONS || server.is_some_and(is_ours) || line.starts_with("search ")
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// The line as text, without its end; what is no text is no line of ours.
fn trim(line: &[u8]) -> &str {
    str::from_utf8(line.strip_suffix(b"\n").unwrap_or(line)).unwrap_or_default()
}

fn is_comment(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    line.is_empty() || line.starts_with(b"#") || line.starts_with(b";")
}

fn values<'a>(text: &'a [u8], keyword: &'a str) -> impl Iterator<Item = String> + 'a {
    lines(text).filter_map(move |line| value(line, keyword))
}

/// What follows the keyword that a line begins with.
fn value(line: &[u8], keyword: &str) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let rest = line.strip_prefix(keyword)?;
    rest.starts_with([' ', '\t']).then(|| rest.trim().to_owned())
}

fn address(word: &str, index_of: &impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    let Some((address, zone)) = word.split_once('%') else {
        return word.parse().ok().map(|address: IpAddr| SocketAddr::new(address, DNS_PORT));
    };
    let scope = zone.parse().ok().or_else(|| index_of(zone))?;
    Some(SocketAddrV6::new(address.parse().ok()?, DNS_PORT, 0, scope).into())
}

/// A domain as it goes into a report: plain text of a bounded length.
fn is_domain(word: &str) -> bool {
    word != "." && word.len() <= 255 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests;
