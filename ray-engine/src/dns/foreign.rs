//! A question about a name that is not ours: how it is passed on, and what of the answer its client gets.

use super::{
    heard::{self, Heard},
    message::{FLAG_RESPONSE, FLAG_TRUNCATED, HEADER_LEN, Head, Query, push_opt},
};

/// What of a client's flags is passed on: recursion desired, authentic data, checking disabled.
const FLAGS_PASSED: u16 = 0x0130;
/// We would ask for it.
const FLAG_RECURSION_AVAILABLE: u16 = 0x0080;
const RCODE_SERVER_FAILURE: u16 = 2;
const RCODE_REFUSED: u16 = 5;

/// A well-formed question of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    id: u16,
    /// Operation and flags as they come back in a reply.
    echo: u16,
    asked: Question,
    /// As the client wrote it.
    question: Vec<u8>,
    limit: usize,
}

/// What decides about the answer. Clients that ask the same may share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// In lower case: name, type and class.
    lower: Vec<u8>,
    flags: u16,
    /// Whether the client speaks EDNS, and then whether it wants signatures.
    edns: Option<bool>,
}

/// A question on its way to other resolvers, in a spelling that only they and we know.
#[derive(Debug, Clone)]
pub struct Exchange {
    asked: Question,
    spelt: Vec<u8>,
}

impl Foreign {
    pub(super) fn new(head: &Head, query: &Query<'_>) -> Self {
        let mut question = Vec::new();
        for label in &query.labels {
            question.push(u8::try_from(label.len()).unwrap_or_default());
            question.extend_from_slice(label);
        }
        question.push(0);
        question.extend_from_slice(&query.qtype.to_be_bytes());
        question.extend_from_slice(&query.qclass.to_be_bytes());
        let asked = Question {
            lower: question.to_ascii_lowercase(),
            flags: head.flags & FLAGS_PASSED,
            edns: query.edns.map(|edns| edns.wants_signatures),
        };
        Self { id: head.id, echo: head.flags & 0x0100, asked, question, limit: query.limit() }
    }

    pub fn question(&self) -> &Question {
        &self.asked
    }

    /// The question as it is spelt here; what has come back to where it came from is spelt as it was sent.
    pub fn spelling(&self) -> &[u8] {
        &self.question
    }

    /// The question for other resolvers. `random` decides about the spelling.
    pub fn exchange(&self, random: u64) -> Exchange {
        let mut spelt = self.asked.lower.clone();
        let name_len = spelt.len().saturating_sub(4);
        let letters = spelt.iter_mut().take(name_len).filter(|byte| byte.is_ascii_lowercase());
        for (letter, at) in letters.zip((0..u64::BITS).cycle()) {
            if random >> at & 1 == 1 {
                letter.make_ascii_uppercase();
            }
        }
        Exchange { asked: self.asked.clone(), spelt }
    }

    /// Nobody else is asked.
    pub fn refusal(&self) -> Vec<u8> {
        self.bare(RCODE_REFUSED)
    }

    /// Nobody else has answered.
    pub fn failure(&self) -> Vec<u8> {
        self.bare(FLAG_RECURSION_AVAILABLE | RCODE_SERVER_FAILURE)
    }

    /// What another resolver has said to an exchange of the same question, for this client: with its id and its spelling, and
    /// cut to the question where the client does not take so much.
    pub fn relay(&self, answer: &[u8]) -> Vec<u8> {
        let answered = heard::flags(answer).filter(|_| answer.len() >= HEADER_LEN + self.question.len());
        let Some(flags) = answered else { return self.failure() };
        if answer.len() > self.limit {
            return self.bare(flags | FLAG_TRUNCATED);
        }
        let mut reply = answer.to_vec();
        let places = [(0, &self.id.to_be_bytes()[..]), (HEADER_LEN, &self.question)];
        for (at, bytes) in places {
            if let Some(place) = reply.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        }
        reply
    }

    /// A reply without records.
    fn bare(&self, flags: u16) -> Vec<u8> {
        let mut reply = header(self.id, FLAG_RESPONSE | self.echo | flags, self.asked.edns.is_some());
        reply.extend_from_slice(&self.question);
        if let Some(wants_signatures) = self.asked.edns {
            push_opt(&mut reply, 0, wants_signatures);
        }
        reply
    }
}

impl Exchange {
    pub fn question(&self) -> &Question {
        &self.asked
    }

    /// As [`Foreign::spelling`].
    pub fn spelling(&self) -> &[u8] {
        &self.spelt
    }

    /// Whether the name is long enough for its spelling to be no chance.
    pub fn is_distinctive(&self) -> bool {
        let name_len = self.spelt.len().saturating_sub(4);
        self.spelt.iter().take(name_len).filter(|byte| byte.is_ascii_alphabetic()).count() >= DISTINCTIVE_LETTERS
            && self.spelt != self.asked.lower
    }

    /// The query, whole.
    pub fn query(&self, id: u16) -> Vec<u8> {
        let mut query = header(id, self.asked.flags, self.asked.edns.is_some());
        query.extend_from_slice(&self.spelt);
        if let Some(wants_signatures) = self.asked.edns {
            push_opt(&mut query, 0, wants_signatures);
        }
        query
    }

    /// What bytes that came back are to the query of that id.
    pub fn hear(&self, id: u16, bytes: &[u8]) -> Heard {
        heard::hear(id, &self.asked.lower, bytes)
    }
}

/// One in 256 names of so many letters is spelt by chance as it was sent.
const DISTINCTIVE_LETTERS: usize = 8;

fn header(id: u16, flags: u16, edns: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    for word in [id, flags, 1, 0, 0, u16::from(edns)] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests;
