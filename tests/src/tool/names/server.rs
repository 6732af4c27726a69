//! A DNS server for public names that only a test knows, over UDP and TCP.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    super::{ToolError, failed},
    zone::{Entry, Zone},
};

const PORT: u16 = 53;
/// Longest question; a real one is far shorter.
const QUERY_LEN_MAX: usize = 4096;
/// How long a client may keep a connection without a question.
const STREAM_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves `entries` at `address` for ever. Tells each question: how it came, its name and its type.
pub fn serve(
    address: IpAddr,
    entries: Vec<Entry>,
    listening: impl FnOnce(),
    told: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), ToolError> {
    let zone = Arc::new(Zone::new(entries));
    let told: Arc<dyn Fn(&str) + Send + Sync> = Arc::new(told);
    let at = SocketAddr::new(address, PORT);
    let udp = UdpSocket::bind(at).map_err(failed(format!("listening on {at}")))?;
    let tcp = TcpListener::bind(at).map_err(failed(format!("listening on {at}")))?;
    listening();
    let (streams, tell) = (Arc::clone(&zone), Arc::clone(&told));
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let (zone, told) = (Arc::clone(&streams), Arc::clone(&tell));
            thread::spawn(move || converse(&zone, stream, &*told));
        }
    });
    let mut query = vec![0; QUERY_LEN_MAX];
    loop {
        // The last answer's recipient may be gone, which the kernel tells with the next question.
        let Ok((len, client)) = udp.recv_from(&mut query) else { continue };
        let Some(reply) = zone.answer(query.get(..len).unwrap_or_default(), false) else { continue };
        told(&format!("udp {}", reply.asked));
        if reply.bytes.is_empty() {
            continue;
        }
        if reply.delay.is_zero() {
            let _ = udp.send_to(&reply.bytes, client);
        } else if let Ok(udp) = udp.try_clone() {
            thread::spawn(move || {
                thread::sleep(reply.delay);
                let _ = udp.send_to(&reply.bytes, client);
            });
        }
    }
}

fn converse(zone: &Zone, mut stream: TcpStream, told: &dyn Fn(&str)) -> io::Result<()> {
    stream.set_read_timeout(Some(STREAM_TIMEOUT))?;
    stream.set_write_timeout(Some(STREAM_TIMEOUT))?;
    loop {
        let mut len = [0; 2];
        stream.read_exact(&mut len)?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
        stream.read_exact(&mut query)?;
        let Some(reply) = zone.answer(&query, true) else { return Ok(()) };
        told(&format!("tcp {}", reply.asked));
        thread::sleep(reply.delay);
        let len = u16::try_from(reply.bytes.len()).map_err(io::Error::other)?;
        stream.write_all(&[len.to_be_bytes().as_slice(), &reply.bytes].concat())?;
    }
}
