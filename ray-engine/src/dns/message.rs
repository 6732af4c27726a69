//! Takes a query apart and puts a reply together.
//!
//! Replies are built with the DNS crate. Queries are walked here, because the crate refuses query types it does not
//! know and would parse records of any type that a query has no use for.

use simple_dns::{
    CLASS, Label, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE,
};

pub(super) const HEADER_LEN: usize = 12;
/// One OPT record and one signature; a query has no use for more.
const ADDITIONAL_MAX: u16 = 2;
const NAME_MAX: usize = 255;
const LABEL_MAX: u8 = 63;
const TYPE_OPT: u16 = 41;
/// An OPT record without options.
const OPT_LEN: usize = 11;

pub(super) const FLAG_RESPONSE: u16 = 0x8000;
pub(super) const FLAG_TRUNCATED: u16 = 0x0200;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;
/// The client validates signatures itself (RFC 3225), in the flags of its OPT record.
const EDNS_DO: u16 = 0x8000;

/// What every DNS client takes over UDP (RFC 1035, 4.2.1).
const REPLY_MIN: usize = 512;
/// What is sent over UDP at most: fits any path of 1280 bytes.
pub(super) const REPLY_MAX: u16 = 1232;

/// How a query came; its reply goes the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// The fixed part of a query.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) id: u16,
    pub(super) flags: u16,
    counts: [u16; 4],
}

/// The question and what bears on its reply.
#[derive(Debug, Clone)]
pub(super) struct Query<'a> {
    pub(super) labels: Vec<&'a [u8]>,
    pub(super) qtype: u16,
    pub(super) qclass: u16,
    pub(super) edns: Option<Edns>,
    transport: Transport,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Edns {
    udp_size: u16,
    version: u8,
    pub(super) wants_signatures: bool,
}

/// A query that breaks the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FormatError;

impl Head {
    /// `None` where there is nothing that a reply could refer to, or where it is a reply itself.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_LEN>()?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let head = Self { id: word(0), flags: word(2), counts: [word(4), word(6), word(8), word(10)] };
        (head.flags & FLAG_RESPONSE == 0).then_some(head)
    }

    pub(super) fn is_standard_query(&self) -> bool {
        self.opcode() == OPCODE::StandardQuery
    }

    fn opcode(&self) -> OPCODE {
        OPCODE::from(self.flags >> 11 & 0x0f)
    }

    /// A reply that says only why there is none.
    pub(super) fn reject(&self, rcode: RCODE) -> Option<Vec<u8>> {
        let mut bytes = self.reply(rcode).build_bytes_vec().ok()?;
        // The crate has one value for all opcodes it does not know; the client sent a certain one.
        let flags = bytes.get_mut(2)?;
        *flags = *flags & 0x87 | (self.flags >> 8).to_be_bytes()[1] & 0x78;
        Some(bytes)
    }

    fn reply<'p>(&self, rcode: RCODE) -> Packet<'p> {
        let mut packet = Packet::new_reply(self.id);
        *packet.opcode_mut() = self.opcode();
        *packet.rcode_mut() = rcode;
        if self.flags & FLAG_RECURSION_DESIRED != 0 {
            packet.set_flags(PacketFlag::RECURSION_DESIRED);
        }
        packet
    }
}

impl<'a> Query<'a> {
    pub(super) fn read(head: &Head, bytes: &'a [u8], transport: Transport) -> Result<Self, FormatError> {
        let [questions, answers, authorities, additional] = head.counts;
        if questions != 1 || answers != 0 || authorities != 0 || additional > ADDITIONAL_MAX {
            return Err(FormatError);
        }
        let mut rest = bytes.get(HEADER_LEN..).ok_or(FormatError)?;
        let labels = take_name(&mut rest)?;
        let qtype = take_u16(&mut rest)?;
        let qclass = take_u16(&mut rest)?;
        let mut edns = None;
        for _ in 0..additional {
            let root = take_name(&mut rest)?.is_empty();
            let kind = take_u16(&mut rest)?;
            let udp_size = take_u16(&mut rest)?;
            let [_, version] = take_u16(&mut rest)?.to_be_bytes();
            let wants_signatures = take_u16(&mut rest)? & EDNS_DO != 0;
            let len = take_u16(&mut rest)?;
            rest = rest.get(usize::from(len)..).ok_or(FormatError)?;
            let its = Edns { udp_size, version, wants_signatures };
            if kind == TYPE_OPT && (!root || edns.replace(its).is_some()) {
                return Err(FormatError);
            }
        }
        if rest.is_empty() { Ok(Self { labels, qtype, qclass, edns, transport }) } else { Err(FormatError) }
    }

    /// A query for a name as people write it. `None` where no query could carry it.
    pub(super) fn of(name: &'a str, qtype: u16) -> Option<Self> {
        let labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).filter(|_| !name.is_empty()).collect();
        let fits = labels.iter().all(|label| (1..=usize::from(LABEL_MAX)).contains(&label.len()));
        (fits && name.len() + 2 <= NAME_MAX).then_some(Self {
            labels,
            qtype,
            qclass: 1,
            edns: None,
            transport: Transport::Tcp,
        })
    }

    /// Whether the client speaks an EDNS version that nobody has defined.
    pub(super) fn is_of_unknown_version(&self) -> bool {
        self.edns.is_some_and(|edns| edns.version > 0)
    }

    /// The longest reply that the client takes.
    pub(super) fn limit(&self) -> usize {
        match self.transport {
            Transport::Tcp => usize::from(u16::MAX),
            Transport::Udp => {
                self.edns.map_or(REPLY_MIN, |edns| usize::from(edns.udp_size.min(REPLY_MAX)).max(REPLY_MIN))
            }
        }
    }

    pub(super) fn name(&self) -> Name<'a> {
        let labels: Vec<Label<'a>> = self.labels.iter().map(|label| Label::new_unchecked(*label)).collect();
        Name::new_with_labels(&labels)
    }

    pub(super) fn reply(
        &self,
        head: &Head,
        rcode: RCODE,
        authoritative: bool,
        answers: Vec<ResourceRecord<'_>>,
        authority: Option<ResourceRecord<'_>>,
    ) -> Option<Vec<u8>> {
        let mut packet = head.reply(rcode);
        if authoritative {
            packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
        }
        // The crate knows few classes by name; the bytes are corrected below.
        let question =
            Question::new(self.name(), QTYPE::TYPE(TYPE::Unknown(self.qtype)), QCLASS::CLASS(CLASS::IN), false);
        packet.questions.push(question.clone());
        packet.answers = answers;
        packet.name_servers = authority.into_iter().collect();
        let bytes = packet.build_bytes_vec_compressed().ok()?;
        if bytes.len() + OPT_LEN <= self.limit() {
            return self.complete(bytes);
        }
        let mut packet = head.reply(rcode);
        packet.set_flags(PacketFlag::TRUNCATION);
        packet.questions.push(question);
        self.complete(packet.build_bytes_vec_compressed().ok()?)
    }

    /// Puts the question's own class back and adds the OPT record that a client with EDNS expects.
    fn complete(&self, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let name_len: usize = self.labels.iter().map(|label| label.len() + 1).sum::<usize>() + 1;
        let class_at = HEADER_LEN + name_len + 2;
        bytes.get_mut(class_at..class_at + 2)?.copy_from_slice(&self.qclass.to_be_bytes());
        if self.edns.is_some() {
            // The upper bits of the reply code. BADVERS is 16: the lower bits are zero.
            push_opt(&mut bytes, u8::from(self.is_of_unknown_version()), false);
            let [_, count] = bytes.get_mut(10..12)? else { return None };
            *count = 1;
        }
        Some(bytes)
    }
}

/// An OPT record of version 0 without options.
pub(super) fn push_opt(bytes: &mut Vec<u8>, upper_rcode: u8, wants_signatures: bool) {
    bytes.push(0);
    bytes.extend_from_slice(&TYPE_OPT.to_be_bytes());
    bytes.extend_from_slice(&REPLY_MAX.to_be_bytes());
    let [high, low] = if wants_signatures { EDNS_DO } else { 0 }.to_be_bytes();
    bytes.extend_from_slice(&[upper_rcode, 0, high, low, 0, 0]);
}

/// Takes labels off the front. No pointers: before a query's only name stands nothing that one could point to.
fn take_name<'a>(rest: &mut &'a [u8]) -> Result<Vec<&'a [u8]>, FormatError> {
    let mut labels = Vec::new();
    let mut len = 1;
    loop {
        let (&label_len, after) = rest.split_first().ok_or(FormatError)?;
        if label_len == 0 {
            *rest = after;
            return Ok(labels);
        }
        if label_len > LABEL_MAX {
            return Err(FormatError);
        }
        let (label, after) = after.split_at_checked(usize::from(label_len)).ok_or(FormatError)?;
        len += 1 + label.len();
        if len > NAME_MAX {
            return Err(FormatError);
        }
        labels.push(label);
        *rest = after;
    }
}

fn take_u16(rest: &mut &[u8]) -> Result<u16, FormatError> {
    let (value, after) = rest.split_first_chunk::<2>().ok_or(FormatError)?;
    *rest = after;
    Ok(u16::from_be_bytes(*value))
}

#[cfg(test)]
mod tests {
    use simple_dns::rdata::{RData, TXT};

    use super::*;

    #[test]
    fn truncates_a_reply_that_exceeds_what_the_client_takes() {
        let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(b"\x03nas\x03ray\x00\x00\x10\x00\x01");
        let head = Head::read(&bytes).unwrap();
        let query = Query::read(&head, &bytes, Transport::Udp).unwrap();
        let text = "x".repeat(200);
        let record =
            ResourceRecord::new(query.name(), CLASS::IN, 60, RData::TXT(TXT::new().with_string(&text).unwrap()));

        let short = query.reply(&head, RCODE::NoError, true, vec![record.clone(); 2], None).unwrap();
        assert!(!Packet::parse(&short).unwrap().has_flags(PacketFlag::TRUNCATION));

        let by_tcp = Query { transport: Transport::Tcp, ..query.clone() };
        let whole = by_tcp.reply(&head, RCODE::NoError, true, vec![record.clone(); 3], None).unwrap();
        assert_eq!(Packet::parse(&whole).unwrap().answers.len(), 3);

        let long = query.reply(&head, RCODE::NoError, true, vec![record; 3], None).unwrap();
        let parsed = Packet::parse(&long).unwrap();
        assert!(long.len() <= REPLY_MIN);
        assert!(parsed.has_flags(PacketFlag::TRUNCATION));
        assert!(parsed.answers.is_empty());
    }
}
