//! Entry of the helper.
fn main() {}
