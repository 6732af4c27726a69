//! Resolvers that answer every name with one address each, and remember what they were asked.

use std::{
    fs::File,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    sync::{Arc, Mutex},
    thread,
};

use nix::sched::{CloneFlags, setns};
use simple_dns::{
    CLASS, Packet, PacketFlag, RCODE, ResourceRecord,
    rdata::{A, RData},
};

/// Long enough for no program to ask again within a test, were it not for an emptied cache.
const TTL: u32 = 300;

/// What one resolver was asked, a name a line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    /// What it was asked since the last look.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Answers at `addresses` in the network namespace `namespace` until the test ends.
pub(crate) fn serve(namespace: &str, addresses: &[IpAddr], answer: Ipv4Addr) -> Asked {
    let asked = Asked::default();
    for address in addresses {
        let (namespace, address, asked) = (File::open(namespace).unwrap(), *address, asked.clone());
        let (ready, is_ready) = std::sync::mpsc::channel();
        thread::spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
            let socket = UdpSocket::bind((address, 53)).unwrap();
            ready.send(()).unwrap();
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                if let Some(reply) = reply(&buffer[..length], answer, &asked) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        is_ready.recv().unwrap();
    }
    asked
}

fn reply(query: &[u8], answer: Ipv4Addr, asked: &Asked) -> Option<Vec<u8>> {
    let query = Packet::parse(query).ok()?;
    let question = query.questions.first()?;
    asked.0.lock().unwrap().push(question.qname.to_string());
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    // The host's own search domain has nobody in it.
    if question.qname.to_string().ends_with(".home.example") {
        *reply.rcode_mut() = RCODE::NameError;
    } else if question.qtype == simple_dns::QTYPE::TYPE(simple_dns::TYPE::A) {
        let data = RData::A(A { address: answer.to_bits() });
        reply.answers.push(ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL, data));
    }
    reply.questions.push(question.clone());
    reply.build_bytes_vec().ok()
}
