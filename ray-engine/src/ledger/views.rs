//! The views that were used last, and how a view is made of one of them.

use std::{collections::VecDeque, sync::Arc};

use super::{
    history::History,
    limits::{Index, VIEWS_MAX},
    view::{View, difference},
};

/// How many entries a view may lack to be extended: few are found at once, and beyond the last it is as well to begin anew.
const STEPS: [usize; 3] = [8, 256, 8192];

#[derive(Debug, Clone, Default)]
pub(super) struct Views {
    /// The last used first.
    recent: VecDeque<Arc<View>>,
}

impl Views {
    pub(super) fn keep(&mut self, view: &Arc<View>) {
        self.recent.retain(|other| other.heads() != view.heads());
        self.recent.push_front(Arc::clone(view));
        self.recent.truncate(VIEWS_MAX);
    }

    /// The view of `heads`, which are ascending and in no other's past, and all before them.
    pub(super) fn make(&self, history: &History, heads: &[Index], empty: &View, main: Option<&Arc<View>>) -> Arc<View> {
        let known = || main.into_iter().chain(&self.recent);
        if let Some(view) = known().find(|view| view.heads() == heads) {
            return Arc::clone(view);
        }
        let mut tried = None;
        for limit in STEPS {
            let mut ways: Vec<(Vec<Index>, &Arc<View>)> = known()
                .filter_map(|view| Some((difference(history, view, heads, limit)?, view)))
                .filter(|(added, _)| tried.is_none_or(|tried| added.len() > tried))
                .collect();
            ways.sort_by_key(|(added, _)| added.len());
            let made = ways.iter().find_map(|(added, view)| view.extend(history, added, |_, _| ()));
            if let Some(view) = made {
                return Arc::new(view);
            }
            tried = Some(limit);
        }
        let marks = history.reach(heads);
        let all: Vec<Index> = history.sorted().iter().copied().filter(|&number| marks.has(number)).collect();
        Arc::new(empty.extend(history, &all, |_, _| ()).unwrap_or_else(|| empty.clone()))
    }
}
