//! Texts as hosts have them, and what comes of them.

use super::*;

const DHCP: &[u8] =
    b"# by dhclient\n\ndomain lan\nsearch lan corp.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n";

#[test]
fn stands_before_the_servers_of_others_and_below_the_signature_of_their_writer() {
    let text = String::from_utf8(with(Some(DHCP), &lines_of(&[]))).unwrap();
    let expected = format!(
        "# by dhclient\n\n{BEGIN}\nnameserver 100.100.100.53\noptions timeout:1\n{END}\ndomain lan\nsearch lan \
         corp.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n"
    );
    assert_eq!(text, expected);
    assert_eq!(signature(text.as_bytes()), format!("# by dhclient\n\n{}\n", BEGIN.to_lowercase()));
}

#[test]
fn repeats_the_search_domains_of_the_host_before_its_own() {
    let text = String::from_utf8(with(Some(DHCP), &lines_of(&["home.ray", "lan"]))).unwrap();
    assert!(text.ends_with(&format!("{BEGIN}\nsearch lan corp.example home.ray\n{END}\n")), "{text}");
}

#[test]
fn leaves_every_byte_of_others_as_it_was() {
    let samples: [&[u8]; 14] = [
        DHCP,
        b"",
        b"\n",
        b"\n\n",
        b"# only a comment\n",
        b"# a comment without an end",
        b"nameserver 192.0.2.1",
        b"nameserver 192.0.2.1\n\n\n",
        b"nameserver 192.0.2.1\r\nsearch lan\r\n",
        b"\tnameserver 192.0.2.1\n",
        b"# caf\xe9\nnameserver 192.0.2.1\n\xff\xfe",
        b"options rotate timeout:9\n;\n#\nnameserver 192.0.2.1\n# end",
        b"nameserver 100.100.100.53\nnameserver 192.0.2.1\n",
        b"search home.ray\n",
    ];
    for rest in samples {
        for wanted in [lines_of(&[]), lines_of(&["home.ray"])] {
            let text = with(Some(rest), &wanted);
            assert!(has_own(&text));
            assert_eq!(without(&text).as_deref(), Some(rest), "{}", String::from_utf8_lossy(&text));
            assert_eq!(with(without(&text).as_deref(), &wanted), text, "twice is once");
        }
        assert!(!has_own(rest));
        assert_eq!(without(rest).as_deref(), Some(rest));
    }
}

#[test]
fn a_file_that_was_not_there_goes_away_unless_others_have_written_into_it() {
    let text = with(None, &lines_of(&["home.ray"]));
    assert_eq!(without(&text), None);
    assert_eq!(without(&[&text, b"nameserver 192.0.2.1\n".as_slice()].concat()).unwrap(), b"nameserver 192.0.2.1\n");
    assert_eq!(with(without(&text).as_deref(), &lines_of(&[])), with(None, &lines_of(&[])));
}

#[test]
fn keeps_what_others_wrote_around_and_into_the_block() {
    let text = String::from_utf8(with(Some(b"nameserver 192.0.2.1\n"), &lines_of(&[]))).unwrap();
    let around = format!("# first\n{text}nameserver 192.0.2.9\n");
    assert_eq!(without(around.as_bytes()).unwrap(), b"# first\nnameserver 192.0.2.1\nnameserver 192.0.2.9\n");
    let into = text.replace(OPTIONS, "nameserver 192.0.2.7\noptions timeout:1");
    assert_eq!(without(into.as_bytes()).unwrap(), b"nameserver 192.0.2.7\noptions timeout:1\nnameserver 192.0.2.1\n");
    let cut_off = text.replace(&format!("{END}\n"), "");
    assert_eq!(without(cut_off.as_bytes()).unwrap(), b"nameserver 192.0.2.1\n");
    let headless = text.replace(&format!("{BEGIN}\n"), "");
    assert!(without(headless.as_bytes()).unwrap().ends_with(b"nameserver 192.0.2.1\n"));
    let twice = format!("{text}{text}");
    assert_eq!(without(twice.as_bytes()).unwrap(), b"nameserver 192.0.2.1\nnameserver 192.0.2.1\n");
}

#[test]
fn an_added_line_end_stays_when_others_wrote_after_it() {
    let text = with(Some(b"search lan"), &lines_of(&["home.ray"]));
    let appended = [&text, b"nameserver 192.0.2.1\n".as_slice()].concat();
    assert_eq!(without(&appended).unwrap(), b"search lan\nnameserver 192.0.2.1\n");
}

#[test]
fn the_resolvers_of_the_host_are_never_the_meshs_own() {
    let text = b"nameserver 192.0.2.1\nnameserver 100.100.100.53\nnameserver 200::53\nnameserver fe80::1%eth7\n\
        nameserver fe80::2%nowhere\nnameserver fe80::3%4\nnameserver\nnameservers 192.0.2.2\n#nameserver 192.0.2.3\n\
        nameserver 192.0.2.1 # again\nnameserver 192.0.2.4x\n";
    let found = upstreams(text, |name| (name == "eth7").then_some(7));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["192.0.2.1:53", "[fe80::1%7]:53", "[fe80::3%4]:53"]);
    let many: String = (0..20).map(|last| format!("nameserver 192.0.2.{last}\n")).collect();
    assert_eq!(upstreams(many.as_bytes(), |_| None).len(), UPSTREAMS_MAX);
}

#[test]
fn a_list_without_servers_means_the_own_host() {
    assert_eq!(upstreams(b"search lan\n", |_| None), ["127.0.0.1:53".parse().unwrap()]);
    assert_eq!(upstreams(b"nameserver 100.100.100.53\n", |_| None), []);
}

#[test]
fn the_last_search_list_counts() {
    assert_eq!(search(DHCP), ["lan", "corp.example"]);
    assert_eq!(search(b"search a b\ndomain c\n"), ["c"]);
    assert_eq!(search(b"search a\x1b[31m ok b\xff\n"), ["ok"]);
    assert_eq!(search(b"search a b c d e f g h\n").len(), SEARCH_MAX);
    assert_eq!(search(b"search .\n"), [""; 0]);
}

fn lines_of(search: &[&str]) -> Lines {
    Lines { server: "100.100.100.53".parse().unwrap(), search: search.iter().map(|name| (*name).to_owned()).collect() }
}
