//! No tunnel: the two hosts' own cables. What all others are compared with.

use std::net::IpAddr;

use super::{Contestant, RAW};
use crate::bench::{BenchError, site::Site};

#[derive(Debug)]
pub(super) struct Raw;

impl Contestant for Raw {
    fn name(&self) -> &'static str {
        RAW
    }

    fn version(&self) -> String {
        "veth, MTU 1500, over the lab's switch".to_owned()
    }

    fn programs(&self) -> Vec<String> {
        Vec::new()
    }

    fn prepare(&mut self, _site: &Site) -> Result<(), BenchError> {
        Ok(())
    }

    fn start(&mut self, _site: &Site) -> Result<(), BenchError> {
        Ok(())
    }

    fn addresses(&self, site: &Site) -> Result<[IpAddr; 2], BenchError> {
        site.underlay()
    }

    fn has_outages(&self) -> bool {
        false
    }
}
