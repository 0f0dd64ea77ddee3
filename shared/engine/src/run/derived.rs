//! What follows from a stream's state: its open reviews, what lists show, and its due work. A committer compares it before and
//! after its commit, and the commit says what changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Workflow;
use domain::due::{DueWork, newly_due};
use domain::review::Review;
use domain::workflow::evolve;

use crate::run::wake::{WAKES_WAITING, Wake};

/// What follows from the state at one version.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// The keys of the open reviews.
    open_reviews: BTreeSet<String>,
    /// [`Workflow::listed`].
    listed: String,
    due: BTreeSet<DueWork>,
}

impl Derived {
    /// What follows from the `state` of the stream `id`.
    pub(super) fn of<W: Workflow>(state: Option<&W>, id: &W::Id) -> Self {
        let reviews = state.map(W::reviews).unwrap_or_default();
        Self {
            open_reviews: reviews.iter().map(Review::key).collect(),
            listed: state.map(W::listed).unwrap_or_default(),
            due: W::due(state, id),
        }
    }
}

/// What a commit leads to.
pub(super) struct Next<W> {
    pub(super) state: Option<W>,
    /// What follows from the state; `None` of a commit that was read: it is derived where it is needed.
    pub(super) derived: Option<Arc<Derived>>,
    /// See [`Commit::opened_reviews`](super::journal::Commit::opened_reviews).
    pub(super) opened_reviews: Vec<String>,
    /// See [`Commit::listed`](super::journal::Commit::listed).
    pub(super) listed: bool,
    /// See [`Commit::wakes`](super::journal::Commit::wakes).
    pub(super) wakes: Vec<Wake>,
}

impl<W: Workflow> Next<W> {
    /// Of a commit that was read.
    pub(super) fn read(state: Option<W>) -> Self {
        Self { state, derived: None, opened_reviews: Vec::new(), listed: false, wakes: Vec::new() }
    }

    /// What follows if `events` are committed to the stream `id`, which has `state` at `version` and from which `before`
    /// follows.
    pub(super) fn after(id: &W::Id, version: u64, state: Option<W>, before: &Derived, events: &[W::Event]) -> Self {
        let mut state = events.iter().fold(state, evolve);
        if let Some(state) = &mut state {
            state.committed(version + 1);
        }
        let derived = Derived::of(state.as_ref(), id);
        let opened = derived.open_reviews.difference(&before.open_reviews);
        // Messages may wait for any stream, also for an alias, which has no state.
        let begins = (version == 0).then(|| DueWork::new(WAKES_WAITING));
        // A step is woken once for two pieces of work on the same part.
        let due = newly_due(&before.due, &derived.due).cloned();
        let wakes: BTreeSet<Wake> = due.chain(begins).map(Wake::from).collect();
        Self {
            opened_reviews: opened.cloned().collect(),
            listed: derived.listed != before.listed || derived.open_reviews != before.open_reviews,
            wakes: wakes.into_iter().collect(),
            derived: Some(Arc::new(derived)),
            state,
        }
    }
}
