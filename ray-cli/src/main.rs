//! Entry of `ray`. All of it is in the library, so that the manuals are made from the very same definition.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ray_cli::run()
}
