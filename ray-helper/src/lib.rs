//! The privileged half of Rayfish.
