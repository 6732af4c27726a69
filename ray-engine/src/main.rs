//! Entry of the engine.
fn main() {}
