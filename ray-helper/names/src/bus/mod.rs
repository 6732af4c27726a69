//! A client of the system bus: calls, and the signals it has asked for.
