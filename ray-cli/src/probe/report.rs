//! What was found, and what it comes to.

use super::{
    act::{Act, Process},
    judge::Verdict,
    live::Promise,
};

/// What was found on this host.
#[derive(Debug)]
pub(crate) struct Report {
    /// The children had the real identities.
    pub(crate) is_root: bool,
    /// What the kernel offers.
    pub(crate) landlock_abi: Option<u8>,
    pub(crate) processes: [ProcessReport; 2],
}

/// What was found about one process.
#[derive(Debug)]
pub(crate) struct ProcessReport {
    pub(crate) process: Process,
    /// User that the children ran as.
    pub(crate) user: String,
    /// The live process, whose promises were looked at and whose view of the files was shared.
    pub(crate) pid: Option<i32>,
    pub(crate) promises: Vec<Promise>,
    /// What was not believed, and why.
    pub(crate) notes: Vec<String>,
    pub(crate) acts: Vec<(Act, Verdict)>,
}

/// Acts by verdict.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) refused: usize,
    pub(crate) got_through: usize,
    pub(crate) open: usize,
    pub(crate) not_judged: usize,
}

impl Report {
    /// Nothing got through, and the live processes are what they promise.
    pub(crate) fn is_safe(&self) -> bool {
        self.tally().got_through == 0 && self.broken_promises() == 0
    }

    pub(crate) fn tally(&self) -> Tally {
        self.processes.iter().map(ProcessReport::tally).fold(Tally::default(), |sum, tally| Tally {
            refused: sum.refused + tally.refused,
            got_through: sum.got_through + tally.got_through,
            open: sum.open + tally.open,
            not_judged: sum.not_judged + tally.not_judged,
        })
    }

    pub(crate) fn broken_promises(&self) -> usize {
        self.processes.iter().flat_map(|process| &process.promises).filter(|promise| !promise.holds).count()
    }
}

impl ProcessReport {
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (_, verdict) in &self.acts {
            *match verdict {
                Verdict::Refused { .. } => &mut tally.refused,
                Verdict::GotThrough { .. } => &mut tally.got_through,
                Verdict::Open { .. } => &mut tally.open,
                Verdict::NotJudged { .. } => &mut tally.not_judged,
            } += 1;
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;

    #[test]
    fn one_act_that_got_through_is_enough_and_so_is_one_broken_promise() {
        assert!(samples::safe().is_safe());
        let mut report = samples::breached();
        assert!(!report.is_safe());
        report.processes[0].acts.clear();
        assert!(!report.is_safe(), "a promise is broken");
        report.processes[0].promises.clear();
        assert!(report.is_safe());
    }
}
