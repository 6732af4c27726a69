//! The forbidden acts, one file a field.

mod device;
mod file;
mod neighbour;
mod socket;
mod system;

use std::ffi::c_long;

pub(super) use self::{file::leftover, socket::abstract_name};

use super::{
    act::{Act, Arg, Kind, Process},
    facts::Facts,
};

/// Every act that the process must not be able to do on this host, in the order of the report.
pub(super) fn all(process: Process, facts: &Facts) -> Vec<Act> {
    let mut acts = system::programs();
    acts.extend(neighbour::all(process, facts));
    acts.extend(system::kernel());
    acts.extend(system::namespaces());
    acts.extend(system::identity());
    acts.extend(system::host());
    acts.extend(socket::all(process, facts));
    acts.extend(device::all(process));
    acts.extend(file::all(process, facts));
    acts
}

/// Name, words, system call, arguments; a pointer is null or leads nowhere.
type Row<'a> = (&'a str, &'a str, c_long, &'a [i64]);

/// Acts that are nothing but numbers.
fn plain(kind: Kind, rows: &[Row<'_>]) -> Vec<Act> {
    let act = |(name, words, number, arguments): &Row<'_>| {
        Act::call(kind, name, words, *number, arguments.iter().copied().map(Arg::Number).collect())
    };
    rows.iter().map(act).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a kernel without a single optional file or device still has to refuse.
    const ACTS_MIN: usize = 60;

    #[test]
    fn each_process_has_sixty_acts_that_need_no_file_and_each_act_a_name_of_its_own() {
        for process in [Process::Engine, Process::Helper] {
            let acts = all(process, &facts());
            let ids: BTreeSet<&str> = acts.iter().map(|act| act.id.as_str()).collect();
            assert_eq!(ids.len(), acts.len(), "{}", process.name());
            assert!(acts.iter().filter(|act| act.target.is_none()).count() >= ACTS_MIN, "{}", process.name());
        }
    }

    #[test]
    fn no_act_has_more_arguments_than_a_system_call_takes() {
        for process in [Process::Engine, Process::Helper] {
            assert!(all(process, &facts()).iter().all(|act| act.arguments.len() <= 6));
        }
    }

    #[test]
    fn words_of_an_act_fit_their_column() {
        for process in [Process::Engine, Process::Helper] {
            for act in all(process, &facts()).iter().filter(|act| act.target.is_none()) {
                assert!(act.words.chars().count() <= 50, "{}", act.words);
            }
        }
    }

    fn facts() -> Facts {
        Facts::gather(None, None, 1, crate::probe::places::Places::default())
    }
}
