//! A TCP connection that stays open and busy, to see when it is cut.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use super::{ToolError, failed, reach};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two words; a connection that is cut shows at the next one.
const PACE: Duration = Duration::from_millis(20);

/// Has a word echoed, again and again, and tells how often that went well. Returns the name of the error that ended it.
pub fn hold(target: SocketAddr, mut told: impl FnMut(u64)) -> Result<String, ToolError> {
    let stream = TcpStream::connect_timeout(&target, CONNECT_TIMEOUT);
    let stream = stream.map_err(failed(format!("connecting to {target}")))?;
    for count in 1.. {
        match echo(&stream) {
            Ok(()) => told(count),
            Err(error) => return Ok(reach::name_of(&error)),
        }
        thread::sleep(PACE);
    }
    Err(ToolError::new("no more numbers"))
}

/// Has a word echoed, says nothing until `wait` returns, and has another one echoed.
pub fn idle(target: SocketAddr, wait: impl FnOnce()) -> Result<(), ToolError> {
    let stream = TcpStream::connect_timeout(&target, CONNECT_TIMEOUT);
    let stream = stream.map_err(failed(format!("connecting to {target}")))?;
    echo(&stream).map_err(failed("the first word"))?;
    wait();
    echo(&stream).map_err(failed("the word after a long silence"))
}

fn echo(mut stream: &TcpStream) -> io::Result<()> {
    stream.write_all(b"held")?;
    stream.read_exact(&mut [0; 4])
}
