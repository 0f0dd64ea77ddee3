//! Messages of one batch that ask for the same work, such as five events of one order that each wake `crm-update`.

use std::cell::RefCell;
use std::rc::Rc;

use futures::lock::Mutex;

use crate::context::{Context, Work};
use crate::failure::{Failure, Outcome};

/// Lets equal work take turns. The first message's step does the work, and the others find it done: without turns, each of them
/// would call the partner. Other work does not wait.
pub(super) struct Turns<W>(RefCell<Vec<(W, Rc<Turn>)>>);

/// A partner's failure to do the work for now. Its next call would take as long, so the work's other messages fail at once. All
/// other ends take no time, and each message may find another state.
type Turn = Mutex<Option<Failure>>;

impl<W: Work> Turns<W> {
    pub(super) fn new() -> Self {
        Self(RefCell::default())
    }

    /// Runs the step when the same work of earlier messages has ended.
    pub(super) async fn take<F>(
        &self,
        work: W,
        cx: Context,
        handle: &impl Fn(W, Context) -> F,
    ) -> Result<Outcome, Failure>
    where
        F: Future<Output = Result<Outcome, Failure>>,
    {
        let turn = self.of(&work);
        let mut failed = turn.lock().await;
        if let Some(failure) = &*failed {
            return Err(failure.clone());
        }
        let result = handle(work, cx).await;
        if let Err(failure @ Failure::Transient { code, .. }) = &result
            && code.as_str().starts_with("PRT-")
        {
            *failed = Some(failure.clone());
        }
        result
    }

    fn of(&self, work: &W) -> Rc<Turn> {
        let mut turns = self.0.borrow_mut();
        if let Some((_, turn)) = turns.iter().find(|(known, _)| known == work) {
            return turn.clone();
        }
        let turn = Rc::default();
        turns.push((work.clone(), Rc::clone(&turn)));
        turn
    }
}
