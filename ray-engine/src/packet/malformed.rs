//! Why bytes are not an IP packet that we handle.

use std::fmt;

/// One variant per check of the parser. None of them reaches a peer or a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    ShortHeader,
    Version,
    HeaderLength,
    TotalLength,
    HeaderChecksum,
    BadOption,
    SourceRoute,
    RoutingHeader,
    Jumbo,
    ExtensionLength,
    ExtensionOrder,
    ExtensionCount,
    FragmentBounds,
    TinyFragment,
    ShortTransport,
    TcpHeaderLength,
    TcpFlags,
    UdpLength,
    Offload,
}

impl Malformed {
    pub const ALL: [Self; 19] = [
        Self::ShortHeader,
        Self::Version,
        Self::HeaderLength,
        Self::TotalLength,
        Self::HeaderChecksum,
        Self::BadOption,
        Self::SourceRoute,
        Self::RoutingHeader,
        Self::Jumbo,
        Self::ExtensionLength,
        Self::ExtensionOrder,
        Self::ExtensionCount,
        Self::FragmentBounds,
        Self::TinyFragment,
        Self::ShortTransport,
        Self::TcpHeaderLength,
        Self::TcpFlags,
        Self::UdpLength,
        Self::Offload,
    ];

    /// The name of its drop counter.
    pub fn name(self) -> &'static str {
        match self {
            Self::ShortHeader => "malformed_short_header",
            Self::Version => "malformed_version",
            Self::HeaderLength => "malformed_header_length",
            Self::TotalLength => "malformed_total_length",
            Self::HeaderChecksum => "malformed_header_checksum",
            Self::BadOption => "malformed_bad_option",
            Self::SourceRoute => "malformed_source_route",
            Self::RoutingHeader => "malformed_routing_header",
            Self::Jumbo => "malformed_jumbo",
            Self::ExtensionLength => "malformed_extension_length",
            Self::ExtensionOrder => "malformed_extension_order",
            Self::ExtensionCount => "malformed_extension_count",
            Self::FragmentBounds => "malformed_fragment_bounds",
            Self::TinyFragment => "malformed_tiny_fragment",
            Self::ShortTransport => "malformed_short_transport",
            Self::TcpHeaderLength => "malformed_tcp_header_length",
            Self::TcpFlags => "malformed_tcp_flags",
            Self::UdpLength => "malformed_udp_length",
            Self::Offload => "malformed_offload",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShortHeader => "the packet ends inside its IP header",
            Self::Version => "the IP version is neither 4 nor 6",
            Self::HeaderLength => "the IPv4 header length is below its minimum",
            Self::TotalLength => "the IP length differs from the packet's",
            Self::HeaderChecksum => "the IPv4 header checksum is wrong",
            Self::BadOption => "an IP option has a wrong length",
            Self::SourceRoute => "an IPv4 option asks for source routing",
            Self::RoutingHeader => "an IPv6 routing header is present",
            Self::Jumbo => "the packet is an IPv6 jumbogram",
            Self::ExtensionLength => "an IPv6 extension header ends behind the packet",
            Self::ExtensionOrder => "an IPv6 extension header stands where it may not",
            Self::ExtensionCount => "there are too many IPv6 extension headers",
            Self::FragmentBounds => "a fragment has an impossible size or offset",
            Self::TinyFragment => "a fragment cuts through the upper-layer header",
            Self::ShortTransport => "the packet ends inside its upper-layer header",
            Self::TcpHeaderLength => "the TCP header length is impossible",
            Self::TcpFlags => "the TCP flags are a combination that no host sends",
            Self::UdpLength => "the UDP length differs from the packet's",
            Self::Offload => "the offload fields contradict the packet",
        })
    }
}

impl std::error::Error for Malformed {}
