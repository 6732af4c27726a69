//! What rules need to know of the members: whose devices they are, and in which groups.

use std::collections::HashMap;

use super::super::Party;
use crate::ledger::{GroupName, UserKey};

/// A member of one network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub user: Option<UserKey>,
    pub groups: Vec<GroupName>,
}

/// Every member of every network that this host is in. Who is not here is a stranger, whatever a rule says.
#[derive(Debug, Clone, Default)]
pub struct Members(HashMap<Party, Standing>);

impl Members {
    pub(super) fn get(&self, party: &Party) -> Option<&Standing> {
        self.0.get(party)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Party, Standing)> for Members {
    fn from_iter<T: IntoIterator<Item = (Party, Standing)>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}
