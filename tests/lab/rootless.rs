//! What a user without root is told.

use std::process::{Command, Output};

use ray_tests::binaries;

/// nobody, on every system that this is tested on.
const NOBODY: u32 = 65534;

#[test]
fn says_exactly_what_is_missing() {
    let output = as_nobody(&["up", "--name", "rootless-test"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("error: this user cannot build network namespaces"), "{said}");
    for file in ["/etc/subuid", "/etc/subgid"] {
        assert!(said.contains(&format!("missing: a range of 60078 ids for nobody in {file}")), "{said}");
    }
    assert!(said.contains("usermod --add-subuids"), "{said}");
    assert!(said.contains("sudo ray-lab up"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn does_not_reach_the_lab_of_another_user() {
    let lab = crate::bare(1);
    let output = as_nobody(&["exec", "--name", lab.name(), "n1", "--", "true"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("root has a lab of that name: use sudo"), "{said}");
}

fn as_nobody(args: &[&str]) -> Output {
    // Through a shell that opens the program as root: a build directory below a private home is out of nobody's reach.
    let script = r#"exec 9<"$0"; exec setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups /proc/self/fd/9 "$@""#;
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(binaries::path("ray-lab")).args(args);
    command.env("NOBODY", NOBODY.to_string()).output().unwrap()
}
