//! Resolvers of a host on the loopback: good ones, dead ones, slow ones, and those who are none.
