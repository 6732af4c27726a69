//! The firewall's state, and its judgement of one packet: known flows first, rules for what opens one.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{
    Millis, Party,
    bucket::Bucket,
    conntrack::{Begin, Conntrack, Key, Known},
    fragments::Fragments,
    limits::{ANSWERS_BURST, ANSWERS_PER_SECOND, STRAYS_BURST, STRAYS_PER_SECOND},
    reject,
    rule::{Action, Direction, Protocol},
    ruleset::{Decision, Ruleset},
    verdict::{Denied, Verdict},
};
use crate::{
    ident::PeerId,
    packet::{
        Fragment, ICMP, ICMPV6, Parsed, TCP, UDP,
        icmp::{self, Message},
        tcp::{self, Segment},
    },
};

/// Stays when rules change: flows are judged again, not forgotten.
#[derive(Debug)]
pub struct Firewall {
    flows: Conntrack,
    fragments: Fragments,
    answers: Mutex<Bucket>,
    /// Until then, connections of the host's own that began before this firewall may go on.
    resumes_until: AtomicU64,
    strays: Mutex<Bucket>,
}

impl Default for Firewall {
    fn default() -> Self {
        Self {
            flows: Conntrack::default(),
            fragments: Fragments::default(),
            answers: Mutex::new(Bucket::full(ANSWERS_BURST, ANSWERS_PER_SECOND)),
            resumes_until: AtomicU64::new(0),
            strays: Mutex::new(Bucket::full(STRAYS_BURST, STRAYS_PER_SECOND)),
        }
    }
}

/// What a packet is to the table of flows.
enum Subject {
    Flow {
        key: Key,
        segment: Option<Segment>,
        opens: bool,
    },
    /// An error about a packet of this flow.
    Error(Key),
    Refused(Denied),
}

impl Firewall {
    /// For a start beside a host that has been running: until then, what can only be the middle of a connection that the
    /// host opened reaches it, a few segments at a time. The host's own answer makes it a known flow; a host without such a
    /// connection answers with a reset, and nothing is remembered.
    pub fn resume(&self, until: Millis) {
        self.resumes_until.store(until, Ordering::Relaxed);
    }

    /// Judges a packet whose addresses were found to be the peer's and ours. A GSO super-packet is one packet.
    pub fn judge(&self, rules: &Ruleset, party: &Party, sent: Direction, packet: &Parsed<'_>, now: Millis) -> Verdict {
        let judged = self.check(rules, party, sent, packet, now);
        match judged {
            Ok(()) => Verdict::Allow,
            Err(_) if !rules.posture().on => Verdict::Allow,
            Err(denied) if rules.posture().reject && denied.may_be_told() => Verdict::Reject(denied),
            Err(denied) => Verdict::Deny(denied),
        }
    }

    /// Whether a packet belongs to a flow in this network.
    pub fn knows(&self, party: &Party, sent: Direction, packet: &Parsed<'_>, now: Millis) -> bool {
        match subject(party, sent, packet) {
            Subject::Flow { key, .. } | Subject::Error(key) => self.flows.find(&party.peer, &key, now).is_some(),
            Subject::Refused(_) => false,
        }
    }

    /// The answer to a packet that was rejected, if its sender may have one now.
    pub fn answer(&self, party: &Party, refused: &Parsed<'_>, now: Millis) -> Option<Vec<u8>> {
        let answer = reject::answer(refused)?;
        let flows = self.flows.of(party.peer);
        let mut own = flows.answers().lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if !own.has_one(now) || !all.has_one(now) {
            return None;
        }
        own.take();
        all.take();
        Some(answer)
    }

    /// To be called now and then: gives back the memory of flows that have ended, and of peers that are not `wanted`.
    pub fn sweep(&self, now: Millis, wanted: impl Fn(&PeerId) -> bool) {
        self.flows.sweep(now, wanted);
        self.fragments.sweep(now);
    }

    /// Flows that are remembered.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    pub fn flows_of(&self, peer: &PeerId) -> usize {
        self.flows.len_of(peer)
    }

    /// Datagrams whose pieces are awaited.
    pub fn datagrams(&self) -> usize {
        self.fragments.len()
    }

    fn check(
        &self,
        rules: &Ruleset,
        party: &Party,
        sent: Direction,
        packet: &Parsed<'_>,
        now: Millis,
    ) -> Result<(), Denied> {
        let layout = packet.layout();
        let generation = rules.generation();
        match (layout.fragment, layout.piece) {
            (Fragment::Later, Some(piece)) => {
                return self.fragments.follow(party, sent, &layout, piece, generation, now);
            }
            (Fragment::Later, None) => return Err(Denied::LonePiece),
            (Fragment::Whole | Fragment::First, _) => {}
        }
        match subject(party, sent, packet) {
            Subject::Flow { key, segment, opens } => {
                self.check_flow(rules, party, sent, &key, segment.as_ref(), opens, now)?;
            }
            Subject::Error(key) => self.check_error(rules, party, &key, now)?,
            Subject::Refused(denied) => return Err(denied),
        }
        match (layout.fragment, layout.piece) {
            (Fragment::First, Some(piece)) => self.fragments.admit(party, sent, &layout, piece, generation, now),
            (Fragment::Whole | Fragment::First | Fragment::Later, _) => Ok(()),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what was found out about one packet")]
    fn check_flow(
        &self,
        rules: &Ruleset,
        party: &Party,
        sent: Direction,
        key: &Key,
        segment: Option<&Segment>,
        opens: bool,
        now: Millis,
    ) -> Result<(), Denied> {
        match self.flows.pass(&party.peer, key, sent, segment, now) {
            Known::Flow { generation, .. } if generation == rules.generation() => return Ok(()),
            Known::Flow { opener, .. } => return self.judge_again(rules, party, opener, key),
            Known::BadReset => return Err(Denied::Reset),
            Known::Nothing => {}
        }
        let is_reset = segment.is_some_and(|segment| segment.flags.rst);
        if !opens {
            return Err(if is_reset { Denied::Reset } else { Denied::NoFlow });
        }
        if let Err(denied) = decide(rules, party, sent, key) {
            return if self.is_stray(rules, party, sent, key, segment, now) { Ok(()) } else { Err(denied) };
        }
        if is_reset {
            // The host ends what began before we looked; that is no flow any more.
            return Ok(());
        }
        let begin = Begin { opener: sent, protocol: key.protocol(), segment, generation: rules.generation() };
        if self.flows.open(party.peer, *key, &begin, now) { Ok(()) } else { Err(Denied::TableFull) }
    }

    /// Whether connections that are older than what is remembered here may go on for now, a few segments at a time.
    pub fn lets_strays_pass(&self, now: Millis) -> bool {
        now < self.resumes_until.load(Ordering::Relaxed)
    }

    /// Whether a segment that opens nothing by the rules may belong to a connection of the host's that is older than what
    /// is remembered here.
    fn is_stray(
        &self,
        rules: &Ruleset,
        party: &Party,
        sent: Direction,
        key: &Key,
        segment: Option<&Segment>,
        now: Millis,
    ) -> bool {
        let in_the_middle =
            segment.is_some_and(|segment| segment.flags.ack && !segment.flags.syn && !segment.flags.rst);
        if sent != Direction::In || !in_the_middle || !self.lets_strays_pass(now) {
            return false;
        }
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        if decide(rules, party, Direction::Out, key).is_err() || !strays.has_one(now) {
            return false;
        }
        strays.take();
        true
    }

    fn check_error(&self, rules: &Ruleset, party: &Party, key: &Key, now: Millis) -> Result<(), Denied> {
        match self.flows.find(&party.peer, key, now) {
            Some((_, generation)) if generation == rules.generation() => Ok(()),
            Some((opener, _)) => self.judge_again(rules, party, opener, key),
            None => Err(Denied::NoFlow),
        }
    }

    /// The rules have changed since the flow was judged. One that is denied is remembered, and judged packet by packet:
    /// forgotten, it would seem to begin anew with what its other end repeats.
    fn judge_again(&self, rules: &Ruleset, party: &Party, opener: Direction, key: &Key) -> Result<(), Denied> {
        decide(rules, party, opener, key)?;
        self.flows.confirm(&party.peer, key, rules.generation());
        Ok(())
    }
}

fn decide(rules: &Ruleset, party: &Party, opener: Direction, key: &Key) -> Result<(), Denied> {
    let (protocol, port) = match key.protocol() {
        TCP => (Protocol::Tcp, Some(key.reached_port(opener))),
        UDP => (Protocol::Udp, Some(key.reached_port(opener))),
        ICMP | ICMPV6 => (Protocol::Icmp, None),
        _ => (Protocol::Any, None),
    };
    let decision = rules.decide(party, opener, protocol, port);
    match (decision.action(), decision) {
        (Action::Allow, _) => Ok(()),
        (Action::Deny, Decision::Stranger) => Err(Denied::Stranger),
        (Action::Deny, Decision::Default(Direction::In, _)) => Err(Denied::DefaultIn),
        (Action::Deny, Decision::Default(Direction::Out, _)) => Err(Denied::DefaultOut),
        (Action::Deny, Decision::Rule(..) | Decision::Off) => Err(Denied::Rule),
    }
}

fn subject(party: &Party, sent: Direction, packet: &Parsed<'_>) -> Subject {
    let network = party.network;
    match packet.protocol() {
        TCP => match (packet.flow(), tcp::segment_of(packet)) {
            (Some(flow), Some(segment)) => {
                let (flags, key) = (segment.flags, Key::of_ports(network, sent, &flow));
                // An answer to a SYN opens nothing; what has no SYN is the middle of a connection that began before we
                // looked, and opens one like a SYN does. A reset of the peer's ends nothing that is not known.
                let (answers, ends) = (flags.syn && flags.ack, flags.rst && sent == Direction::In);
                let opens = !answers && !ends;
                Subject::Flow { key, segment: Some(segment), opens }
            }
            _ => Subject::Refused(Denied::NoFlow),
        },
        UDP => match packet.flow() {
            Some(flow) => Subject::Flow { key: Key::of_ports(network, sent, &flow), segment: None, opens: true },
            None => Subject::Refused(Denied::NoFlow),
        },
        ICMP | ICMPV6 => match icmp::message_of(packet) {
            Some(Message::EchoRequest { id }) => {
                Subject::Flow { key: Key::of_echo(network, sent, packet, id, true), segment: None, opens: true }
            }
            Some(Message::EchoReply { id }) => {
                Subject::Flow { key: Key::of_echo(network, sent, packet, id, false), segment: None, opens: false }
            }
            // It tells the sender of the cited packet, which therefore went the other way between the same two hosts.
            Some(Message::Error(Some(cited))) if cited.src == packet.dst() && cited.dst == packet.src() => {
                Subject::Error(Key::of_cited(network, sent.opposite(), &cited))
            }
            Some(Message::Error(_)) => Subject::Refused(Denied::NoFlow),
            Some(Message::Other) | None => Subject::Refused(Denied::IcmpType),
        },
        _ => Subject::Flow { key: Key::of_hosts(network, sent, packet), segment: None, opens: true },
    }
}

#[cfg(test)]
mod tests;
