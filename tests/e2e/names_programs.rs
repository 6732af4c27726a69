//! Every program of a host finds the same: those that ask the C library, and those that bring their own resolver.

use ray_tests::lab::wait_until;

use crate::{
    names_hosts::{Host, Keeper, MEMBER, MISSING, MISSING_MEMBER, PUBLIC, all},
    support::{PATIENCE, address, open, ray, until},
};

const PORT: u16 = 8000;

/// A question and what has to come of it.
#[derive(Debug)]
struct Question {
    name: &'static str,
    /// `None`: there is no such name.
    addresses: Option<Vec<String>>,
    /// What the page there says.
    page: Option<&'static str>,
}

#[test]
fn all_programs_agree_on_every_kind_of_name() {
    let mut faults = Vec::new();
    for keeper in Keeper::tried() {
        let host = Host::new(keeper);
        host.await_set();
        open(&host.lab, "n2", PORT);
        let serve = |node| host.lab.spawn(node, None, &["ray-lab", "tool", "http-serve", "[::]:8000"]).unwrap();
        let _pages = ["n2", "infra"].map(serve);
        let of = |family| address(&host.lab, "n1", "n2", family);
        let (v4, v6) = (of("v4"), of("v6"));
        until(PATIENCE, "n2 has a page", || {
            let url = format!("http://{v4}:{PORT}/");
            host.lab.exec("n1", &["ray-lab", "tool", "http-get", &url]).unwrap().code() == 0
        });
        let both = Some(vec![v4.clone(), v6.clone()]);
        let public = Some(vec!["10.77.0.1".to_owned(), "fd77::1".to_owned()]);
        let v4_alone = Some(vec!["10.77.0.1".to_owned()]);
        let question = |name, addresses, page| Question { name, addresses, page };
        let mut questions = vec![
            question(MEMBER, both.clone(), Some("hello from n2")),
            question("n2.ray", both.clone(), Some("hello from n2")),
            question("N2.HOME.ray", both.clone(), None),
            question(PUBLIC, public.clone(), Some("hello from infra")),
            question("alias.example.test", public, None),
            question("v4.example.test", v4_alone.clone(), Some("hello from infra")),
            question(MISSING, None, None),
            question(MISSING_MEMBER, None, None),
            question("nobody.ray", None, None),
            // The host's own search domain.
            question("intra", v4_alone, Some("hello from infra")),
        ];
        faults.extend(asked(&host, &questions));
        faults.extend(pointers(&host, &[(&v4, MEMBER), (&v6, MEMBER), ("10.77.0.1", PUBLIC)]));

        // The network's own domain, where its member wants it. NetworkManager has no place for one.
        if keeper != Keeper::DnsmasqSplit {
            ray(&host.lab, "n1", &["config", "set", "search", "on"]);
            let found = wait_until(PATIENCE, "n2 is found by its bare name", || host.finds("n2"));
            found.unwrap_or_else(|error| panic!("{keeper:?}: {error}: {}\n{}", host.told(), host.settings()));
            questions.push(question("n2", both, Some("hello from n2")));
            faults.extend(asked(&host, &questions));
        }
        ray(&host.lab, "n1", &["down"]);
        if let Err(found) = host.await_settings(&host.before) {
            faults.push(format!("{}: not restored: {found}", keeper.name()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What the programs that this host has say, where it is not what they should.
fn asked(host: &Host, questions: &[Question]) -> Vec<String> {
    let mut faults = Vec::new();
    for question in questions {
        for program in PROGRAMS {
            if !has(host, program) {
                continue;
            }
            if let Err(fault) = ask(host, program, question) {
                faults.push(format!("{} {program} {}: {fault}", host.keeper.name(), question.name));
            }
        }
    }
    faults
}

const PROGRAMS: [&str; 6] = ["getent", "python3", "ray-lab", "dig", "curl", "ping"];

/// A host of the small choice has what it has.
fn has(host: &Host, program: &str) -> bool {
    let there = host.lab.exec("n1", &["sh", "-c", &format!("command -v {program}")]).unwrap().code() == 0;
    // Some hosts have a Python that another user cannot run.
    assert!(there || !all(), "there is no {program}");
    there && (program != "python3" || host.lab.exec("n1", &["python3", "-V"]).unwrap().code() == 0)
}

fn ask(host: &Host, program: &str, question: &Question) -> Result<(), String> {
    let name = question.name;
    let url = format!("http://{name}:{PORT}/");
    let python = "import socket,sys\nfor x in sorted({a[4][0] for a in socket.getaddrinfo(sys.argv[1], 0)}): print(x)";
    let script = format!(
        "for t in A AAAA; do dig +short +search {name} $t; done; dig +search {name} | grep -q NXDOMAIN && exit 2; true"
    );
    let argv: Vec<&str> = match (program, question.page) {
        ("getent", _) => vec!["getent", "ahosts", name],
        ("python3", _) => vec!["python3", "-c", python, name],
        ("ray-lab", _) => vec!["ray-lab", "tool", "dns-gopher", name],
        ("dig", _) => vec!["sh", "-c", &script],
        ("curl", Some(_)) => vec!["curl", "-sS", "--max-time", "5", &url],
        ("ping", Some(_)) => vec!["ping", "-c1", "-W3", name],
        _ => return Ok(()),
    };
    let output = host.lab.exec("n1", &argv).unwrap();
    let said = format!("exit {}: {}{}", output.code(), output.stdout, output.stderr);
    match (program, question.page, &question.addresses) {
        ("curl", Some(page), _) if output.stdout.trim() == page => Ok(()),
        ("ping", Some(_), _) if output.code() == 0 => Ok(()),
        ("curl" | "ping", ..) => Err(said),
        ("ray-lab", _, None) if output.stdout.contains(r#""missing":true"#) => Ok(()),
        ("ray-lab", _, None) => Err(said),
        (_, _, None) if output.code() != 0 => Ok(()),
        (_, _, None) => Err(said),
        (_, _, Some(expected)) => {
            let found = addresses(&output.stdout);
            let mut expected = expected.clone();
            expected.sort();
            if found == expected { Ok(()) } else { Err(format!("not {expected:?} but {said}")) }
        }
    }
}

/// Every address in a text, once.
fn addresses(text: &str) -> Vec<String> {
    let words = text.split(|c: char| c.is_whitespace() || "[]\",{}".contains(c));
    let found = words.filter_map(|word| word.parse::<std::net::IpAddr>().ok().map(|address| address.to_string()));
    found.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// The names of addresses, by the programs that ask for them.
fn pointers(host: &Host, expected: &[(&str, &str)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (address, name) in expected {
        for argv in [vec!["getent", "hosts", address], vec!["dig", "+short", "-x", address]] {
            if !has(host, argv[0]) {
                continue;
            }
            let output = host.lab.exec("n1", &argv).unwrap();
            let found = output.stdout.split_whitespace().any(|word| word.trim_end_matches('.') == *name);
            if !found {
                faults.push(format!(
                    "{} {argv:?}: not {name} but {}{}",
                    host.keeper.name(),
                    output.stdout,
                    output.stderr
                ));
            }
        }
    }
    faults
}
