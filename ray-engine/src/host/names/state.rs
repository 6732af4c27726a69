//! What is wanted of the host's DNS settings, and how they stand, as far as the engine was told.

use ray_ipc::names::{Backend, Mode, NamesRefusal, Report, State, Wanted};

/// What the host shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesWanted {
    pub mode: Mode,
    /// Networks whose hosts shall be found by their bare name.
    pub search: Vec<String>,
}

/// How things stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamesState {
    /// Why the program that keeps the settings does not answer; `None` while it does.
    pub missing: Option<String>,
    /// What it was asked for last.
    pub asked: Option<Wanted>,
    /// Why it did not do that.
    pub trouble: Option<String>,
    /// What it said last.
    pub report: Option<Report>,
}

impl NamesState {
    /// Whether the host may ask the mesh's resolver on our behalf.
    pub fn holds(&self) -> bool {
        self.asked.is_some() && self.trouble.is_none()
    }

    /// Whether what was asked for is in effect.
    pub fn is_set(&self) -> bool {
        self.holds() && self.report.as_ref().is_some_and(|report| report.state == State::Set)
    }
}

/// Whether a backend sends all questions to a server that it is told of: it cannot tell names apart, or may not.
pub(super) fn sends_all(backend: Backend) -> bool {
    match backend {
        Backend::Off | Backend::Resolved => false,
        Backend::NetworkManager | Backend::Resolvconf | Backend::File => true,
    }
}

pub(super) fn refusal_in_words(refusal: NamesRefusal) -> String {
    match refusal {
        NamesRefusal::Off => {
            "root keeps this host's DNS settings as they are: backend = \"off\" in names.toml".to_owned()
        }
        NamesRefusal::FullForbidden => {
            "root does not let the mesh's resolver see all lookups: full is not allowed in names.toml".to_owned()
        }
        NamesRefusal::SearchCount { max } => format!("more than {max} search domains"),
        NamesRefusal::SearchName => "a search domain that is no network's name".to_owned(),
    }
}
