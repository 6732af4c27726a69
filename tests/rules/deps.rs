//! Which crates each program is made of: edges between our own, forbidden dependencies, licences, duplicates.

use std::{collections::BTreeMap, collections::BTreeSet, process::Command};

use serde_json::Value;

use crate::{
    licence,
    workspace::{read, report, root},
};

const NOT_SHIPPED: &str = "tests and benches are not shipped";

/// A package of ours, crates that must not be in its tree, and why.
const FORBIDDEN: [(&str, &[&str], &str); 18] = [
    (
        "ray-ipc",
        &["tokio", "iroh", "serde"],
        "the protocols are shared with the helper, which stays small and synchronous",
    ),
    ("ray-ipc", &["ray-engine", "ray-helper", "ray-names", "ray-cli"], "the protocols know neither end"),
    (
        "ray-confine",
        &["ray-ipc", "ray-engine", "ray-helper", "ray-cli", "ray-tests", "serde", "tokio", "tracing"],
        "confinement knows none of those that it confines, and reads its policies by itself",
    ),
    ("ray-helper", &["serde", "serde_core"], "privileged parsing is one bounded codec"),
    (
        "ray-helper",
        &["tokio", "mio", "futures-core"],
        "the helper is one synchronous thread that one person can follow",
    ),
    (
        "ray-helper",
        &["tracing", "tracing-subscriber", "env_logger"],
        "a log framework formats what strangers wrote, as root",
    ),
    ("ray-helper", &["iroh", "ray-engine", "rustls", "hyper"], "nothing that parses the network runs with privilege"),
    (
        "ray-names",
        &["serde", "serde_core", "tokio", "mio", "futures-core", "tracing", "env_logger", "zbus"],
        "as the helper: one synchronous thread, one bounded codec, no log framework, and a bus client of its own",
    ),
    ("ray-names", &["iroh", "ray-engine", "rustls", "hyper"], "nothing that parses the network runs with privilege"),
    ("ray-cli", &["iroh", "tokio", "hyper"], "the command line asks the engine and reaches no network itself"),
    ("ray-cli", &["ray-engine", "ray-helper", "ray-names"], "the command line knows the control protocol only"),
    ("ray-engine", &["ray-helper", "ray-names"], "privileged code is in no binary that touches the network"),
    ("ray-ipc", &["ray-tests", "ray-benches"], NOT_SHIPPED),
    ("ray-helper", &["ray-tests", "ray-benches"], NOT_SHIPPED),
    ("ray-names", &["ray-tests", "ray-benches"], NOT_SHIPPED),
    ("ray-engine", &["ray-tests", "ray-benches"], NOT_SHIPPED),
    ("ray-cli", &["ray-tests", "ray-benches"], NOT_SHIPPED),
    ("ray-engine", &["clap"], "the engine takes four options; the command line is another program"),
];

/// What each package may ask of ray-ipc: an end that does not speak a protocol does not link it.
const PROTOCOLS: [(&str, &[&str]); 4] = [
    ("ray-helper", &["helper"]),
    ("ray-names", &["names"]),
    ("ray-cli", &["control"]),
    ("ray-engine", &["control", "helper", "names"]),
];

/// ray-ipc's own dependencies: what the two codecs and descriptor passing need.
const IPC_DIRECT: [&str; 3] = ["bincode", "nix", "sendfd"];

/// Each foreign crate in the helper is one to read before trusting root to it; docs/dependencies.md says why each is there.
const HELPER_CRATES_MAX: usize = 15;

const DEPENDENCIES_PAGE: &str = "docs/dependencies.md";
const DENY: &str = ".deny.toml";

/// Crates that Linux builds hold in two versions, all because of crates that we do not choose. One more is a reason to
/// align a version; one less is a reason to shorten this list.
const DUPLICATES: [(&str, &str); 19] = [
    ("aead", "QUIC's own cipher and ours are of two generations"),
    ("base64", "relay server's certificate client"),
    ("bitflags", "TCP for the mesh's resolver, of the generation before"),
    ("cipher", "QUIC's own cipher and ours are of two generations"),
    ("cpufeatures", "two generations of the hash traits"),
    ("crypto-common", "two generations of the hash traits"),
    ("getrandom", "ring, tempfile and rand each move at their own pace"),
    ("hashbrown", "relay server's rate limiter"),
    ("hash32", "relay client's containers and those of TCP for the mesh's resolver"),
    ("heapless", "relay client's containers and those of TCP for the mesh's resolver"),
    ("inout", "QUIC's own cipher and ours are of two generations"),
    ("netlink-packet-core", "two releases of netdev in iroh's tree"),
    ("netlink-packet-route", "two releases of netdev in iroh's tree"),
    ("netlink-sys", "two releases of netdev in iroh's tree"),
    ("pem", "relay server's certificate client"),
    ("spin", "channels of the DHT's client and of the blob store"),
    ("syn", "derive macros in transition"),
    ("synstructure", "derive macros in transition"),
    ("universal-hash", "QUIC's own cipher and ours are of two generations"),
];

/// The identity of the public registry, whichever mirror serves it. In two halves, as no file names a registry.
const REGISTRY: &str = concat!("registry+https://github.com/rust-lang/crates", ".io-index");

#[test]
fn no_program_contains_what_it_must_not() {
    let mut violations = Vec::new();
    for (package, forbidden, why) in FORBIDDEN {
        let tree = tree_of(package);
        let hits = forbidden_in(&tree, forbidden);
        violations.extend(hits.iter().map(|name| format!("{package} contains {name}: {why}")));
    }
    report("forbidden dependencies", &violations);
}

#[test]
fn the_helper_stays_small_enough_to_read() {
    let foreign = foreign_crates("ray-helper");
    assert!(
        foreign.len() <= HELPER_CRATES_MAX,
        "ray-helper is made of {} foreign crates, more than {HELPER_CRATES_MAX}: {foreign:#?}",
        foreign.len()
    );
    assert!(foreign_crates("ray-names").is_subset(&foreign), "ray-names is made of what the helper is made of");
}

#[test]
fn the_page_tells_of_every_crate_in_the_helper_and_of_no_other() {
    let page = read(DEPENDENCIES_PAGE);
    let rows = table(&page, "## What the helper is made of");
    report(
        "crates without a reason",
        &rows.iter().filter(|row| row[2].is_empty()).map(|row| row.join("|")).collect::<Vec<_>>(),
    );
    let told: BTreeSet<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(told, foreign_crates("ray-helper"), "{DEPENDENCIES_PAGE} and the helper's tree");
}

#[test]
fn every_accepted_advisory_has_a_reason_an_owner_and_a_day() {
    let deny = read(DENY);
    report("ignored advisories", &loose_ignores(&deny));
    let listed: BTreeSet<(String, String)> =
        ignores(&deny).into_iter().map(|(id, reason)| (id, day(&reason))).collect();
    let page = read(DEPENDENCIES_PAGE);
    let rows = table(&page, "## Advisories that are accepted");
    let told: BTreeSet<(String, String)> = rows.iter().map(|row| (row[0].clone(), row[3].clone())).collect();
    assert_eq!(told, listed, "{DEPENDENCIES_PAGE} and {DENY}");
    assert!(rows.iter().all(|row| !row[2].is_empty()), "{rows:?}");
}

#[test]
fn advisories_of_forks_were_compared_for_the_versions_that_are_built() {
    let page = read(DEPENDENCIES_PAGE);
    let rows = table(&page, "## Advisories that a fork hides");
    let tree = cargo_tree(&["-p", "ray-engine", "-e", "normal"]);
    assert!(rows.len() > 3, "{rows:?}");
    for row in &rows {
        let (name, version) = row[0].split_once(' ').expect("a crate and its version");
        let built = (name.trim_matches('`').to_owned(), format!("v{version}"));
        assert!(tree.contains(&built), "{DEPENDENCIES_PAGE} speaks of {}, which is not what is built", row[0]);
    }
}

#[test]
fn the_protocol_crate_depends_on_codecs_only() {
    let direct = direct_dependencies(&metadata(), "ray-ipc");
    let surplus: Vec<_> = direct.keys().filter(|name| !IPC_DIRECT.contains(&name.as_str())).cloned().collect();
    report("dependencies of ray-ipc beyond its codecs", &surplus);
}

#[test]
fn each_program_links_only_the_protocols_that_it_speaks() {
    let metadata = metadata();
    for (package, expected) in PROTOCOLS {
        let direct = direct_dependencies(&metadata, package);
        let features: BTreeSet<&str> = direct["ray-ipc"].iter().map(String::as_str).collect();
        assert_eq!(features, expected.iter().copied().collect(), "protocols of {package}");
    }
}

#[test]
fn every_package_may_be_shipped() {
    report("licences", &licence_violations(&metadata()));
}

#[test]
fn every_package_comes_from_the_workspace_or_the_registry() {
    report("package sources", &source_violations(&metadata()));
}

#[test]
fn no_crate_is_built_twice_without_a_reason() {
    let tree = cargo_tree(&["--workspace", "-e", "normal,build"]);
    let duplicates = duplicates(&tree);
    let known: BTreeSet<&str> = DUPLICATES.iter().map(|(name, _)| *name).collect();
    let unknown = duplicates.difference(&known).map(|name| format!("{name}: built in several versions"));
    let stale = known.difference(&duplicates).map(|name| format!("{name}: built once, take it off the list"));
    report("duplicate crates", &unknown.chain(stale).collect::<Vec<_>>());
}

#[test]
fn the_licence_list_for_cargo_deny_is_this_one() {
    let deny = read(DENY);
    let (_, list) = deny.split_once("\nallow = [").expect("an allow list");
    let (list, _) = list.split_once(']').expect("an end of the list");
    let listed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert_eq!(listed, licence::ALLOWED.into_iter().collect());
}

/// Name and version of each crate in a program, itself included, with the features of a build of that program alone.
fn tree_of(package: &str) -> BTreeSet<(String, String)> {
    let tree = cargo_tree(&["-p", package, "-e", "normal"]);
    assert!(tree.iter().any(|(name, _)| name == package), "the tree of {package} does not contain it");
    tree
}

/// Names of what is in a program and not ours.
fn foreign_crates(package: &str) -> BTreeSet<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let ours: BTreeSet<String> =
        packages.iter().filter(|package| package["source"].is_null()).map(|package| text(&package["name"])).collect();
    tree_of(package).into_iter().map(|(name, _)| name).filter(|name| !ours.contains(name)).collect()
}

/// Cells of the first table below a heading, without its head.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = page.split_once(heading).unwrap_or_else(|| panic!("no section `{heading}`"));
    let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    lines.skip(2).map(cells).collect()
}

/// Identifier and reason of each advisory that cargo-deny is told to ignore.
fn ignores(deny: &str) -> Vec<(String, String)> {
    let (_, list) = deny.split_once("\nignore = [").expect("a list of ignored advisories");
    let (list, _) = list.split_once("\n]").expect("an end of the list");
    let entries = list.lines().map(str::trim).filter(|line| line.starts_with('{'));
    entries
        .map(|line| {
            let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
            (quoted[0].to_owned(), quoted.get(1).copied().unwrap_or_default().to_owned())
        })
        .collect()
}

/// Reasons that do not say who looks again and when. `.ci/deny` reads the same form.
fn loose_ignores(deny: &str) -> Vec<String> {
    let is_loose = |reason: &str| {
        let owned = FORBIDDEN.iter().any(|(package, ..)| reason.contains(&format!("; owner: {package};")));
        !owned || day(reason).len() != "2027-01-31".len()
    };
    ignores(deny)
        .into_iter()
        .filter(|(_, reason)| is_loose(reason))
        .map(|(id, reason)| format!("{id}: {reason}"))
        .collect()
}

/// The day until which a reason holds, or nothing.
fn day(reason: &str) -> String {
    let day = reason.rsplit_once("; until: ").map_or("", |(_, day)| day);
    let is_date = day.split('-').map(str::len).eq([4, 2, 2]) && day.chars().all(|c| c == '-' || c.is_ascii_digit());
    if is_date { day.to_owned() } else { String::new() }
}

fn cargo_tree(arguments: &[&str]) -> BTreeSet<(String, String)> {
    let output = cargo(&[&["tree", "--prefix", "none", "--format", "{p}"], arguments].concat());
    parse_tree(&output)
}

fn parse_tree(output: &str) -> BTreeSet<(String, String)> {
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.to_owned()))
    };
    output.lines().filter_map(pair).collect()
}

fn forbidden_in<'a>(tree: &BTreeSet<(String, String)>, forbidden: &[&'a str]) -> Vec<&'a str> {
    forbidden.iter().copied().filter(|name| tree.iter().any(|(found, _)| found == name)).collect()
}

fn duplicates(tree: &BTreeSet<(String, String)>) -> BTreeSet<&str> {
    let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in tree {
        *versions.entry(name).or_default() += 1;
    }
    versions.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

fn metadata() -> Value {
    serde_json::from_str(&cargo(&["metadata", "--format-version", "1"])).expect("cargo metadata is JSON")
}

/// Normal and build dependencies of a package of ours, with the features asked of each.
fn direct_dependencies(metadata: &Value, package: &str) -> BTreeMap<String, Vec<String>> {
    let packages = metadata["packages"].as_array().expect("packages");
    let ours = packages.iter().find(|p| p["name"] == package && p["source"].is_null()).expect(package);
    let dependencies = ours["dependencies"].as_array().expect("dependencies");
    let lasting = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    lasting
        .map(|d| (text(&d["name"]), d["features"].as_array().expect("features").iter().map(text).collect()))
        .collect()
}

fn licence_violations(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().expect("packages");
    let refused = packages.iter().filter(|p| !p["license"].as_str().is_some_and(licence::is_allowed));
    refused.map(|p| format!("{} {}: {}", text(&p["name"]), text(&p["version"]), p["license"])).collect()
}

fn source_violations(metadata: &Value) -> Vec<String> {
    let members = text(&metadata["workspace_members"]);
    let packages = metadata["packages"].as_array().expect("packages");
    let foreign = packages.iter().filter(|p| match p["source"].as_str() {
        Some(source) => source != REGISTRY,
        None => !members.contains(&p["id"].to_string()),
    });
    foreign.map(|p| format!("{}: {}", text(&p["name"]), p["source"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Runs cargo on the workspace as locked; without the network first, since a machine that just built has it all.
fn cargo(arguments: &[&str]) -> String {
    let run = |offline: &[&str]| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.args(arguments).arg("--locked").args(offline).current_dir(root());
        command.output().expect("running cargo")
    };
    let mut output = run(&["--offline"]);
    if !output.status.success() {
        output = run(&[]);
    }
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_a_forbidden_crate_in_a_tree() {
        let tree = parse_tree("ray-helper v0.1.0 (/x)\nserde v1.0.0\nserde v1.0.0 (*)\n\nlibc v0.2.0\n");
        assert_eq!(tree.len(), 3);
        assert_eq!(forbidden_in(&tree, &["serde", "tokio"]), ["serde"]);
    }

    #[test]
    fn sees_real_trees() {
        assert_eq!(forbidden_in(&tree_of("ray-engine"), &["iroh", "tokio"]), ["iroh", "tokio"]);
        assert_eq!(forbidden_in(&tree_of("ray-helper"), &["ray-ipc", "bincode"]), ["ray-ipc", "bincode"]);
    }

    #[test]
    fn finds_two_versions_of_a_crate() {
        assert_eq!(duplicates(&parse_tree("a v1\nb v1\na v2\na v1 (*)\n")), BTreeSet::from(["a"]));
    }

    #[test]
    fn reads_the_first_table_below_a_heading() {
        let page = "| x |\n|---|\n| 0 |\n\n## H\n\ntext\n\n| a | b |\n|---|---|\n| `c` 1 | d |\n| e |  |\n\n| f |\n";
        assert_eq!(table(page, "## H"), [["`c` 1", "d"], ["e", ""]]);
    }

    #[test]
    fn refuses_an_advisory_that_is_ignored_for_ever_or_by_nobody() {
        let entry = |reason: &str| format!("\nignore = [\n    {{ id = \"R-1\", reason = \"{reason}\" }},\n]\n");
        assert_eq!(loose_ignores(&entry("x; owner: ray-ipc; until: 2027-05-31")), [""; 0]);
        for reason in
            ["x", "x; owner: ray-ipc", "x; owner: nobody; until: 2027-05-31", "x; owner: ray-ipc; until: later"]
        {
            assert_eq!(loose_ignores(&entry(reason)).len(), 1, "{reason}");
        }
    }

    #[test]
    fn refuses_missing_and_foreign_licences() {
        let metadata = json!({"packages": [
            {"name": "a", "version": "1", "license": "GPL-3.0-only"},
            {"name": "b", "version": "1", "license": null},
            {"name": "c", "version": "1", "license": "MIT"},
        ]});
        assert_eq!(licence_violations(&metadata), ["a 1: \"GPL-3.0-only\"", "b 1: null"]);
    }

    #[test]
    fn refuses_packages_from_elsewhere() {
        let metadata = json!({"workspace_members": ["ours"], "packages": [
            {"name": "a", "id": "a", "source": "git+https://example.invalid/a"},
            {"name": "b", "id": "b", "source": null},
            {"name": "c", "id": "ours", "source": null},
            {"name": "d", "id": "d", "source": "registry+https://example.invalid"},
            {"name": "e", "id": "e", "source": REGISTRY},
        ]});
        assert_eq!(source_violations(&metadata).len(), 3);
    }

    #[test]
    fn reads_features_and_leaves_out_test_dependencies() {
        let metadata = json!({"packages": [{"name": "p", "source": null, "dependencies": [
            {"name": "x", "kind": null, "features": ["f"]},
            {"name": "y", "kind": "dev", "features": []},
        ]}]});
        assert_eq!(direct_dependencies(&metadata, "p"), BTreeMap::from([("x".into(), vec!["f".into()])]));
    }
}
