//! Datagrams and TCP writes of every size, bursts, and a steady flow: each byte is known to both ends, and what is lost,
//! damaged, late or out of order is told apart.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

/// Datagrams that wait for their answer at a time: no queue on the way overflows by these.
const WINDOW: usize = 16;
/// After so long without an answer, those that wait for one are lost for this round.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Rounds for what was lost before; what is lost in all of them is lost for its size.
const ROUNDS: usize = 4;
/// Between two bursts: far below what any way here takes.
const BURST_PACE: Duration = Duration::from_millis(20);
/// After the last burst.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// What goes through a connection at once, each way, behind the single writes.
const BULK_LEN: usize = 4 * 1024 * 1024;
const CHUNK_LEN: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
const DATAGRAM_MAX: usize = 65_507;
/// The length of the number that a datagram of a burst begins with.
const NUMBER_LEN: usize = 8;

/// What became of an exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub udp: Sized,
    pub tcp: Sized,
    /// Bytes that went through the connection at once, each way, and whether they were right.
    pub bulk_bytes: usize,
    pub bulk_right: bool,
}

/// What became of one exchange of each size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sized {
    pub sent: usize,
    pub arrived: usize,
    /// Sizes that took more than one attempt.
    pub repeated: usize,
    /// Sizes whose content was not what was sent, there or back.
    pub damaged: BTreeSet<usize>,
    /// Sizes that never arrived.
    pub missing: BTreeSet<usize>,
    /// Answers that came behind a later one.
    pub reordered: usize,
}

/// What became of a stream of bursts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bursts {
    pub schema: String,
    pub sent: u64,
    pub answered: u64,
    pub damaged: u64,
    pub reordered: u64,
}

/// What became of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    pub schema: String,
    pub bytes: u64,
    pub seconds: f64,
    /// The longest time without a word from the other end.
    pub silence_ms: u64,
    /// Whether all bytes arrived there, and were right.
    pub right: bool,
}

impl Report {
    pub fn intact(&self) -> bool {
        let whole = |sized: &Sized| sized.arrived == sized.sent && sized.damaged.is_empty() && sized.missing.is_empty();
        whole(&self.udp) && whole(&self.tcp) && self.bulk_right
    }
}

/// Who says a content, so that an echo of our own words is no answer.
#[derive(Debug, Clone, Copy)]
enum Voice {
    Asks,
    Answers,
    /// Answers what was not as expected.
    Complains,
}

/// The content of a message: nothing in it repeats, and nothing is like another's. (SplitMix64.)
fn content(voice: Voice, message: u64, len: usize) -> Vec<u8> {
    let mut state = (message << 2 | voice as u64).wrapping_mul(0xd134_2543_de82_ef95);
    let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// What answers a message: the other voice where it was right.
fn answer(message: u64, heard: &[u8]) -> Vec<u8> {
    let right = heard == content(Voice::Asks, message, heard.len());
    content(if right { Voice::Answers } else { Voice::Complains }, message, heard.len())
}

/// Answers sizes at `port`, bursts at the one above (UDP), and flows there (TCP), for ever.
pub fn serve(port: u16, listening: impl FnOnce()) -> Result<(), ToolError> {
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let what = |port| format!("listening on port {port}");
    let above = port.checked_add(1).ok_or_else(|| ToolError::new("there is no port above that one"))?;
    let sizes = UdpSocket::bind(any(port)).map_err(failed(what(port)))?;
    let numbered = UdpSocket::bind(any(above)).map_err(failed(what(above)))?;
    let writes = TcpListener::bind(any(port)).map_err(failed(what(port)))?;
    let flows = TcpListener::bind(any(above)).map_err(failed(what(above)))?;
    listening();
    thread::spawn(move || answer_datagrams(&sizes, |heard| Some(answer(heard.len() as u64, heard))));
    thread::spawn(move || answer_datagrams(&numbered, answer_numbered));
    thread::spawn(move || answer_connections(&flows, answer_flow));
    answer_connections(&writes, answer_writes);
    Ok(())
}

fn answer_datagrams(socket: &UdpSocket, answer: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        // An error is about an earlier answer that did not arrive; that is seen at the other end.
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(answer) = answer(buffer.get(..len).unwrap_or_default()) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn answer_numbered(heard: &[u8]) -> Option<Vec<u8>> {
    let (number, rest) = heard.split_first_chunk::<NUMBER_LEN>()?;
    Some([number.as_slice(), &answer(u64::from_be_bytes(*number), rest)].concat())
}

fn answer_connections(listener: &TcpListener, answer: fn(TcpStream) -> io::Result<()>) {
    for stream in listener.incoming().flatten() {
        // What went wrong is seen at the other end.
        thread::spawn(move || drop(ready(&stream).and_then(|()| answer(stream))));
    }
}

fn answer_writes(mut stream: TcpStream) -> io::Result<()> {
    loop {
        let len = usize::try_from(read_number(&mut stream)?).map_err(io::Error::other)?;
        if len == 0 || len > BULK_LEN {
            return Ok(());
        }
        let mut heard = vec![0; len];
        stream.read_exact(&mut heard)?;
        stream.write_all(&answer(len as u64, &heard))?;
    }
}

/// Answers each chunk with the number of bytes that were right up to its end.
fn answer_flow(mut stream: TcpStream) -> io::Result<()> {
    let (mut total, mut chunk_number) = (0u64, 0u64);
    loop {
        let mut heard = vec![0; CHUNK_LEN];
        let mut len = 0;
        while let Some(rest) = heard.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match stream.read(rest)? {
                0 => break,
                more => len += more,
            }
        }
        let said = content(Voice::Asks, chunk_number, CHUNK_LEN);
        if heard.get(..len) != said.get(..len) {
            return Ok(());
        }
        (total, chunk_number) = (total + len as u64, chunk_number + 1);
        stream.write_all(&total.to_be_bytes())?;
        if len < CHUNK_LEN {
            return Ok(());
        }
    }
}

/// Exchanges datagrams and writes of the sizes 1 to `max`, every `step`th and the last one, and a lot at once.
pub fn ask(target: SocketAddr, max: usize, step: usize) -> Result<Report, ToolError> {
    if max == 0 || max > DATAGRAM_MAX || step == 0 {
        return Err(ToolError::new(format!("sizes go from 1 to {DATAGRAM_MAX}, by steps of 1 or more")));
    }
    let sizes: BTreeSet<usize> = (1..=max).step_by(step).chain([max]).collect();
    let udp = exchange_datagrams(target, &sizes).map_err(failed(format!("exchanging datagrams with {target}")))?;
    let mut stream = connect(target).map_err(failed(format!("connecting to {target}")))?;
    let mut tcp = Sized { sent: sizes.len(), ..Sized::default() };
    let mut exchange = |len: usize| -> io::Result<bool> {
        // One write each for the length and the content: the latter goes out as a segment of its own.
        stream.write_all(&(len as u64).to_be_bytes())?;
        stream.write_all(&content(Voice::Asks, len as u64, len))?;
        let mut heard = vec![0; len];
        stream.read_exact(&mut heard)?;
        Ok(heard == content(Voice::Answers, len as u64, len))
    };
    for size in sizes {
        let Ok(right) = exchange(size) else {
            // A connection that has stood still says nothing about what comes behind.
            tcp.missing.insert(size);
            break;
        };
        tcp.arrived += 1;
        if !right {
            tcp.damaged.insert(size);
        }
    }
    let bulk_right = tcp.missing.is_empty() && exchange(BULK_LEN).unwrap_or(false);
    Ok(Report { schema: "ray.lab.sizes/1".to_owned(), udp, tcp, bulk_bytes: BULK_LEN, bulk_right })
}

fn exchange_datagrams(target: SocketAddr, sizes: &BTreeSet<usize>) -> io::Result<Sized> {
    let socket = open(target)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let mut sized = Sized { sent: sizes.len(), missing: sizes.clone(), ..Sized::default() };
    for round in 0..ROUNDS {
        let wanted: Vec<usize> = sized.missing.iter().copied().collect();
        if round > 0 {
            sized.repeated = sized.repeated.max(wanted.len());
        }
        let (mut unsent, mut waiting, mut highest) = (wanted.into_iter().peekable(), BTreeSet::new(), 0);
        while unsent.peek().is_some() || !waiting.is_empty() {
            while waiting.len() < WINDOW
                && let Some(size) = unsent.next()
            {
                // The kernel may refuse one to say that it learnt of a smaller MTU; there is a next round.
                let _ = socket.send_to(&content(Voice::Asks, size as u64, size), target);
                waiting.insert(size);
            }
            let Some((size, right)) = hear(&socket)? else {
                waiting.clear();
                continue;
            };
            waiting.remove(&size);
            if !right {
                sized.damaged.insert(size);
            }
            // A second answer to one that was sent again says nothing about order.
            if sized.missing.remove(&size) {
                sized.arrived += 1;
                sized.reordered += usize::from(size < highest);
                highest = highest.max(size);
            }
        }
    }
    Ok(sized)
}

/// The size of the next answer and whether it is right; `None` when there was none for long enough.
fn hear(socket: &UdpSocket) -> io::Result<Option<(usize, bool)>> {
    let mut buffer = vec![0; DATAGRAM_MAX];
    match socket.recv_from(&mut buffer) {
        Ok((len, _)) => Ok(Some((len, buffer.get(..len) == Some(&content(Voice::Answers, len as u64, len))))),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends `count` bursts of so many numbered datagrams of `size` bytes each, each burst with one call.
pub fn bursts(target: SocketAddr, count: u64, segments: u64, size: usize) -> Result<Bursts, ToolError> {
    let burst_len = usize::try_from(segments).unwrap_or(usize::MAX).saturating_mul(size);
    if size < NUMBER_LEN || segments == 0 || burst_len > DATAGRAM_MAX {
        return Err(ToolError::new(format!("a burst has up to {DATAGRAM_MAX} bytes, a datagram {NUMBER_LEN} or more")));
    }
    let target = SocketAddr::new(target.ip(), target.port().saturating_add(1));
    exchange_bursts(target, count, segments, size).map_err(failed(format!("sending bursts to {target}")))
}

fn exchange_bursts(target: SocketAddr, count: u64, segments: u64, size: usize) -> io::Result<Bursts> {
    let socket = open(target)?;
    if segments > 1 {
        setsockopt(&socket, UdpGsoSegment, &i32::try_from(size).map_err(io::Error::other)?)?;
    }
    socket.set_read_timeout(Some(LAST_ANSWERS))?;
    let listener = socket.try_clone()?;
    let heard = thread::spawn(move || hear_bursts(&listener, count.saturating_mul(segments), size));
    let mut sent = 0;
    for _ in 0..count {
        let mut burst = Vec::new();
        for number in sent..sent + segments {
            burst.extend_from_slice(&number.to_be_bytes());
            burst.extend_from_slice(&content(Voice::Asks, number, size - NUMBER_LEN));
        }
        socket.send_to(&burst, target)?;
        sent += segments;
        thread::sleep(BURST_PACE);
    }
    let heard = heard.join().map_err(|_| io::Error::other("a thread died"))??;
    Ok(Bursts { schema: "ray.lab.bursts/1".to_owned(), sent, ..heard })
}

fn hear_bursts(socket: &UdpSocket, expected: u64, size: usize) -> io::Result<Bursts> {
    let (mut bursts, mut highest, mut buffer) = (Bursts::default(), None, vec![0; DATAGRAM_MAX]);
    while bursts.answered < expected {
        let len = match socket.recv_from(&mut buffer) {
            Ok((len, _)) => len,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(error) => return Err(error),
        };
        let Some((number, rest)) = buffer.get(..len).and_then(<[u8]>::split_first_chunk::<NUMBER_LEN>) else {
            bursts.damaged += 1;
            continue;
        };
        let number = u64::from_be_bytes(*number);
        bursts.answered += 1;
        bursts.damaged += u64::from(rest != content(Voice::Answers, number, size - NUMBER_LEN));
        bursts.reordered += u64::from(highest.is_some_and(|highest| number < highest));
        highest = highest.max(Some(number));
    }
    Ok(bursts)
}

/// Sends as fast as it goes until `ended` says so, and watches for the other end's silence meanwhile.
pub fn flow(target: SocketAddr, ended: impl Fn() -> bool + Send + 'static) -> Result<Flow, ToolError> {
    let target = SocketAddr::new(target.ip(), target.port().saturating_add(1));
    let stream = connect(target).map_err(failed(format!("connecting to {target}")))?;
    run_flow(&stream, ended).map_err(failed(format!("sending to {target}")))
}

fn run_flow(stream: &TcpStream, ended: impl Fn() -> bool + Send + 'static) -> io::Result<Flow> {
    let started = Instant::now();
    let mut writing = stream.try_clone()?;
    let writer = thread::spawn(move || -> io::Result<u64> {
        let mut chunk_number = 0;
        while !ended() {
            writing.write_all(&content(Voice::Asks, chunk_number, CHUNK_LEN))?;
            chunk_number += 1;
        }
        writing.shutdown(Shutdown::Write)?;
        Ok(chunk_number * CHUNK_LEN as u64)
    });
    let (mut confirmed, mut silence, mut last) = (0, Duration::ZERO, Instant::now());
    let mut reading = stream;
    while let Ok(total) = read_number(&mut reading) {
        confirmed = total;
        silence = silence.max(last.elapsed());
        last = Instant::now();
    }
    let sent = writer.join().map_err(|_| io::Error::other("a thread died"))??;
    Ok(Flow {
        schema: "ray.lab.flow/1".to_owned(),
        bytes: confirmed,
        seconds: started.elapsed().as_secs_f64(),
        silence_ms: u64::try_from(silence.max(last.elapsed()).as_millis()).unwrap_or(u64::MAX),
        right: confirmed == sent,
    })
}

fn open(target: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0))
}

fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&target, CONNECT_TIMEOUT)?;
    ready(&stream)?;
    Ok(stream)
}

fn ready(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))
}

fn read_number(stream: &mut impl Read) -> io::Result<u64> {
    let mut number = [0; 8];
    stream.read_exact(&mut number)?;
    Ok(u64::from_be_bytes(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn no_two_contents_are_alike() {
        let contents: BTreeSet<Vec<u8>> = [Voice::Asks, Voice::Answers, Voice::Complains]
            .into_iter()
            .flat_map(|voice| (0..500).map(move |message| content(voice, message, 64)))
            .collect();
        assert_eq!(contents.len(), 1500);
        assert_eq!(content(Voice::Asks, 7, 13), content(Voice::Asks, 7, 64)[..13]);
    }

    #[test]
    fn finds_nothing_wrong_where_nothing_is() {
        let target = server();
        let report = ask(target, 1300, 7).unwrap();
        assert!(report.intact(), "{report:?}");
        assert_eq!((report.udp.sent, report.udp.reordered), (187, 0));
        let bursts = bursts(target, 3, 40, 1200).unwrap();
        assert_eq!((bursts.sent, bursts.answered, bursts.damaged, bursts.reordered), (120, 120, 0, 0));
        let started = Instant::now();
        let flow = flow(target, move || started.elapsed() > Duration::from_millis(200)).unwrap();
        assert!(flow.right && flow.bytes > 0, "{flow:?}");
    }

    #[test]
    fn tells_damaged_sizes_from_missing_ones_and_both_from_late_ones() {
        let far = UdpSocket::bind((HERE, 0)).unwrap();
        let target = far.local_addr().unwrap();
        // Size 3 never arrives, 5 only at the second time, 7 is damaged on its way, 9 on its way back, 11 comes behind 12.
        thread::spawn(move || {
            let (mut buffer, mut fives, mut held) = (vec![0; 100], 0, None);
            while let Ok((len, from)) = far.recv_from(&mut buffer) {
                if len == 3 || (len == 5 && std::mem::replace(&mut fives, 1) == 0) {
                    continue;
                }
                buffer[0] ^= u8::from(len == 7);
                let mut reply = answer(len as u64, &buffer[..len]);
                reply[0] ^= u8::from(len == 9);
                if len == 11 && held.is_none() {
                    held = Some(reply);
                    continue;
                }
                far.send_to(&reply, from).unwrap();
                if len == 12
                    && let Some(held) = &held
                {
                    far.send_to(held, from).unwrap();
                }
            }
        });
        let sized = exchange_datagrams(target, &(1..=20).collect()).unwrap();
        assert_eq!(sized.missing, BTreeSet::from([3]));
        assert_eq!(sized.damaged, BTreeSet::from([7, 9]));
        assert_eq!((sized.sent, sized.arrived, sized.repeated, sized.reordered), (20, 19, 2, 1));
    }

    #[test]
    fn a_burst_shows_what_was_lost_of_it_and_in_which_order_it_came() {
        let far = UdpSocket::bind((HERE, 0)).unwrap();
        let target = far.local_addr().unwrap();
        thread::spawn(move || {
            let (mut buffer, mut held) = (vec![0; 100], None);
            while let Ok((len, from)) = far.recv_from(&mut buffer) {
                let reply = answer_numbered(&buffer[..len]).unwrap();
                match u64::from_be_bytes(*reply.first_chunk().unwrap()) {
                    2 => {}
                    4 => held = Some(reply),
                    5 => {
                        far.send_to(&reply, from).unwrap();
                        far.send_to(held.as_deref().unwrap(), from).unwrap();
                    }
                    _ => drop(far.send_to(&reply, from).unwrap()),
                }
            }
        });
        let bursts = exchange_bursts(target, 1, 10, 50).unwrap();
        assert_eq!((bursts.sent, bursts.answered, bursts.damaged, bursts.reordered), (10, 9, 0, 1));
    }

    #[test]
    fn a_flow_with_a_wrong_byte_or_a_pause_shows() {
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(150));
            answer_flow(far)
        });
        let started = Instant::now();
        let report = run_flow(&stream, move || started.elapsed() > Duration::from_millis(200)).unwrap();
        assert!(report.right && report.silence_ms >= 150, "{report:?}");

        let mut wrong = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        thread::spawn(move || answer_flow(far));
        wrong.write_all(&content(Voice::Asks, 1, 100)).unwrap();
        wrong.shutdown(Shutdown::Write).unwrap();
        assert!(read_number(&mut wrong).is_err(), "nothing of it was confirmed");
    }

    #[test]
    fn refuses_what_no_datagram_can_be() {
        let target = SocketAddr::new(HERE, 9);
        assert!(ask(target, DATAGRAM_MAX + 1, 1).is_err());
        assert!(ask(target, 10, 0).is_err());
        assert!(bursts(target, 1, 60, 1200).is_err());
        assert!(bursts(target, 1, 1, NUMBER_LEN - 1).is_err());
    }

    fn server() -> SocketAddr {
        let free = TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port();
        let (tell, told) = std::sync::mpsc::channel();
        thread::spawn(move || serve(free, || tell.send(()).unwrap()));
        told.recv().unwrap();
        SocketAddr::new(HERE, free)
    }
}
