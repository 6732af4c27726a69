//! The congestion controller of a link: how much may be under way on a path.
//!
//! The flows inside a tunnel have controllers of their own, so two things are asked of this one: never to stand in the way
//! of what the path can carry, and never to let a queue grow on the path, where it can neither be shared fairly between
//! flows nor be signalled to them. What does not fit waits in the link's own queue.
#![forbid(unsafe_code)]

mod window;

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use iroh::endpoint::{Controller, ControllerFactory, RttEstimator};

use self::window::Window;

/// Makes a controller for each path.
#[derive(Debug)]
pub(super) struct TunnelController;

impl ControllerFactory for TunnelController {
    fn build(self: Arc<Self>, now: Instant, _mtu: u16) -> Box<dyn Controller> {
        Box::new(OfPath { window: Window::default(), origin: now })
    }
}

/// One path's controller: turns the connection's events into those of the window.
#[derive(Debug, Clone)]
struct OfPath {
    window: Window,
    origin: Instant,
}

impl OfPath {
    fn since_origin(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.origin)
    }
}

impl Controller for OfPath {
    fn on_ack(&mut self, now: Instant, sent: Instant, bytes: u64, _: u64, app_limited: bool, _: &RttEstimator) {
        self.window.acked(self.since_origin(now), self.since_origin(sent), bytes, app_limited);
    }

    fn on_congestion_event(&mut self, _: Instant, _: Instant, persistent: bool, ecn: bool, lost: u64, _: u64) {
        if persistent {
            self.window.collapse();
        } else if ecn {
            self.window.marked();
        } else {
            self.window.lost(lost);
        }
    }

    fn on_mtu_update(&mut self, _: u16) {}

    fn window(&self) -> u64 {
        self.window.bytes()
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        Window::default().bytes()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
