//! What the confined engine reaches: files, ports, other processes.

use std::{
    env, fs, io,
    net::{TcpListener, UdpSocket},
    os::{linux::net::SocketAddrExt, unix::net},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use nix::{
    errno::Errno,
    sys::signal::kill,
    unistd::{Gid, Pid, Uid, mkdtemp, setgroups, setresgid, setresuid},
};
use ray_confine::engine::{self, Places};

/// Names the directory in which the child is to confine itself, and makes this program that child.
const VARIABLE: &str = "RAY_TEST_CONFINE_IN";
/// Nobody's uid on any host.
const UID: u32 = 60079;
const SIGABRT: i32 = 6;
const SIGSYS: i32 = 31;

#[test]
fn reaches_its_own_places_and_nothing_else() {
    let output = run("look_around");
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("= ")).collect();
    let expected = [
        "landlock true",
        "read settings: ok",
        "write state: ok",
        "make and remove a directory of the state: ok",
        "make a control socket: ok",
        "read resolv.conf: ok",
        "read own status: ok",
        "UDP: ok",
        "a thread: ok",
        "read /etc/shadow: EACCES",
        "read a key in a home: EACCES",
        "list a home: EACCES",
        "write beside the state: EACCES",
        "write a setting: EACCES",
        "remove a setting: EACCES",
        "run a shell's file: EACCES",
        "list another process: EACCES",
        "TCP port: EACCES",
        "abstract socket: EPERM",
    ];
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_panic_ends_in_an_abort_and_not_in_a_forbidden_call() {
    assert_eq!(signal(&run("end_in_an_abort")), Some(SIGABRT));
}

#[test]
fn running_a_program_ends_it() {
    assert_eq!(signal(&run("run_a_program")), Some(SIGSYS));
}

#[test]
fn signalling_another_process_ends_it() {
    assert_eq!(signal(&run("signal_the_parent")), Some(SIGSYS));
}

#[test]
fn look_around() {
    let parent = Pid::parent();
    let Some(base) = confined() else { return };
    let (state, outside) = (base.join("state"), base.join("outside"));
    say("read settings", fs::read(base.join("engine.toml")).map(drop));
    say("write state", fs::write(state.join("identity.key"), "secret"));
    let sub = state.join("networks");
    say("make and remove a directory of the state", fs::create_dir(&sub).and_then(|()| fs::remove_dir(&sub)));
    let socket = base.join("run/ray.sock");
    say("make a control socket", net::UnixListener::bind(&socket).map(drop).and_then(|()| fs::remove_file(&socket)));
    say("read resolv.conf", fs::read("/etc/resolv.conf").map(drop));
    say("read own status", fs::read("/proc/self/status").map(drop));
    say("UDP", UdpSocket::bind("127.0.0.1:0").map(drop));
    say("a thread", std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().unwrap()));
    say("read /etc/shadow", fs::read("/etc/shadow").map(drop));
    say("read a key in a home", fs::read(outside.join("id_ed25519")).map(drop));
    say("list a home", fs::read_dir(&outside).map(drop));
    say("write beside the state", fs::write(base.join("beside"), "x"));
    say("write a setting", fs::write(base.join("engine.toml"), "x"));
    say("remove a setting", fs::remove_file(base.join("engine.toml")));
    say("run a shell's file", fs::read("/bin/sh").map(drop));
    say("list another process", fs::read_dir(format!("/proc/{parent}")).map(drop));
    say("TCP port", TcpListener::bind("127.0.0.1:0").map(drop));
    let name = net::SocketAddr::from_abstract_name(abstract_name(&base)).unwrap();
    say("abstract socket", net::UnixStream::connect_addr(&name).map(drop));
    std::process::exit(0);
}

#[test]
fn end_in_an_abort() {
    if confined().is_some() {
        // What a panic does where the profile says so; a hook has printed by then.
        std::panic::set_hook(Box::new(|_| std::process::abort()));
        panic!("as wanted");
    }
}

#[test]
fn run_a_program() {
    if confined().is_some() {
        let _ = Command::new("/bin/true").status();
        std::process::exit(0);
    }
}

#[test]
fn signal_the_parent() {
    let parent = Pid::parent();
    if confined().is_some() {
        let _ = kill(parent, None);
        std::process::exit(0);
    }
}

/// Runs the test `name` of this program as a child that confines itself.
fn run(name: &str) -> Output {
    let base = mkdtemp(&env::temp_dir().join("ray-confine-XXXXXX")).unwrap();
    for directory in ["state", "run", "outside"] {
        fs::create_dir(base.join(directory)).unwrap();
    }
    fs::write(base.join("engine.toml"), "").unwrap();
    fs::write(base.join("outside/id_ed25519"), "secret").unwrap();
    let name_of_ours = net::SocketAddr::from_abstract_name(abstract_name(&base)).unwrap();
    let _listener = net::UnixListener::bind_addr(&name_of_ours).unwrap();
    if Uid::effective().is_root() {
        // The child owns all of it, so that no mode is what keeps it out.
        for path in ["", "state", "run", "outside", "engine.toml", "outside/id_ed25519"] {
            std::os::unix::fs::chown(base.join(path), Some(UID), Some(UID)).unwrap();
        }
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("files::{name}"), "--nocapture", "--test-threads=1"]);
    let output = command.env(VARIABLE, &base).env("RUST_BACKTRACE", "1").output().unwrap();
    fs::remove_dir_all(&base).unwrap();
    output
}

/// Confines this process where it was started for that, and says in which directory.
fn confined() -> Option<PathBuf> {
    let base = PathBuf::from(env::var_os(VARIABLE)?);
    if Uid::effective().is_root() {
        setgroups(&[]).unwrap();
        setresgid(Gid::from_raw(UID), Gid::from_raw(UID), Gid::from_raw(UID)).unwrap();
        setresuid(Uid::from_raw(UID), Uid::from_raw(UID), Uid::from_raw(UID)).unwrap();
    }
    let confinement = engine::confine(&Places {
        config: &base.join("engine.toml"),
        state_dir: &base.join("state"),
        runtime_dir: &base.join("run"),
    });
    say_text(&format!("landlock {}", confinement.unwrap().landlock_abi.is_some()));
    Some(base)
}

fn abstract_name(base: &Path) -> String {
    base.file_name().unwrap().to_string_lossy().into_owned()
}

fn say(what: &str, result: io::Result<()>) {
    match result {
        Ok(()) => say_text(&format!("{what}: ok")),
        Err(error) => say_text(&format!("{what}: {:?}", Errno::from_raw(error.raw_os_error().unwrap_or(0)))),
    }
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn say_text(text: &str) {
    println!("\n= {text}");
}

fn signal(output: &Output) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&output.status)
}
