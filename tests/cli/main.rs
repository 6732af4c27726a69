//! The command line as a user meets it: the real binary against a scripted engine.

mod fake_engine;
mod hostile;
mod ray;
mod refusals;
mod samples;
mod snapshot;
mod streams;
mod terminal;
mod verbs;
