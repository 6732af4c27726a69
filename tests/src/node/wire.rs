//! What a node's cable does to the packets on it, as a program of the kernel's classic filter machine. Pure.
//!
//! The kernel alone would let too much through: a switch takes frames of four bytes over a port's MTU, and a burst of
//! segments of any size.

use crate::lab::{INFRA, plan};

/// Verdicts of a filter that acts by itself.
const PASS: u32 = 0;
const DROP: u32 = 2;

const LOAD_WORD: u16 = 0x20;
const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_LENGTH: u16 = 0x80;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_GREATER: u16 = 0x25;
const JUMP_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
/// A place that no packet has: a random word.
const RANDOM: u32 = 0xffff_f000 + 56;

const ETHERNET_LEN: u32 = 14;
const TYPE_AT: u32 = 12;
const TYPE_V4: u32 = 0x0800;
const TYPE_V6: u32 = 0x86dd;
const PROTOCOL_AT: [u32; 2] = [ETHERNET_LEN + 9, ETHERNET_LEN + 6];
const UDP: u32 = 17;
/// The IPv6 header of a fragment, which could hide one.
const FRAGMENT: u32 = 44;
/// The last words of the four addresses: all that differs between two nodes.
const SRC_AT: [u32; 2] = [ETHERNET_LEN + 12, ETHERNET_LEN + 20];
const DST_AT: [u32; 2] = [ETHERNET_LEN + 16, ETHERNET_LEN + 36];

/// Longest and shortest packet that a cable can be told to take.
pub const MTU_MIN: u16 = 1280;
pub const MTU_MAX: u16 = 9000;
/// All packets, in the unit of [`Wire::loss_ppm`].
pub const LOSS_PPM_MAX: u32 = 1_000_000;

/// A cable's behaviour, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// Longer packets are lost without a word, as on a switch.
    pub mtu: u16,
    /// How many of a million packets are lost at random.
    pub loss_ppm: u32,
    /// Whether UDP is lost, but for that from and to the infra.
    pub relay_only: bool,
}

impl Default for Wire {
    fn default() -> Self {
        Self { mtu: 1500, loss_ppm: 0, relay_only: false }
    }
}

/// One instruction: operation, how far to jump when true and when false, operand.
pub type Instruction = (u16, u8, u8, u32);

/// Where a test leads to.
#[derive(Clone, Copy)]
enum To {
    Next,
    /// So many instructions further.
    Skip(u8),
    Pass,
    Drop,
}

impl Wire {
    /// The program for a packet that begins with its Ethernet header.
    pub fn program(&self) -> Vec<Instruction> {
        let mut steps = vec![
            (LOAD_LENGTH, To::Next, To::Next, 0),
            (JUMP_GREATER, To::Drop, To::Next, u32::from(self.mtu) + ETHERNET_LEN),
        ];
        let mut random = Vec::new();
        if self.loss_ppm > 0 {
            let share = (u64::from(self.loss_ppm) << 32) / u64::from(LOSS_PPM_MAX);
            random.push((LOAD_WORD, To::Next, To::Next, RANDOM));
            random.push((JUMP_AT_LEAST, To::Pass, To::Drop, u32::try_from(share).unwrap_or(u32::MAX)));
        }
        if self.relay_only {
            steps.extend(only_with_infra());
        }
        steps.extend(random);
        let len = steps.len();
        let mut program: Vec<Instruction> = steps
            .into_iter()
            .enumerate()
            .map(|(at, (operation, yes, no, operand))| {
                let rest = u8::try_from(len - at - 1).unwrap_or(u8::MAX);
                let far = |to| match to {
                    To::Next => 0,
                    To::Skip(count) => count,
                    To::Pass => rest,
                    To::Drop => rest + 1,
                };
                (operation, far(yes), far(no), operand)
            })
            .collect();
        program.extend([(RETURN, 0, 0, PASS), (RETURN, 0, 0, DROP)]);
        program
    }
}

/// Goes on behind its end with everything but UDP between others.
fn only_with_infra() -> Vec<(u16, To, To, u32)> {
    let infra = plan::addresses(INFRA).map_or([0, 0], |(v4, v6)| {
        let [.., a, b, c, d] = v6.octets();
        [u32::from(v4), u32::from_be_bytes([a, b, c, d])]
    });
    let asks = |family: usize| [(LOAD_WORD, SRC_AT[family]), (LOAD_WORD, DST_AT[family])];
    let [[v4_src, v4_dst], [v6_src, v6_dst]] = [asks(0), asks(1)];
    let load = |(operation, at)| (operation, To::Next, To::Next, at);
    vec![
        load((LOAD_HALF, TYPE_AT)),
        (JUMP_EQUAL, To::Next, To::Skip(6), TYPE_V4),
        load((LOAD_BYTE, PROTOCOL_AT[0])),
        (JUMP_EQUAL, To::Next, To::Skip(12), UDP),
        load(v4_src),
        (JUMP_EQUAL, To::Skip(10), To::Next, infra[0]),
        load(v4_dst),
        (JUMP_EQUAL, To::Skip(8), To::Drop, infra[0]),
        // The type is still loaded.
        (JUMP_EQUAL, To::Next, To::Skip(7), TYPE_V6),
        load((LOAD_BYTE, PROTOCOL_AT[1])),
        (JUMP_EQUAL, To::Skip(1), To::Next, UDP),
        (JUMP_EQUAL, To::Next, To::Skip(4), FRAGMENT),
        load(v6_src),
        (JUMP_EQUAL, To::Skip(2), To::Next, infra[1]),
        load(v6_dst),
        (JUMP_EQUAL, To::Next, To::Drop, infra[1]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const N1: u8 = 0x11;
    const N2: u8 = 0x12;
    const INFRA_HOST: u8 = 1;

    #[test]
    fn takes_packets_up_to_the_mtu_and_no_longer() {
        for mtu in [MTU_MIN, 1500, MTU_MAX] {
            let wire = Wire { mtu, ..Wire::default() };
            for (over, verdict) in [(0, PASS), (1, DROP), (4, DROP)] {
                assert_eq!(run(&wire, &vec![0; usize::from(mtu) + 14 + over], 0), verdict, "{mtu} and {over}");
            }
        }
    }

    #[test]
    fn loses_the_share_that_it_is_told_to() {
        let frame = [0; 60];
        for (loss_ppm, random, verdict) in [
            (0, 0, PASS),
            (10_000, 0, DROP),
            (10_000, 42_949_671, DROP),
            (10_000, 42_949_673, PASS),
            (500_000, u32::MAX / 2, DROP),
            (500_000, u32::MAX / 2 + 1, PASS),
            (LOSS_PPM_MAX, u32::MAX - 1, DROP),
        ] {
            assert_eq!(run(&Wire { loss_ppm, ..Wire::default() }, &frame, random), verdict, "{loss_ppm} at {random}");
        }
    }

    #[test]
    fn carries_udp_with_the_infra_alone_and_everything_else() {
        let wire = Wire { relay_only: true, ..Wire::default() };
        for frame in [v4, v6] {
            for (src, dst, udp, tcp) in
                [(N1, N2, DROP, PASS), (N2, N1, DROP, PASS), (N1, INFRA_HOST, PASS, PASS), (INFRA_HOST, N2, PASS, PASS)]
            {
                assert_eq!(run(&wire, &frame(17, src, dst), 0), udp, "UDP from {src} to {dst}");
                assert_eq!(run(&wire, &frame(6, src, dst), 0), tcp, "TCP from {src} to {dst}");
            }
        }
        assert_eq!(run(&wire, &v6(44, N1, N2), 0), DROP, "a fragment");
        assert_eq!(run(&wire, &v6(58, N1, N2), 0), PASS, "a neighbour's question");
        let mut arp = v4(17, N1, N2);
        arp[13] = 6;
        assert_eq!(run(&wire, &arp, 0), PASS);
    }

    #[test]
    fn a_cable_that_carries_only_the_relay_may_be_lossy_too() {
        let wire = Wire { relay_only: true, loss_ppm: 10_000, ..Wire::default() };
        for frame in [v4, v6] {
            assert_eq!(run(&wire, &frame(6, N1, N2), 0), DROP);
            assert_eq!(run(&wire, &frame(6, N1, N2), u32::MAX), PASS);
            assert_eq!(run(&wire, &frame(17, N1, N2), u32::MAX), DROP);
            assert_eq!(run(&wire, &frame(17, N1, INFRA_HOST), u32::MAX), PASS);
        }
    }

    /// The machine, as far as these programs use it.
    fn run(wire: &Wire, frame: &[u8], random: u32) -> u32 {
        let program = wire.program();
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let (operation, yes, no, operand) = program[at];
            at += 1;
            let bytes = |len: usize| {
                let from = operand as usize;
                frame[from..from + len].iter().fold(0, |word, byte| word << 8 | u32::from(*byte))
            };
            let holds = match operation {
                LOAD_WORD if operand == RANDOM => {
                    accumulator = random;
                    continue;
                }
                LOAD_WORD | LOAD_HALF | LOAD_BYTE => {
                    accumulator = bytes(match operation {
                        LOAD_WORD => 4,
                        LOAD_HALF => 2,
                        _ => 1,
                    });
                    continue;
                }
                LOAD_LENGTH => {
                    accumulator = u32::try_from(frame.len()).unwrap();
                    continue;
                }
                JUMP_EQUAL => accumulator == operand,
                JUMP_GREATER => accumulator > operand,
                JUMP_AT_LEAST => accumulator >= operand,
                RETURN => return operand,
                other => panic!("operation {other:#x}"),
            };
            at += usize::from(if holds { yes } else { no });
        }
    }

    fn v4(protocol: u8, src: u8, dst: u8) -> Vec<u8> {
        let host = |host: u8| if host == INFRA_HOST { 1 } else { host - 6 };
        let mut frame = vec![0; 60];
        frame[12..14].copy_from_slice(&[8, 0]);
        frame[23] = protocol;
        frame[26..30].copy_from_slice(&[10, 77, 0, host(src)]);
        frame[30..34].copy_from_slice(&[10, 77, 0, host(dst)]);
        frame
    }

    fn v6(protocol: u8, src: u8, dst: u8) -> Vec<u8> {
        let mut frame = vec![0; 80];
        frame[12..14].copy_from_slice(&[0x86, 0xdd]);
        frame[20] = protocol;
        for (at, host) in [(22, src), (38, dst)] {
            frame[at..at + 2].copy_from_slice(&[0xfd, 0x77]);
            frame[at + 15] = host;
        }
        frame
    }
}
