//! What the packages must say: two lists of files that agree, files that exist and are documented, programs built to be shipped.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace::{files, read, report, root};

/// Both lists of files stand here.
const MANIFEST: &str = "ray-cli/Cargo.toml";
const DEB: &str = "[package.metadata.deb]";
const RPM: &str = "[package.metadata.generate-rpm]";

/// Where packaging/build puts what it makes, below the root.
const MADE: &str = "target/packaging/";
const MADE_NAMES: [&str; 10] = [
    "bin/ray",
    "bin/ray-engine",
    "bin/ray-helper",
    "bin/ray-names",
    "man/*.1.gz",
    "man/*.5.gz",
    "man/*.8.gz",
    "completions/ray.bash",
    "completions/_ray",
    "completions/ray.fish",
];

/// Directories of packaging/ whose every file is shipped.
const SHIPPED: [&str; 5] = ["systemd/", "sysusers.d/", "tmpfiles.d/", "sysctl.d/", "etc/"];

/// Destinations that the two kinds of distribution spell differently, and why.
const ONE_ONLY: [(&str, &str); 7] = [
    ("/usr/share/zsh/vendor-completions/_ray", "zsh's directory for packages on Debian"),
    ("/usr/share/zsh/site-functions/_ray", "and elsewhere"),
    ("/usr/share/doc/rayfish/changelog", "the name that Debian's policy wants"),
    ("/usr/share/doc/rayfish/CHANGELOG.md", "and as it is elsewhere"),
    ("/usr/share/doc/rayfish/copyright", "Debian's form of the licences"),
    ("/usr/share/licenses/rayfish/LICENSE-APACHE", "and the licences themselves elsewhere"),
    ("/usr/share/licenses/rayfish/LICENSE-MIT", "likewise"),
];

/// Lines of the release profile.
const RELEASE: [&str; 3] = ["strip = true", "panic = \"abort\"", "overflow-checks = true"];

/// One file of a package, or all that a pattern names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Asset {
    source: String,
    dest: String,
    mode: String,
    keeps_changes: bool,
}

#[test]
fn both_packages_ship_the_same_files() {
    let (deb, rpm) = (deb(), rpm());
    let of = |assets: &[Asset]| -> BTreeMap<String, (String, String)> {
        let all = assets.iter().map(|a| (a.dest.clone(), (a.source.clone(), a.mode.clone())));
        all.filter(|(dest, _)| !ONE_ONLY.iter().any(|(known, _)| dest == known)).collect()
    };
    assert_eq!(of(&deb), of(&rpm));
    for (dest, _) in ONE_ONLY {
        let places = [&deb, &rpm].iter().filter(|list| list.iter().any(|asset| asset.dest == dest)).count();
        assert_eq!(places, 1, "{dest}");
    }
}

#[test]
fn every_file_that_is_shipped_exists_or_is_made() {
    let all = [deb(), rpm()].concat();
    let exists = |source: &str| match source.strip_prefix(MADE) {
        Some(made) => MADE_NAMES.contains(&made),
        None => root().join(source).is_file(),
    };
    let missing = all.iter().filter(|asset| !exists(&asset.source)).map(|asset| asset.source.clone());
    report("files of packages that do not exist", &missing.collect::<Vec<_>>());
}

#[test]
fn every_file_that_is_meant_for_a_host_is_shipped() {
    let shipped: BTreeSet<String> = deb().into_iter().map(|asset| asset.source).collect();
    let meant = files().into_iter().map(|file| file.path).filter(|path| {
        path.strip_prefix("packaging/").is_some_and(|path| SHIPPED.iter().any(|directory| path.starts_with(directory)))
    });
    let made = MADE_NAMES.iter().map(|name| format!("{MADE}{name}"));
    let left_out = meant.chain(made).filter(|path| !shipped.contains(path));
    report("files that no package ships", &left_out.collect::<Vec<_>>());
}

#[test]
fn only_programs_are_executable_and_only_settings_keep_changes() {
    for asset in [deb(), rpm()].concat() {
        let expected = if asset.source.starts_with("target/packaging/bin/") { "755" } else { "644" };
        assert_eq!(asset.mode, expected, "{asset:?}");
    }
    for asset in rpm() {
        assert_eq!(asset.keeps_changes, asset.dest.starts_with("/etc/"), "{asset:?}");
    }
}

#[test]
fn the_packaging_page_lists_every_file_that_is_shipped() {
    let page = read("packaging/README.md");
    let destinations: BTreeSet<String> = [deb(), rpm()].concat().into_iter().map(|asset| asset.dest).collect();
    let unlisted = destinations.into_iter().filter(|dest| !page.contains(&format!("| `{dest}`")));
    report("files that packaging/README.md does not list", &unlisted.collect::<Vec<_>>());
}

#[test]
fn the_debian_changelog_has_the_workspace_version() {
    let first = format!("rayfish ({}-1) ", env!("CARGO_PKG_VERSION"));
    assert!(read("packaging/deb/changelog").starts_with(&first), "packaging/deb/changelog does not begin with {first}");
}

#[test]
fn what_is_released_is_built_to_be_shipped() {
    let manifest = read("Cargo.toml");
    let profile = section(&manifest, "[profile.release]");
    let missing = RELEASE.iter().filter(|line| !profile.lines().any(|found| found == **line));
    report("lines that the release profile lacks", &missing.map(ToString::to_string).collect::<Vec<_>>());
}

#[test]
fn maintainer_scripts_touch_the_state_on_purge_only() {
    let scripts = ["deb/postinst", "deb/prerm", "deb/postrm", "rpm/post", "rpm/preun", "rpm/postun"];
    let removals = |script: &str| {
        let text = read(&format!("packaging/{script}"));
        text.lines().filter(|line| line.trim_start().starts_with("rm ")).map(|line| line.trim().to_owned()).collect()
    };
    let found: Vec<(&str, Vec<String>)> = scripts.map(|script| (script, removals(script))).into();
    let expected: Vec<(&str, Vec<String>)> = vec![
        ("deb/postinst", vec![]),
        ("deb/prerm", vec![]),
        ("deb/postrm", vec!["rm -rf /run/rayfish".into(), "rm -rf \"$state\" \"$ask\"".into()]),
        ("rpm/post", vec![]),
        ("rpm/preun", vec![]),
        ("rpm/postun", vec!["rm -rf /run/rayfish".into()]),
    ];
    assert_eq!(found, expected);
    let postrm = read("packaging/deb/postrm");
    assert!(postrm.contains("    if [ -e \"$ask\" ]; then\n        rm -rf \"$state\" \"$ask\"\n"), "{postrm}");
}

fn deb() -> Vec<Asset> {
    let manifest = read(MANIFEST);
    let lines = section(&manifest, DEB).lines().filter(|line| line.starts_with("    [\""));
    let assets: Vec<Asset> = lines.map(|line| deb_asset(line).unwrap_or_else(|| panic!("no asset: {line}"))).collect();
    assert!(!assets.is_empty(), "{DEB} lists no file");
    assets
}

fn rpm() -> Vec<Asset> {
    let manifest = read(MANIFEST);
    let lines = section(&manifest, RPM).lines().filter(|line| line.starts_with("    { "));
    let assets: Vec<Asset> = lines.map(|line| rpm_asset(line).unwrap_or_else(|| panic!("no asset: {line}"))).collect();
    assert!(!assets.is_empty(), "{RPM} lists no file");
    assets
}

/// `["source", "dest", "mode"],` with sources from the crate and destinations from the root.
fn deb_asset(line: &str) -> Option<Asset> {
    let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    let [source, dest, mode] = quoted.try_into().ok()?;
    let (source, dest) = (source.strip_prefix("../")?, format!("/{dest}"));
    Some(Asset { dest: full(&dest, source), source: source.into(), mode: mode.into(), keeps_changes: false })
}

/// `{ source = "..", dest = "..", mode = ".." },` with sources from the root.
fn rpm_asset(line: &str) -> Option<Asset> {
    let value = |key: &str| {
        let (_, rest) = line.split_once(&format!("{key} = \""))?;
        rest.split('"').next()
    };
    let (source, dest) = (value("source")?, value("dest")?);
    let keeps_changes = value("config") == Some("noreplace");
    Some(Asset { dest: full(dest, source), source: source.into(), mode: value("mode")?.into(), keeps_changes })
}

/// A directory stands for the file of the source's name in it.
fn full(dest: &str, source: &str) -> String {
    let name = source.rsplit('/').next().unwrap_or_default();
    if dest.ends_with('/') { format!("{dest}{name}") } else { dest.to_owned() }
}

/// From a table's head to the next one.
fn section<'a>(manifest: &'a str, head: &str) -> &'a str {
    let (_, rest) = manifest.split_once(&format!("{head}\n")).unwrap_or_else(|| panic!("no {head}"));
    rest.split("\n[").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_of_an_asset() {
        let deb = deb_asset(r#"    ["../packaging/a/b.conf", "usr/lib/a/", "644"],"#).unwrap();
        let rpm =
            rpm_asset(r#"    { source = "packaging/a/b.conf", dest = "/usr/lib/a/b.conf", mode = "644" },"#).unwrap();
        assert_eq!(deb, rpm);
        assert_eq!(deb.dest, "/usr/lib/a/b.conf");
        let settings = r#"    { source = "a", dest = "/etc/", mode = "644", config = "noreplace" },"#;
        assert!(rpm_asset(settings).unwrap().keeps_changes);
        assert_eq!(deb_asset(r#"    ["outside", "usr/", "644"],"#), None);
        assert_eq!(rpm_asset(r#"    { source = "a", dest = "/b" },"#), None);
    }

    #[test]
    fn reads_one_table_only() {
        assert_eq!(section("[a]\nx\n[b]\ny\n", "[a]"), "x");
        assert_eq!(section("[a]\nx\n[b]\ny\n", "[b]"), "y\n");
    }
}
