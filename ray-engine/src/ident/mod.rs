//! Who and where: the values that name nodes, networks and addresses. Layer 0: no IO, no clock.

mod address;
mod clock;
mod hostname;
mod network;
mod peer;

pub use self::{
    address::{
        CollisionIndex, MAGIC_V4, MAGIC_V6, MESH_V4, MESH_V4_PREFIX, MESH_V6, MESH_V6_PREFIX, is_mesh_address, mesh_v4,
        mesh_v6,
    },
    clock::UnixTime,
    hostname::{Hostname, NameError},
    network::{NetworkName, RoomId},
    peer::PeerId,
};
