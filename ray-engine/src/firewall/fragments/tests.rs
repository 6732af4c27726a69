//! The bounds of what is remembered of datagrams in pieces.

use super::*;
use crate::{
    ident::{PeerId, RoomId},
    packet::{Fragment, UDP},
};

#[test]
fn a_peer_pushes_out_its_own_oldest_only() {
    let fragments = Fragments::default();
    let bobs = first(&fragments, 2, 0, 0);
    assert!(bobs.is_ok());
    for id in 0..1000 {
        assert!(first(&fragments, 1, id, u64::from(id)).is_ok());
    }
    assert_eq!(fragments.len(), PEER_DATAGRAMS_MAX + 1);
    assert_eq!(rest(&fragments, 1, 0), Err(Denied::LonePiece));
    assert!(rest(&fragments, 1, 999).is_ok() && rest(&fragments, 2, 0).is_ok());
}

#[test]
fn all_peers_together_stay_within_the_bound() {
    let fragments = Fragments::default();
    assert!(first(&fragments, 200, 7, 0).is_ok());
    for peer in 0..40 {
        for id in 0..60 {
            assert!(first(&fragments, peer, id, 1).is_ok());
        }
    }
    assert_eq!(fragments.len(), DATAGRAMS_MAX);
    assert!(rest(&fragments, 200, 7).is_ok(), "who has one loses none to those who have many");
    fragments.sweep(DATAGRAM_TIMEOUT + 1);
    assert_eq!(fragments.len(), 0);
}

#[test]
fn no_piece_lies_behind_the_last() {
    let fragments = Fragments::default();
    assert!(first(&fragments, 1, 1, 0).is_ok());
    assert!(follow(&fragments, 1, Piece { id: 1, start: 30, end: 40, more: true }).is_ok());
    let refused = follow(&fragments, 1, Piece { id: 1, start: 10, end: 20, more: false });
    assert_eq!(refused, Err(Denied::OverlappingPiece));
    assert!(first(&fragments, 1, 2, 0).is_ok());
    assert!(follow(&fragments, 1, Piece { id: 2, start: 20, end: 30, more: false }).is_ok());
    for piece in [Piece { id: 2, start: 30, end: 40, more: true }, Piece { id: 2, start: 10, end: 12, more: false }] {
        assert!(follow(&fragments, 1, piece).is_err());
    }
}

fn first(fragments: &Fragments, peer: u8, id: u32, now: Millis) -> Result<(), Denied> {
    let piece = Piece { id, start: 0, end: 10, more: true };
    fragments.admit(&party(peer), Direction::In, &layout(piece), piece, 0, now)
}

fn rest(fragments: &Fragments, peer: u8, id: u32) -> Result<(), Denied> {
    follow(fragments, peer, Piece { id, start: 10, end: 20, more: false })
}

fn follow(fragments: &Fragments, peer: u8, piece: Piece) -> Result<(), Denied> {
    fragments.follow(&party(peer), Direction::In, &layout(piece), piece, 0, 1000)
}

fn party(peer: u8) -> Party {
    Party { peer: PeerId([peer; 32]), network: RoomId([8; 32]) }
}

fn layout(piece: Piece) -> Layout {
    Layout {
        src: IpAddr::from([100, 64, 0, 2]),
        dst: IpAddr::from([100, 64, 0, 1]),
        protocol: UDP,
        transport_at: 20,
        fragment: if piece.start == 0 { Fragment::First } else { Fragment::Later },
        piece: Some(piece),
        ports: None,
    }
}
