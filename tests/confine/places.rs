//! What the confined program for names reaches of the host's files, as root.

use std::{env, fs, io, path::PathBuf, process::Command};

use nix::{
    errno::Errno,
    unistd::{Uid, mkdtemp},
};
use ray_confine::names::{self, Needs};

/// Names the directory in which the child is to confine itself, and makes this program that child.
const VARIABLE: &str = "RAY_TEST_CONFINE_NAMES_IN";

#[test]
fn writes_where_the_list_of_resolvers_stands_and_nowhere_else() {
    if !Uid::effective().is_root() {
        eprintln!("not root: not tried");
        return;
    }
    let found = run("look_around_as_names");
    let expected = [
        "replace the list: ok",
        "write a list in place: ok",
        "read what names resolvers: ok",
        "read own status: ok",
        "remove its own socket: ok",
        "write beside the list's directory: EACCES",
        "remove beside the list's directory: EACCES",
        "move a file there: EACCES",
        "read a key in a home: EACCES",
        "write to the kernel: EACCES",
        "read the memory of another: EACCES",
    ];
    assert_eq!(found, expected);
}

#[test]
fn look_around_as_names() {
    let Some(base) = env::var_os(VARIABLE).map(PathBuf::from) else { return };
    let (edited, beside, run): (PathBuf, PathBuf, PathBuf) =
        (base.join("edited"), base.join("beside"), base.join("run"));
    names::confine(&Needs { socket_dir: Some(&run), edited: &[&edited], bus: false }).unwrap();
    let list = edited.join("resolv.conf");
    let copy = edited.join(".copy");
    say("replace the list", fs::write(&copy, "x").and_then(|()| fs::rename(&copy, &list)));
    say("write a list in place", fs::write(&list, "y"));
    say("read what names resolvers", fs::read("/etc/resolv.conf").map(drop).or_else(ignore_missing));
    say("read own status", fs::read("/proc/self/status").map(drop));
    say("remove its own socket", fs::remove_file(run.join("names.sock")));
    say("write beside the list's directory", fs::write(beside.join("file"), "x"));
    say("remove beside the list's directory", fs::remove_file(beside.join("file")));
    say("move a file there", fs::rename(&list, beside.join("other")));
    say("read a key in a home", fs::read(beside.join("file")).map(drop));
    say("write to the kernel", fs::write("/proc/sys/kernel/core_pattern", "|/tmp/x"));
    say("read the memory of another", fs::read("/proc/1/environ").map(drop));
    std::process::exit(0);
}

/// Runs the test `name` of this program as a child that confines itself. Gives what it said.
fn run(name: &str) -> Vec<String> {
    let base = mkdtemp(&env::temp_dir().join("ray-confine-XXXXXX")).unwrap();
    for (directory, file) in [("edited", "resolv.conf"), ("beside", "file"), ("run", "names.sock")] {
        fs::create_dir(base.join(directory)).unwrap();
        fs::write(base.join(directory).join(file), "secret").unwrap();
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("places::{name}"), "--nocapture", "--test-threads=1"]);
    let output = command.env(VARIABLE, &base).output().unwrap();
    let beside = fs::read(base.join("beside/file"));
    fs::remove_dir_all(&base).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(beside.unwrap(), b"secret", "{text}");
    text.lines().filter_map(|line| line.strip_prefix("= ")).map(str::to_owned).collect()
}

/// A host without a list is none of this test's business.
fn ignore_missing(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn say(what: &str, result: io::Result<()>) {
    match result {
        Ok(()) => println!("\n= {what}: ok"),
        Err(error) => println!("\n= {what}: {:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0))),
    }
}
