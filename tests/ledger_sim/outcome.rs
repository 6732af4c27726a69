//! How often each case that matters came up, so that the runs are known to reach it.

use std::ops::AddAssign;

macro_rules! outcome {
    ($($name:ident),* $(,)?) => {
        #[derive(Debug, Default, Clone, Copy)]
        pub(crate) struct Outcome {
            $(pub(crate) $name: usize,)*
        }

        impl AddAssign for Outcome {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }

        impl Outcome {
            /// The cases that never came up.
            pub(crate) fn missed(&self) -> Vec<&'static str> {
                let all = [$((stringify!($name), self.$name)),*];
                all.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
            }
        }
    };
}

outcome! {
    authored, not_authored, not_seated, refused, waited, crashes, violations, backdated, forked, forged, floods, replayed,
    entries, void, seated, agreed, merges, removes, leaves, revocations, welcomes, redeems, unknown, successions, bound,
    suffixed, used_up, anchored, alarms, ended, parted,
}
