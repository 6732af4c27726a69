//! The lab on the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    ray_tests::cli::run().into()
}
