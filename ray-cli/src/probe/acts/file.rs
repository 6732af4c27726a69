//! Files of the host and of other users: reading secrets, writing settings, programs and kernel tunables.

use std::path::{Path, PathBuf};

use nix::libc::{self, AT_FDCWD, O_CLOEXEC, O_RDONLY, O_TMPFILE, O_WRONLY};

use super::super::{
    act::{Access, Act, Arg, Defence, Kind, Needs, Process, Ready},
    facts::Facts,
};

/// Name of what an act would leave behind if it got through; the judging `ray` removes it.
const LEFTOVER: &str = "rayfish-sandbox-probe";

const PROGRAMS: [&str; 3] = ["/usr/bin/ray", "/usr/libexec/rayfish/ray-engine", "/usr/libexec/rayfish/ray-helper"];
const UNITS: [&str; 4] = [
    "/usr/lib/systemd/system/rayfish-engine.service",
    "/usr/lib/systemd/system/rayfish-helper.service",
    "/etc/systemd/system/multi-user.target.wants/rayfish-engine.service",
    "/etc/init.d/rayfish-engine",
];
const SECRETS: [&str; 6] =
    ["/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_ed25519_key", "/root", "/home"];
const SETTINGS: [&str; 6] =
    ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/profile", "/etc/fstab", "/etc/nsswitch.conf"];
const DIRECTORIES: [&str; 9] = [
    "/etc",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/var/spool/cron/crontabs",
    "/etc/systemd/system",
    "/etc/sudoers.d",
    "/usr/bin",
    "/root",
    "/run",
];
const DEVICES: [(&str, &str); 5] =
    [("mem", "/dev/mem"), ("kmsg", "/dev/kmsg"), ("port", "/dev/port"), ("kvm", "/dev/kvm"), ("uinput", "/dev/uinput")];
const TUNABLES: [&str; 7] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
];

pub(super) fn all(process: Process, facts: &Facts) -> Vec<Act> {
    let mut acts = Vec::new();
    for home in &facts.homes {
        acts.push(read(&home.join(".ssh")));
    }
    acts.extend(SECRETS.map(|path| read(Path::new(path))));
    acts.extend([write(&facts.policy), write(&facts.places.config)]);
    for path in PROGRAMS.iter().chain(&UNITS).chain(&SETTINGS).chain(&TUNABLES) {
        acts.push(write(Path::new(path)));
    }
    acts.extend(DIRECTORIES.map(|directory| put_into(Path::new(directory))));
    acts.extend(DEVICES.map(|(_, path)| read(Path::new(path))));
    acts.extend([write(Path::new("/proc/self/root/etc/passwd")), write(Path::new("/proc/self/cwd/etc/passwd"))]);
    match process {
        Process::Engine => acts.push(read(Path::new("/dev/net/tun"))),
        Process::Helper => {
            acts.extend([read(&facts.places.state_dir), read(&facts.places.state_dir.join("identity.key"))]);
        }
    }
    let state = &facts.places.state_dir;
    acts.extend(links(state));
    acts.extend(own_file());
    acts
}

/// The path of what an act would leave behind, if that is all that it is about.
pub(in crate::probe) fn leftover(act: &Act) -> Option<&Path> {
    let target = act.target.as_ref().filter(|target| target.access == Access::Create)?;
    Some(&target.path)
}

fn read(path: &Path) -> Act {
    let flags = O_RDONLY | O_CLOEXEC;
    open("read", path, flags, Access::Read)
}

/// Without truncating it: a file that could be written stays as it is.
fn write(path: &Path) -> Act {
    open("write", path, O_WRONLY | O_CLOEXEC, Access::Write)
}

/// A file without a name, so that nothing stays.
fn put_into(directory: &Path) -> Act {
    open("put a file into", directory, O_WRONLY | O_CLOEXEC | O_TMPFILE, Access::Fill)
}

fn open(verb: &str, path: &Path, flags: i32, access: Access) -> Act {
    let text = path.to_string_lossy();
    let name = format!("{}{}", verb.split(' ').next().unwrap_or(verb), text.replace('/', "."));
    let arguments: Vec<Arg> = vec![AT_FDCWD.into(), text.as_ref().into(), flags.into(), 0o600.into()];
    act(&name, &format!("{verb} {text}"), libc::SYS_openat, arguments, path, access)
}

/// Tricks with names.
fn links(state: &Path) -> Vec<Act> {
    let hard: PathBuf = state.join(LEFTOVER);
    let soft = Path::new("/etc").join(format!("{LEFTOVER}-link"));
    let directory = Path::new("/etc").join(format!("{LEFTOVER}-directory"));
    let (hard_text, soft_text, directory_text) =
        (hard.to_string_lossy(), soft.to_string_lossy(), directory.to_string_lossy());
    vec![
        act(
            "remove",
            // A directory, which this call does not remove whoever makes it.
            "remove a file from /usr",
            libc::SYS_unlinkat,
            vec![AT_FDCWD.into(), "/usr/lib".into(), 0.into()],
            Path::new("/usr/lib"),
            Access::Write,
        ),
        act(
            "remove_directory",
            // A file, likewise.
            "remove a directory from /etc",
            libc::SYS_unlinkat,
            vec![AT_FDCWD.into(), "/etc/passwd".into(), libc::AT_REMOVEDIR.into()],
            Path::new("/etc/passwd"),
            Access::Write,
        ),
        act(
            "hard_link",
            "link /etc/passwd into its own directory",
            libc::SYS_linkat,
            vec![AT_FDCWD.into(), "/etc/passwd".into(), AT_FDCWD.into(), hard_text.as_ref().into(), 0.into()],
            &hard,
            Access::Create,
        ),
        act(
            "symbolic_link",
            "put a symbolic link into /etc",
            libc::SYS_symlinkat,
            vec!["/dev/null".into(), AT_FDCWD.into(), soft_text.as_ref().into()],
            &soft,
            Access::Create,
        ),
        act(
            "make_directory",
            "make a directory in /etc",
            libc::SYS_mkdirat,
            vec![AT_FDCWD.into(), directory_text.as_ref().into(), 0o700.into()],
            &directory,
            Access::Create,
        ),
        act(
            "device_node",
            "make a node of a disk in its own directory",
            libc::SYS_mknodat,
            // Without a path: what is refused is the kind of the file.
            vec![AT_FDCWD.into(), 0.into(), i64::from(libc::S_IFBLK | 0o600).into(), 0x0800.into()],
            &hard,
            Access::Create,
        ),
    ]
}

/// What it must not even do with a file of its own.
fn own_file() -> Vec<Act> {
    // Revision 2, effective: CAP_NET_ADMIN and all others, for whoever runs the file.
    let capability: Vec<u8> =
        [0x0200_0001u32, u32::MAX, 0, u32::MAX, 0].iter().flat_map(|word| word.to_le_bytes()).collect();
    let length = i64::try_from(capability.len()).unwrap_or_default();
    let on_file = |name, words, number, arguments: Vec<Arg>| {
        Act::call(Kind::Files, name, words, number, [vec![Ready::File.into()], arguments].concat())
            .defended_by(Defence::Seccomp)
    };
    vec![
        on_file("set_uid", "make a file of its own set-uid", libc::SYS_fchmod, vec![0o4755.into()]),
        Act::call(
            Kind::Files,
            "set_uid_path",
            "make a file of its own set-uid by its path",
            libc::SYS_fchmodat,
            vec![AT_FDCWD.into(), Ready::FilePath.into(), 0o4755.into()],
        )
        .defended_by(Defence::Seccomp),
        on_file("set_gid", "make a file of its own set-gid", libc::SYS_fchmod, vec![0o2755.into()]),
        on_file("chown", "give a file of its own to somebody else", libc::SYS_fchown, vec![1.into(), 1.into()]),
        on_file(
            "capability",
            "give a file of its own capabilities",
            libc::SYS_fsetxattr,
            vec!["security.capability".into(), capability.into(), length.into(), 0.into()],
        ),
    ]
}

fn act(name: &str, words: &str, number: std::ffi::c_long, arguments: Vec<Arg>, path: &Path, access: Access) -> Act {
    Act::call(Kind::Files, name, words, number, arguments).on(path, access).needing(Needs::FILES)
}
