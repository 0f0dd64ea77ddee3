//! Decides commands and applies events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::ids::LineNo;
use crate::quantity::Quantity;
use crate::returns::announcements::Parcel;
use crate::returns::credits::{Adjustment, Entry};
use crate::returns::effect::ReturnEffect;
use crate::returns::event::{
    Advance, Announced, AnnouncementWithdrawn, Authorized, Closed, Closing, Denial, ExpectedReceipt, Moved, ReturnEvent,
};
use crate::returns::money_event::Posted;
use crate::returns::request::refuse;
use crate::returns::review::ReturnReview;
use crate::returns::{Posting, Return, ReturnCommand, ReturnStage};
use crate::review::{Decision, Review};
use crate::workflow::{Claim, EffectRequest, EffectStarted};

impl Return {
    /// A fact is recorded in every stage, unless it is recorded already. A request may be refused.
    pub(super) fn decide_command(&self, command: ReturnCommand) -> Vec<ReturnEvent> {
        let event = match command {
            ReturnCommand::Request(_) => return vec![],
            ReturnCommand::Match(content) => match &self.request.content {
                None => ReturnEvent::Matched(content),
                Some(known) if *known == content => return vec![],
                Some(_) => return refuse("ALREADY_MATCHED", "it is known already what comes back"),
            },
            ReturnCommand::RecordReserved(reserved) => ReturnEvent::UnitsReserved(reserved),
            ReturnCommand::RecordReservationRefused(refused) => {
                let denial = Denial { by: "order".to_owned(), reason: refused.rejection.to_string() };
                // The first refusal is an answer to the request: so much can never come back.
                let is_first = (refused.round, self.round) == (1, 1) && self.receipts.is_empty();
                let denies = is_first && self.stage == ReturnStage::Requested;
                let event = ReturnEvent::ReservationRefused(refused);
                let denied = denies.then_some(ReturnEvent::Denied(denial));
                return if self.is_new(&event) { std::iter::once(event).chain(denied).collect() } else { vec![] };
            }
            ReturnCommand::Approve(approval) => return self.approve(approval),
            ReturnCommand::Deny(denial) => match self.stage {
                ReturnStage::Requested => ReturnEvent::Denied(denial),
                ReturnStage::Denied(_) => return vec![],
                ReturnStage::Authorized(_) => return refuse("ALREADY_AUTHORIZED", "cancel the return instead"),
            },
            ReturnCommand::RecordAuthorized(authorized) => return self.record_authorized(authorized),
            ReturnCommand::Extend(extended) => return self.extend(extended),
            ReturnCommand::Cancel(lines) => return self.cancel(lines.as_ref()),
            ReturnCommand::Expire(now) => return self.expire(now),
            ReturnCommand::ExpectReceipts(receipts) => {
                let is_new = |receipt: &ExpectedReceipt| !self.parcels.contains_key(&receipt.no);
                return receipts.into_iter().filter(is_new).map(ReturnEvent::ReceiptExpected).collect();
            }
            ReturnCommand::RecordAnnounced(announced) => ReturnEvent::Announced(announced),
            ReturnCommand::RecordAnnouncementWithdrawn(withdrawn) => ReturnEvent::AnnouncementWithdrawn(withdrawn),
            ReturnCommand::RecordScanned(scanned) => ReturnEvent::Scanned(scanned),
            ReturnCommand::RecordReceipt(receipt) => ReturnEvent::ReceiptRecorded(receipt),
            ReturnCommand::RecordMoved(moved) => ReturnEvent::Moved(moved),
            ReturnCommand::RecordInvoice(invoice) => ReturnEvent::InvoiceRecorded(invoice),
            ReturnCommand::LapseAdvance(now) => match &self.advance {
                Some((advance, false)) if advance.due <= now => ReturnEvent::AdvanceLapsed(advance.clone()),
                Some(_) | None => return vec![],
            },
            ReturnCommand::RecordCredited(posted) => ReturnEvent::Credited(posted),
            ReturnCommand::RecordDebited(posted) => ReturnEvent::Debited(posted),
            ReturnCommand::RecordErpCredit(credit) => ReturnEvent::CreditedByErp(credit),
            ReturnCommand::RecordExchangeOrdered(ordered) => ReturnEvent::ExchangeOrdered(ordered),
            ReturnCommand::RecordCrmUpdated(updated) => ReturnEvent::CrmUpdated(updated),
            ReturnCommand::RaiseLate(late) => ReturnEvent::Late(late),
            ReturnCommand::RecordAll(commands) => return self.decide_all(commands),
            ReturnCommand::Decide(decision) => return self.decide_review(decision),
            ReturnCommand::Announce(started) => ReturnEvent::EffectStarted(started),
            ReturnCommand::RecordEffectFailed(failed) => ReturnEvent::EffectFailed(failed),
            ReturnCommand::RecordEffectRejected(rejected) => ReturnEvent::EffectRejected(rejected),
        };
        if self.is_new(&event) { vec![event] } else { vec![] }
    }

    fn decide_all(&self, commands: Vec<ReturnCommand>) -> Vec<ReturnEvent> {
        let mut state = self.clone();
        let mut all = Vec::new();
        for command in commands {
            let events = state.decide_command(command);
            events.iter().for_each(|event| state.apply(event));
            all.extend(events);
        }
        all
    }

    /// An authorization of a return that may be paid in advance grants the advance.
    fn record_authorized(&self, authorized: Authorized) -> Vec<ReturnEvent> {
        let days = self.request.policy.advance_days.map(|days| SignedDuration::from_hours(i64::from(days) * 24));
        let due = days.and_then(|days| authorized.at.checked_add(days).ok());
        let is_first = self.stage == ReturnStage::Requested && self.advance.is_none();
        let advance = due.filter(|_| is_first).map(|due| ReturnEvent::AdvanceGranted(Advance { due }));
        let event = ReturnEvent::Authorized(authorized);
        if self.is_new(&event) { std::iter::once(event).chain(advance).collect() } else { vec![] }
    }

    /// What came goes on, and the rest is given back.
    fn cancel(&self, lines: Option<&BTreeSet<LineNo>>) -> Vec<ReturnEvent> {
        match &self.stage {
            ReturnStage::Denied(_) => refuse("RETURN_DENIED", "nothing of it is expected"),
            ReturnStage::Requested | ReturnStage::Authorized(_) => {
                let closed = self.close(Closing::Cancelled, lines);
                if closed.is_empty() { refuse("RETURN_CLOSED", "no more goods are expected") } else { closed }
            }
        }
    }

    fn expire(&self, now: Timestamp) -> Vec<ReturnEvent> {
        match &self.stage {
            ReturnStage::Authorized(authorized) if authorized.valid_until <= now => self.close(Closing::Expired, None),
            ReturnStage::Authorized(_) | ReturnStage::Requested | ReturnStage::Denied(_) => vec![],
        }
    }

    fn close(&self, why: Closing, lines: Option<&BTreeSet<LineNo>>) -> Vec<ReturnEvent> {
        let is_asked = |line: LineNo| lines.is_none_or(|lines| lines.contains(&line));
        let closing = self.lines().iter().filter(|line| is_asked(line.line) && !self.kept.contains_key(&line.line));
        let distribution = self.distribution();
        let kept: BTreeMap<LineNo, Quantity> = closing
            .map(|line| {
                let came = Quantity::new(distribution.received(line.line), line.quantity.uom());
                (line.line, came.unwrap_or(line.quantity))
            })
            .collect();
        if kept.is_empty() { vec![] } else { vec![ReturnEvent::Closed(Closed { why, kept })] }
    }

    /// What a person did by hand at a partner is recorded like the partner's own answer.
    pub(super) fn resolved_manually(&self, decision: &Decision<ReturnReview>) -> Vec<ReturnEvent> {
        let Some(effect) = self.rejected_effect(&decision.review) else { return vec![] };
        let number = decision.document.as_ref().map(|document| document.number.clone());
        let event = match (effect, number) {
            (ReturnEffect::WithdrawAnnouncement { no }, _) => {
                Some(ReturnEvent::AnnouncementWithdrawn(AnnouncementWithdrawn { no }))
            }
            (ReturnEffect::AuthorizeReturn, Some(rma)) => {
                // The window is the longest one that the policy allows.
                let at = self.request.requested_at;
                let days = i64::from(self.request.policy.extension_limit_days);
                let valid_until = at.checked_add(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::MAX);
                return self.record_authorized(Authorized { rma, at, valid_until });
            }
            (ReturnEffect::AnnounceReceipt { no, revision }, Some(number)) => {
                let reference = number.as_str().parse().ok();
                reference.map(|reference| ReturnEvent::Announced(Announced { no, revision, reference }))
            }
            (ReturnEffect::MoveStock { n }, Some(document)) => Some(ReturnEvent::Moved(Moved { n, document })),
            (ReturnEffect::Credit { account, n } | ReturnEffect::Debit { account, n }, Some(document)) => {
                let posting = self.postings.values().find_map(|posting| match posting {
                    Posting::Adjustment(it) if (it.account, it.n) == (account, n) => Some(it.clone()),
                    Posting::Adjustment(_) | Posting::Movement(_) => None,
                });
                let requested = posting.or_else(|| self.next_adjustment(account, &self.distribution()));
                requested.filter(|it| it.n == n).map(|Adjustment { is_debit, amounts, .. }| {
                    let posted = Posted { account, n, document, amounts };
                    if is_debit { ReturnEvent::Debited(posted) } else { ReturnEvent::Credited(posted) }
                })
            }
            (
                ReturnEffect::AuthorizeReturn
                | ReturnEffect::AnnounceReceipt { .. }
                | ReturnEffect::MoveStock { .. }
                | ReturnEffect::Credit { .. }
                | ReturnEffect::Debit { .. },
                None,
            ) => return refuse("DOCUMENT_NEEDED", "name the number of the document that was made by hand"),
        };
        event.into_iter().collect()
    }

    /// Whether the event would change the state; if not, it is not recorded.
    fn is_new(&self, event: &ReturnEvent) -> bool {
        let open = |effect: &ReturnEffect| self.open_effects.contains(effect);
        match event {
            ReturnEvent::Requested(_) => false,
            ReturnEvent::UnitsReserved(reserved) => {
                self.reserved.as_ref().is_none_or(|known| known.as_of < reserved.as_of)
            }
            ReturnEvent::ReservationRefused(refused) => {
                let answered = self.reserved.as_ref().map_or(0, |reserved| reserved.round);
                let known = self.reservation_refused.as_ref().map_or(0, |known| known.round);
                refused.round > answered.max(known)
            }
            ReturnEvent::Authorized(authorized) => {
                let is_known = matches!(&self.stage, ReturnStage::Authorized(known) if known.rma == authorized.rma)
                    || self.other_rmas.contains(&authorized.rma);
                !is_known || open(&ReturnEffect::AuthorizeReturn)
            }
            ReturnEvent::Announced(announced) => {
                let known = self.parcels.get(&announced.no);
                let effect = ReturnEffect::AnnounceReceipt { no: announced.no, revision: announced.revision };
                open(&effect) || known.is_some_and(|parcel| parcel.is_changed_by(announced))
            }
            ReturnEvent::AnnouncementWithdrawn(AnnouncementWithdrawn { no }) => {
                open(&ReturnEffect::WithdrawAnnouncement { no: *no })
                    || self.parcels.get(no).is_some_and(|parcel| !parcel.withdrawn)
            }
            ReturnEvent::Scanned(scanned) => self.scanned.is_none_or(|earliest| scanned.at < earliest),
            ReturnEvent::ReceiptRecorded(receipt) => {
                self.receipts.get(&receipt.register()).is_none_or(|known| receipt.is_newer_than(known))
            }
            ReturnEvent::Moved(moved) => {
                open(&ReturnEffect::MoveStock { n: moved.n }) || !self.movements.contains_key(&moved.n)
            }
            ReturnEvent::InvoiceRecorded(invoice) => {
                self.invoice.as_ref().is_none_or(|known| (known.at, &known.invoice) > (invoice.at, &invoice.invoice))
            }
            ReturnEvent::Credited(posted) => self.is_new_posting(posted, false),
            ReturnEvent::Debited(posted) => self.is_new_posting(posted, true),
            ReturnEvent::CreditedByErp(credit) => {
                !self.erp_credits.contains(credit) && !self.is_own_document(&credit.document)
            }
            ReturnEvent::ExchangeOrdered(_) => self.exchange.is_none(),
            ReturnEvent::CrmUpdated(updated) => self.crm.as_ref().is_none_or(|known| known.version < updated.version),
            ReturnEvent::Late(late) => !self.late.contains(late),
            ReturnEvent::EffectStarted(started) => {
                let claim = self.open_effects.get(&started.effect);
                let is_held = matches!(claim, Some(Claim::Held(earlier)) if earlier == started);
                !is_held || self.rejected_effects.contains_key(&started.effect)
            }
            ReturnEvent::EffectFailed(failed) => self.open_effects.is_held_by(failed),
            ReturnEvent::EffectRejected(rejected) => {
                open(&rejected.effect) || self.rejected_effects.get(&rejected.effect) != Some(&rejected.rejection)
            }
            ReturnEvent::Matched(_)
            | ReturnEvent::Approved(_)
            | ReturnEvent::Denied(_)
            | ReturnEvent::Extended(_)
            | ReturnEvent::Closed(_)
            | ReturnEvent::ReceiptExpected(_)
            | ReturnEvent::AdvanceGranted(_)
            | ReturnEvent::AdvanceLapsed(_)
            | ReturnEvent::ReviewDecided(_)
            | ReturnEvent::RequestRejected(_) => true,
        }
    }

    /// Whether a posted document is not known, or answers an announced request. A document that no request of ours can have made
    /// is recorded, too: it exists at the ERP.
    fn is_new_posting(&self, posted: &Posted, is_debit: bool) -> bool {
        self.open_effects.contains(&posted.effect(is_debit)) || !self.is_own_document(&posted.document)
    }

    pub(super) fn apply(&mut self, event: &ReturnEvent) {
        match event {
            // Only the first request counts; it is the state's beginning.
            ReturnEvent::Requested(_) | ReturnEvent::RequestRejected(_) => {}
            ReturnEvent::Matched(content) => {
                self.request.content = Some(content.clone());
                self.round = self.round.saturating_add(1);
            }
            ReturnEvent::UnitsReserved(reserved) => self.reserved = Some(reserved.clone()),
            ReturnEvent::ReservationRefused(refused) => self.reservation_refused = Some(refused.clone()),
            ReturnEvent::Approved(approval) => {
                self.approvals.insert(approval.by.clone(), approval.clone());
            }
            ReturnEvent::Denied(denial) => {
                self.stage = ReturnStage::Denied(denial.clone());
                self.round = self.round.saturating_add(1);
            }
            ReturnEvent::Authorized(authorized) => {
                self.answer(&ReturnEffect::AuthorizeReturn);
                match &self.stage {
                    ReturnStage::Requested => self.stage = ReturnStage::Authorized(authorized.clone()),
                    ReturnStage::Authorized(known) if known.rma == authorized.rma => {}
                    ReturnStage::Authorized(_) | ReturnStage::Denied(_) => {
                        self.other_rmas.insert(authorized.rma.clone());
                    }
                }
            }
            ReturnEvent::Extended(extended) => {
                if let ReturnStage::Authorized(authorized) = &mut self.stage {
                    authorized.valid_until = extended.valid_until;
                }
            }
            ReturnEvent::Closed(closed) => self.apply_closed(closed),
            ReturnEvent::ReceiptExpected(expected) => {
                self.parcels.insert(expected.no, Parcel::new(expected.clone()));
            }
            ReturnEvent::Announced(announced) => {
                self.answer(&ReturnEffect::AnnounceReceipt { no: announced.no, revision: announced.revision });
                if let Some(parcel) = self.parcels.get_mut(&announced.no) {
                    parcel.record_announced(announced);
                }
            }
            ReturnEvent::AnnouncementWithdrawn(AnnouncementWithdrawn { no }) => {
                self.answer(&ReturnEffect::WithdrawAnnouncement { no: *no });
                if let Some(parcel) = self.parcels.get_mut(no) {
                    parcel.withdrawn = true;
                }
            }
            ReturnEvent::Scanned(scanned) => self.scanned = Some(scanned.at),
            ReturnEvent::ReceiptRecorded(receipt) => {
                self.receipts.insert(receipt.register(), receipt.clone());
            }
            ReturnEvent::Moved(moved) => self.apply_moved(moved),
            ReturnEvent::InvoiceRecorded(invoice) => self.invoice = Some(invoice.clone()),
            ReturnEvent::AdvanceGranted(advance) => self.advance = Some((advance.clone(), false)),
            ReturnEvent::AdvanceLapsed(advance) => self.advance = Some((advance.clone(), true)),
            ReturnEvent::Credited(posted) => self.apply_posted(posted, false),
            ReturnEvent::Debited(posted) => self.apply_posted(posted, true),
            ReturnEvent::CreditedByErp(credit) => {
                self.erp_credits.insert(credit.clone());
            }
            ReturnEvent::ExchangeOrdered(ordered) => self.exchange = Some(ordered.order.clone()),
            ReturnEvent::CrmUpdated(updated) => self.crm = Some(updated.clone()),
            ReturnEvent::Late(late) => {
                self.late.insert(late.clone());
            }
            ReturnEvent::ReviewDecided(decision) => self.apply_decision(decision),
            ReturnEvent::EffectStarted(started) => self.apply_started(started),
            ReturnEvent::EffectFailed(failed) => self.open_effects.fail(failed),
            ReturnEvent::EffectRejected(rejected) => {
                self.open_effects.reject(rejected);
                // A repeated refusal invalidates the earlier decision.
                let review = Review::<ReturnReview>::of_refusal(&rejected.effect, &rejected.rejection);
                self.decisions.remove(&review.key());
                self.rejected_effects.insert(rejected.effect.clone(), rejected.rejection.clone());
            }
        }
        let open_effects = &self.open_effects;
        self.postings.retain(|effect, _| open_effects.contains(effect));
    }

    /// An effect is answered: its claim is closed, and an earlier refusal of it says nothing any more.
    fn answer(&mut self, effect: &ReturnEffect) {
        self.open_effects.close(effect);
        self.rejected_effects.remove(effect);
    }

    fn apply_closed(&mut self, closed: &Closed) {
        let affected: Vec<u32> = self
            .parcels
            .values()
            .filter(|parcel| parcel.expected.lines.iter().any(|line| closed.kept.contains_key(&line.line)))
            .map(|parcel| parcel.expected.no)
            .collect();
        self.kept.extend(closed.kept.iter().map(|(line, kept)| (*line, *kept)));
        self.closed.insert(closed.why);
        self.round = self.round.saturating_add(1);
        for no in affected {
            if let Some(parcel) = self.parcels.get_mut(&no) {
                parcel.revision = parcel.revision.saturating_add(1);
            }
        }
    }

    /// Stores the content of an effect when it is first announced, so that a repeat sends the same.
    fn apply_started(&mut self, started: &EffectStarted<ReturnEffect>) {
        self.rejected_effects.remove(&started.effect);
        let content = match &started.effect {
            ReturnEffect::MoveStock { .. } => self.movement().map(Posting::Movement),
            ReturnEffect::Credit { account, .. } | ReturnEffect::Debit { account, .. } => {
                self.next_adjustment(*account, &self.distribution()).map(Posting::Adjustment)
            }
            ReturnEffect::AuthorizeReturn
            | ReturnEffect::AnnounceReceipt { .. }
            | ReturnEffect::WithdrawAnnouncement { .. } => None,
        };
        let content = content.filter(|content| match content {
            Posting::Movement(movement) => movement.effect() == started.effect,
            Posting::Adjustment(adjustment) => adjustment.effect() == started.effect,
        });
        if let Some(content) = content {
            self.postings.entry(started.effect.clone()).or_insert(content);
        }
        self.open_effects.start(started);
    }

    fn apply_moved(&mut self, moved: &Moved) {
        let effect = ReturnEffect::MoveStock { n: moved.n };
        let posted = self.postings.remove(&effect).or_else(|| self.movement().map(Posting::Movement));
        self.answer(&effect);
        if self.movements.insert(moved.n, moved.document.clone()).is_some() {
            return;
        }
        if let Some(Posting::Movement(movement)) = posted {
            for change in movement.changes {
                *self.stock.entry(change.of).or_default() += change.by;
            }
        }
        self.stock.retain(|_, amount| !amount.is_zero());
    }

    fn apply_posted(&mut self, posted: &Posted, is_debit: bool) {
        let effect = posted.effect(is_debit);
        let requested = match self.postings.remove(&effect) {
            Some(Posting::Adjustment(adjustment)) => Some(adjustment),
            Some(Posting::Movement(_)) | None => self.next_adjustment(posted.account, &self.distribution()),
        };
        self.answer(&effect);
        let ledger = self.ledgers.entry(posted.account).or_default();
        match requested.filter(|requested| {
            (requested.n, requested.is_debit) == (posted.n, is_debit) && !ledger.entries.contains_key(&posted.n)
        }) {
            Some(requested) => {
                ledger.entries.insert(posted.n, Entry { requested, posted: posted.clone() });
            }
            None => {
                ledger.duplicates.insert(posted.document.clone(), posted.clone());
            }
        }
    }
}
