//! Ctrl-C as the ordinary end of a command that has no other.

use std::{
    io,
    net::Shutdown,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use nix::sys::signal::{SigSet, Signal};

use crate::client::Client;

/// Knows whether the user has pressed Ctrl-C. From its start that ends the connection instead of the process; a second
/// time it ends the process as ever.
#[derive(Debug)]
pub(super) struct Interrupt {
    has_come: Arc<AtomicBool>,
}

impl Interrupt {
    pub(super) fn hang_up(client: &Client) -> io::Result<Self> {
        let connection = client.handle()?;
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        // Threads that start later inherit it, so that only the one that waits gets the signal.
        signals.thread_block()?;
        let has_come = Arc::new(AtomicBool::new(false));
        let wait = {
            let has_come = Arc::clone(&has_come);
            move || {
                if signals.wait().is_err() {
                    return;
                }
                has_come.store(true, Ordering::SeqCst);
                // Already closed is as good.
                let _ = connection.shutdown(Shutdown::Both);
                let _ = signals.thread_unblock();
                loop {
                    thread::park();
                }
            }
        };
        thread::Builder::new().name("interrupt".into()).spawn(wait)?;
        Ok(Self { has_come })
    }

    pub(super) fn has_come(&self) -> bool {
        self.has_come.load(Ordering::SeqCst)
    }
}
