//! Decides whether a well-formed request may be done. Pure.
//!
//! Safe because: an order carries no address, no path and no interface; its search domains are one label of plain letters
//! each, and end in the mesh's own domain.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ray_ipc::{
    limits::SEARCH_MAX,
    names::{Backend, Mode, NamesRefusal, NamesRequest, Wanted},
};

use crate::config::Config;

/// Where the mesh's own resolver answers.
pub const SERVER_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 53);
pub const SERVER_V6: Ipv6Addr = Ipv6Addr::new(0x200, 0, 0, 0, 0, 0, 0, 0x53);
/// The mesh's own domain.
pub const DOMAIN: &str = "ray";
/// What a label of a name can hold.
const LABEL_LEN_MAX: usize = 63;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Greet { version: u16 },
    Replace(Wanted),
    Release,
    Look,
}

/// Judges a request for a host whose settings `backend` keeps.
pub fn judge(config: &Config, backend: Backend, request: NamesRequest) -> Result<Op, NamesRefusal> {
    match request {
        NamesRequest::Hello { version } => Ok(Op::Greet { version }),
        NamesRequest::ReplaceDns(wanted) => judge_wanted(config, backend, wanted).map(Op::Replace),
        NamesRequest::Release => Ok(Op::Release),
        NamesRequest::Look => Ok(Op::Look),
    }
}

/// The address at which the resolver is asked where only one can be named.
pub fn server(wanted: &Wanted) -> IpAddr {
    if wanted.v4 { SERVER_V4.into() } else { SERVER_V6.into() }
}

/// Whether `address` is the mesh's resolver's.
pub fn is_ours(address: IpAddr) -> bool {
    address == IpAddr::V4(SERVER_V4) || address == IpAddr::V6(SERVER_V6)
}

fn judge_wanted(config: &Config, backend: Backend, wanted: Wanted) -> Result<Wanted, NamesRefusal> {
    if backend == Backend::Off {
        return Err(NamesRefusal::Off);
    }
    match wanted.mode {
        Mode::Full if !config.full => return Err(NamesRefusal::FullForbidden),
        Mode::Full | Mode::Names => {}
    }
    if wanted.search.len() > SEARCH_MAX {
        return Err(NamesRefusal::SearchCount { max: u8::try_from(SEARCH_MAX).unwrap_or(u8::MAX) });
    }
    if wanted.search.iter().all(|name| is_label(name)) { Ok(wanted) } else { Err(NamesRefusal::SearchName) }
}

fn is_label(name: &str) -> bool {
    let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    letters && (1..=LABEL_LEN_MAX).contains(&name.len()) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_search_domain_that_is_no_plain_label() {
        let long = "a".repeat(64);
        for name in [
            "",
            "com.",
            "a.b",
            "-a",
            "a-",
            "A",
            "a b",
            "a\nnameserver 6.6.6.6",
            "a#",
            "a;",
            "a\0",
            "ä",
            "~",
            "*",
            "_a",
            &long,
        ] {
            let refused = judge(&Config::default(), Backend::File, replace(Mode::Names, &[name]));
            assert_eq!(refused, Err(NamesRefusal::SearchName), "{name:?}");
        }
        let longest = "a".repeat(63);
        for name in ["home", "a", "0", "a-b", &longest] {
            assert!(judge(&Config::default(), Backend::File, replace(Mode::Names, &[name])).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn refuses_more_search_domains_than_the_bound() {
        let refused = judge(&Config::default(), Backend::File, replace(Mode::Names, &["a"; 5]));
        assert_eq!(refused, Err(NamesRefusal::SearchCount { max: 4 }));
    }

    #[test]
    fn refuses_all_lookups_unless_root_allows_it() {
        let refused = judge(&Config::default(), Backend::File, replace(Mode::Full, &[]));
        assert_eq!(refused, Err(NamesRefusal::FullForbidden));
        let generous = Config { full: true, ..Config::default() };
        assert!(judge(&generous, Backend::File, replace(Mode::Full, &[])).is_ok());
    }

    #[test]
    fn refuses_everything_but_a_look_when_it_is_off() {
        let judge = |request| judge(&Config::default(), Backend::Off, request);
        assert_eq!(judge(replace(Mode::Names, &[])), Err(NamesRefusal::Off));
        assert_eq!(judge(NamesRequest::Look), Ok(Op::Look));
        assert_eq!(judge(NamesRequest::Release), Ok(Op::Release));
    }

    fn replace(mode: Mode, search: &[&str]) -> NamesRequest {
        let search = search.iter().map(|name| (*name).to_owned()).collect();
        NamesRequest::ReplaceDns(Wanted { mode, v4: true, search })
    }
}
