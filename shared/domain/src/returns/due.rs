//! The due work of a return's steps. Each entry comes from the predicate that the step itself uses.

use std::collections::BTreeSet;

use crate::due::DueWork;
use crate::returns::Return;
use crate::returns::watch::ReturnWatch;
use crate::workflow::EffectRequest;

impl Return {
    /// All due work. The digests name what may be due again while the same work is still in the set.
    pub(super) fn due_work(&self) -> BTreeSet<DueWork> {
        let watch = match self.watch() {
            ReturnWatch::Until(due, _) => Some(DueWork::new("return-watch").with(&due)),
            ReturnWatch::Over => None,
        };
        let whole = [
            // Reports that came before the return wait for its stream.
            Some(DueWork::new("due-wake")),
            self.reservation_request().map(|request| DueWork::new("return-reserve").with(&request.round)),
            self.authorization_request().map(|_| DueWork::new("return-authorize")),
            self.awaits_route().then(|| DueWork::new("return-route")),
            self.stock_movement().map(|movement| DueWork::new("return-stock-move").with(&movement.n)),
            self.exchange_reference().map(|_| DueWork::new("exchange-order-create")),
            self.inspection_poll_hours().map(|hours| DueWork::new("return-inspection-poll").with(&hours)),
            watch,
            self.picture_to_show().map(|picture| DueWork::new("return-crm-update").with(&picture.digest())),
        ];
        let parcel = |step: &'static str, no: u32| DueWork::new(step).about("no", &no);
        let announcements = self.announcements().map(|it| parcel("return-announce", it.expected.no).with(&it.revision));
        let withdrawals = self.announcement_withdrawals().map(|it| parcel("announcement-withdraw", it.no));
        let adjustments = self.adjustments();
        let credits = adjustments.iter().map(|it| {
            let step = if it.is_debit { "return-debit" } else { "return-credit" };
            DueWork::new(step).about("account", &it.account).with(&it.key())
        });
        whole.into_iter().flatten().chain(announcements).chain(withdrawals).chain(credits).collect()
    }
}
