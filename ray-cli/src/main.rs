//! Entry of the command line.
fn main() {}
