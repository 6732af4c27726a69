//! A web server with one page, and the client for it.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use super::{ToolError, dns, failed};

pub const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest request head that is read.
const HEAD_LEN_MAX: u64 = 8 * 1024;
/// Longest answer that is kept.
const BODY_LEN_MAX: u64 = 1024 * 1024;

/// Serves `hello from <host name>` on every path, for ever. Prints the address when it listens.
pub fn serve(address: SocketAddr) -> Result<(), ToolError> {
    let listener = TcpListener::bind(address).map_err(failed(format!("listening on {address}")))?;
    println(&format!("listening on {address}"));
    // Each client's troubles are its own.
    for stream in listener.incoming().flatten() {
        thread::spawn(move || answer(stream));
    }
    Ok(())
}

/// Gets an `http://` URL; a host name is asked of `server`. The body, when the status is 200. An address that does not
/// answer within `timeout` is given up.
pub fn get(url: &str, server: Option<IpAddr>, timeout: Duration) -> Result<String, ToolError> {
    let (host, port, path) = split(url)?;
    let addresses = match (host.parse::<IpAddr>(), server) {
        (Ok(address), _) => vec![address],
        (Err(_), Some(server)) => dns::addresses(&host, server)?,
        (Err(_), None) => return Err(ToolError::new(format!("{host} is a name: say who resolves it with --dns"))),
    };
    let mut last = ToolError::new(format!("{host} has no address"));
    for address in addresses {
        match fetch(SocketAddr::new(address, port), &host, &path, timeout) {
            Ok(response) => return body_of(&response),
            Err(error) => last = failed(format!("getting {url} from {address}"))(error),
        }
    }
    Err(last)
}

fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut lines = BufReader::new((&stream).take(HEAD_LEN_MAX)).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let body = format!("hello from {}\n", name.trim());
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    (&stream).write_all((head + &body).as_bytes())
}

fn split(url: &str) -> Result<(String, u16, String), ToolError> {
    let malformed = || ToolError::new(format!("{url:?} is not http://HOST[:PORT][/PATH]"));
    let rest = url.strip_prefix("http://").ok_or_else(malformed)?;
    let (authority, path) = rest.split_once('/').map_or((rest, "/".to_owned()), |(a, path)| (a, format!("/{path}")));
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or_else(malformed)?;
        (host, rest.strip_prefix(':'))
    } else {
        authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))
    };
    let port = port.map_or(Ok(80), |port| port.parse().map_err(|_| malformed()))?;
    if host.is_empty() { Err(malformed()) } else { Ok((host.to_owned(), port, path)) }
}

fn fetch(address: SocketAddr, host: &str, path: &str, timeout: Duration) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.take(BODY_LEN_MAX).read_to_string(&mut response)?;
    Ok(response)
}

fn body_of(response: &str) -> Result<String, ToolError> {
    let (head, body) = response.split_once("\r\n\r\n").ok_or_else(|| ToolError::new("the answer is not HTTP"))?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        return Ok(body.to_owned());
    }
    Err(ToolError::new(format!("the server answered {status}")))
}

fn println(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody may be reading.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_names_and_both_kinds_of_addresses() {
        assert_eq!(split("http://n2.home.ray:8000/x").unwrap(), ("n2.home.ray".into(), 8000, "/x".into()));
        assert_eq!(split("http://[200::1]").unwrap(), ("200::1".into(), 80, "/".into()));
    }

    #[test]
    fn refuses_what_is_not_an_http_url() {
        for url in ["https://x", "http://", "http://[200::1", "http://x:port"] {
            assert!(split(url).is_err(), "{url}");
        }
    }

    #[test]
    fn refuses_an_answer_that_is_not_ok() {
        assert!(body_of("HTTP/1.1 404 Not Found\r\n\r\nno").is_err());
        assert_eq!(body_of("HTTP/1.1 200 OK\r\n\r\nyes").unwrap(), "yes");
    }

    #[test]
    fn refuses_a_name_without_a_resolver() {
        assert!(get("http://n2.home.ray/", None, TIMEOUT).is_err());
    }
}
