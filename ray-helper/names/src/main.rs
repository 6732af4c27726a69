//! Entry of `ray-names`.

fn main() {}
