//! What a check has found, and what to do about it.

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Ok,
    /// It works, and could be better or may stop to.
    Warning,
    Failed,
    /// Nothing was found out; why is said.
    Skipped,
}

impl Mark {
    /// As in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What a check says of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) mark: Mark,
    /// One line.
    pub(crate) found: String,
    /// The next command, or the file and key.
    pub(crate) remedy: Option<String>,
}

impl Verdict {
    pub(crate) fn ok(found: impl Into<String>) -> Self {
        Self { mark: Mark::Ok, found: found.into(), remedy: None }
    }

    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self { mark: Mark::Skipped, found: why.into(), remedy: None }
    }

    pub(crate) fn warning(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { mark: Mark::Warning, found: found.into(), remedy: Some(remedy.into()) }
    }

    pub(crate) fn failed(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { mark: Mark::Failed, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// A verdict under the stable name of its check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) id: &'static str,
    pub(crate) mark: Mark,
    pub(crate) found: String,
    pub(crate) remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(id: &'static str, verdict: Verdict) -> Self {
        Self { id, mark: verdict.mark, found: verdict.found, remedy: verdict.remedy }
    }
}
