//! Tests of the policy file.

use super::*;

#[test]
fn one_line_is_enough_and_the_rest_defaults() {
    let config = parse("engine_user = \"rayfish\"\n").unwrap();
    assert_eq!(config, defaults(EngineUser::Name("rayfish".into())));
}

#[test]
fn reads_every_key() {
    let text = r#"
# The policy of this host.
engine_user="60077"   # by number
interface   = "ray12"
prefix_v4   = "none"
prefix_v6   = "200:1::/32"
mtu_min = 1300
mtu_max = 1400
queues_max = 2
routes_max = 16
grace_s = 0
keep = "100.100.100.200, 200::7"
"#;
    let expected = Config {
        engine_user: EngineUser::Uid(60077),
        interface: "ray12".into(),
        prefix_v4: None,
        prefix_v6: "200:1::/32".parse().unwrap(),
        mtu_min: 1300,
        mtu_max: 1400,
        queues_max: 2,
        routes_max: 16,
        grace: Duration::ZERO,
        keep: vec!["100.100.100.200".parse().unwrap(), "200::7".parse().unwrap()],
    };
    assert_eq!(parse(text), Ok(expected));
}

#[test]
fn refuses_a_policy_without_an_engine() {
    assert_eq!(fault(""), (0, "engine_user".into(), Problem::Missing));
}

#[test]
fn refuses_an_engine_that_is_root_or_nobody_or_no_name() {
    for user in [r#""0""#, r#""65534""#, r#""4294967295""#, r#""""#, r#""a b""#, r#""-x""#, "60077", r#""a:b""#] {
        let (line, key, problem) = fault(&format!("engine_user = {user}"));
        assert_eq!((line, key.as_str(), problem), (1, "engine_user", Problem::User), "{user}");
    }
}

#[test]
fn refuses_interface_names_outside_the_pattern() {
    for name in ["eth0", "ray", "ray1234", "ray-1", "ray0/..", "RAY0", "ray 0"] {
        assert_eq!(with_user(&format!("interface = \"{name}\"")), Problem::Interface, "{name}");
    }
}

#[test]
fn accepts_no_mutation_of_an_interface_name_but_other_digits() {
    for name in ["ray0", "ray12", "ray999"] {
        for at in 0..=name.len() {
            for byte in 0..=u8::MAX {
                let mut replaced = name.as_bytes().to_vec();
                let mut longer = replaced.clone();
                longer.insert(at, byte);
                if let Some(place) = replaced.get_mut(at) {
                    *place = byte;
                }
                for mutation in [replaced, longer] {
                    // Bytes that are no text do not get as far as here.
                    let Ok(text) = String::from_utf8(mutation) else { continue };
                    let digits =
                        text.strip_prefix("ray").map(|rest| (rest.len(), rest.bytes().all(|b| b.is_ascii_digit())));
                    let fits = matches!(digits, Some((1..=3, true)));
                    assert_eq!(interface(&Value::Text(&text)).is_ok(), fits, "{text:?}");
                }
            }
        }
    }
}

#[test]
fn refuses_prefixes_that_leave_the_mesh() {
    for prefix in ["0.0.0.0/0", "100.0.0.0/8", "10.0.0.0/8", "100.64.0.1/10", "100.64.0.0/31", "200::/7", "all"] {
        assert_eq!(with_user(&format!("prefix_v4 = \"{prefix}\"")), Problem::PrefixV4, "{prefix}");
    }
    for prefix in ["::/0", "fd00::/8", "100::/6", "200::1/7", "200::/127", "none", "100.64.0.0/10"] {
        assert_eq!(with_user(&format!("prefix_v6 = \"{prefix}\"")), Problem::PrefixV6, "{prefix}");
    }
}

#[test]
fn refuses_numbers_outside_their_range() {
    let cases = [
        ("mtu_min", "1279"),
        ("mtu_max", "65536"),
        ("queues_max", "0"),
        ("queues_max", "9"),
        ("routes_max", "0"),
        ("routes_max", "1025"),
        ("grace_s", "3601"),
        ("grace_s", "\"30\""),
    ];
    for (key, value) in cases {
        let problem = with_user(&format!("{key} = {value}"));
        assert!(matches!(problem, Problem::NumberOutside { .. }), "{key} = {value}: {problem:?}");
    }
    assert_eq!(with_user("mtu_min = 1500\nmtu_max = 1400"), Problem::MtuOrder);
}

#[test]
fn refuses_to_keep_what_is_no_mesh_address() {
    let nine = ["100.64.0.9"; 9].join(",");
    for value in [" ", ",", "10.0.0.1", "100.64.0.9,", "100.64.0.9;100.64.0.8", "100.64.0.0/10", "fe80::1", &nine] {
        assert_eq!(with_user(&format!("keep = \"{value}\"")), Problem::Keep, "{value}");
    }
    assert_eq!(with_user("keep = 1"), Problem::Keep);
}

#[test]
fn refuses_unknown_keys_doubles_and_other_syntax() {
    assert_eq!(with_user("exit = 1"), Problem::UnknownKey);
    assert_eq!(with_user("[tables]"), Problem::NotAPair);
    assert_eq!(with_user("grace_s = 1\ngrace_s = 1"), Problem::GivenTwice);
    for value in ["+1", "-1", "1_0", "0x1", "007", "1 2", "4294967296", "", "true", "'x'", "\"x", "\"a\\n\"", "\"x\" y"]
    {
        assert_eq!(with_user(&format!("grace_s = {value}")), Problem::NotAValue, "{value}");
    }
}

#[test]
fn the_message_names_line_and_key() {
    let error = parse("engine_user = \"rayfish\"\nmtu_min = 9\n").unwrap_err();
    assert_eq!(error.to_string(), "reading the policy: line 2: \"mtu_min\" wants a number from 1280 to 65535");
}

fn with_user(line: &str) -> Problem {
    fault(&format!("engine_user = \"rayfish\"\n{line}")).2
}

fn fault(text: &str) -> (usize, String, Problem) {
    let error = parse(text).unwrap_err();
    (error.line, error.key, error.problem)
}
