//! Invite codes, right and wrong.

use super::*;

#[test]
fn a_code_is_read_back_as_it_was_written() {
    for seats in 1..=4 {
        let invite = invite(seats);
        assert_eq!(invite.to_string().parse::<Invite>().as_ref(), Ok(&invite));
        assert_eq!(invite.to_string().to_ascii_uppercase().parse::<Invite>().as_ref(), Ok(&invite));
        assert_eq!(format!("  {invite}\n").parse::<Invite>(), Ok(invite));
    }
}

#[test]
fn catches_every_single_mistyped_character() {
    let code = invite(2).to_string();
    for at in 0..code.len() {
        for typed in "abcdefghijklmnopqrstuvwxyz0123456789-".chars() {
            let mut wrong = code.clone();
            wrong.replace_range(at..=at, &typed.to_string());
            if wrong == code {
                continue;
            }
            let error = wrong.parse::<Invite>().unwrap_err();
            let expected = match typed {
                _ if at < PREFIX.len() => InviteError::NotAnInvite,
                'a'..='z' | '2'..='7' => InviteError::Checksum,
                _ => InviteError::Character,
            };
            assert_eq!(error, expected, "{typed} at {at}");
        }
    }
}

#[test]
fn catches_missing_doubled_and_swapped_characters() {
    let code = invite(1).to_string();
    for at in PREFIX.len()..code.len() {
        let mut shorter = code.clone();
        let taken = shorter.remove(at);
        assert!(shorter.parse::<Invite>().is_err(), "without character {at}");
        let mut longer = code.clone();
        longer.insert(at, taken);
        assert!(longer.parse::<Invite>().is_err(), "character {at} twice");
        let mut swapped = shorter;
        swapped.insert(at - 1, taken);
        assert!(swapped == code || swapped.parse::<Invite>().is_err(), "character {at} swapped");
    }
}

#[test]
fn says_what_is_wrong_with_other_text() {
    let room = RoomId([1; 32]).to_string();
    let long = format!("ray1{}", "a".repeat(CHARS_MAX));
    for (text, error) in [
        ("", InviteError::NotAnInvite),
        (room.as_str(), InviteError::NotAnInvite),
        ("ray1", InviteError::Length),
        ("ray1a", InviteError::Length),
        ("ray1aaaaaaaa", InviteError::Checksum),
        ("ray1 abc", InviteError::Character),
        ("ray1\u{1b}[31m", InviteError::Character),
        ("ray1\u{e4}", InviteError::Character),
        (long.as_str(), InviteError::Length),
    ] {
        assert_eq!(text.parse::<Invite>(), Err(error), "{text:?}");
    }
}

#[test]
fn refuses_codes_with_a_right_checksum_and_a_wrong_content() {
    let good = payload(&invite(1));
    let mut newer = good.clone();
    newer[0] = 2;
    assert_eq!(code(&newer).parse::<Invite>(), Err(InviteError::Version(2)));
    assert_eq!(code(&[]).parse::<Invite>(), Err(InviteError::Length));
    assert_eq!(code(&good[..60]).parse::<Invite>(), Err(InviteError::Length));
    assert_eq!(code(&[&good[..], &[0]].concat()).parse::<Invite>(), Err(InviteError::Length));
    assert_eq!(code(&[&good[..], &[0; 32]].concat()).parse::<Invite>(), Err(InviteError::Seats));
    let mut alone = good[..HEAD_BYTES].to_vec();
    alone[HEAD_BYTES - 1] = 0;
    assert_eq!(code(&alone).parse::<Invite>(), Err(InviteError::Seats));
    let mut crowd = [&good[..HEAD_BYTES], &[8; 32 * 5]].concat();
    crowd[HEAD_BYTES - 1] = 5;
    assert_eq!(code(&crowd).parse::<Invite>(), Err(InviteError::Seats));
}

#[test]
fn never_shows_its_secret_to_a_log() {
    let shown = format!("{:?} {:#?}", invite(1), invite(1));
    assert!(!shown.contains("66") && !shown.contains("B, ") && !shown.contains("42"), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn keeps_to_the_documented_code() {
    assert_eq!(invite(1).to_string(), GOLDEN_CODE);
}

const GOLDEN_CODE: &str = "ray1aeirceirceirceirceirceirceirceirceirceirceirceirceircqscijbeeqscijbeeqscijbeeqscijbeeq\
    scijbeeqscijbeeqscaeytcmjrgeytcmjrgeytcmjrgeytcmjrgeytcmjrgeytcmjrgeytdbiqxxba";

fn invite(seats: u8) -> Invite {
    Invite { room: RoomId([0x11; 32]), secret: [66; 32], seats: (0..seats).map(|n| PeerId([0x31 + n; 32])).collect() }
}

fn payload(invite: &Invite) -> Vec<u8> {
    unwrap(&invite.to_string()).unwrap().0
}

fn code(payload: &[u8]) -> String {
    let bytes = [payload, &checksum(payload)].concat();
    format!("{PREFIX}{}", BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
}
