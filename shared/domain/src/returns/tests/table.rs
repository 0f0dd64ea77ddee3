//! The decision table: the answer to every command in every stage.

use super::*;
use crate::goods::LineQuantity;

/// The command after `command` in the table. The match has to name every command, so none can be left out.
fn after(command: &ReturnCommand) -> Option<ReturnCommand> {
    use ReturnCommand as C;
    let refused_reservation =
        ReservationRefused { round: 1, rejection: Rejection::new("MORE_THAN_RETURNABLE", "2 can be returned") };
    let posted = |n| Posted {
        account: Account::Line(line_no(1)),
        n,
        document: id(&format!("CM-{n}")),
        amounts: amounts("100.00", "19.00", "EUR"),
    };
    Some(match command {
        C::Request(_) => C::Match(content(&[(1, 3)])),
        C::Match(_) => reserved(4, 1, &[(1, 0, 3)]),
        C::RecordReserved(_) => C::RecordReservationRefused(refused_reservation),
        C::RecordReservationRefused(_) => C::Approve(Approval { by: "ann".to_owned(), evidence: String::new() }),
        C::Approve(_) => C::Deny(Denial { by: "ann".to_owned(), reason: "worn".to_owned() }),
        C::Deny(_) => authorized(),
        C::RecordAuthorized(_) => C::Extend(Extended { valid_until: at(60_000) }),
        C::Extend(_) => C::Cancel(None),
        C::Cancel(_) => C::Expire(at(50_000)),
        C::Expire(_) => C::ExpectReceipts(vec![parcel()]),
        C::ExpectReceipts(_) => C::RecordAnnounced(Announced { no: 1, revision: 1, reference: id("WR-1") }),
        C::RecordAnnounced(_) => C::RecordAnnouncementWithdrawn(AnnouncementWithdrawn { no: 1 }),
        C::RecordAnnouncementWithdrawn(_) => C::RecordScanned(Scanned { at: at(15) }),
        C::RecordScanned(_) => receipt("1", 20, &[(GOOD, 3)]),
        C::RecordReceipt(_) => C::RecordMoved(Moved { n: 1, document: id("MV-1") }),
        C::RecordMoved(_) => invoiced(),
        C::RecordInvoice(_) => C::LapseAdvance(at(90_000)),
        C::LapseAdvance(_) => C::RecordCredited(posted(1)),
        C::RecordCredited(_) => C::RecordDebited(posted(2)),
        C::RecordDebited(_) => {
            C::RecordErpCredit(ErpCredit { document: id("CM-900"), line: Some(line_no(1)), quantity: each(1) })
        }
        C::RecordErpCredit(_) => C::RecordExchangeOrdered(ExchangeOrdered { order: order_id() }),
        C::RecordExchangeOrdered(_) => C::RecordCrmUpdated(ReturnCrmUpdated { version: 9, digest: "shown".to_owned() }),
        C::RecordCrmUpdated(_) => C::RaiseLate(ReturnLate { missing: MissingStep::Receipt, due: at(1) }),
        C::RaiseLate(_) => C::RecordAll(vec![C::RecordScanned(Scanned { at: at(15) }), receipt("1", 20, &[(GOOD, 3)])]),
        C::RecordAll(_) => {
            let review = Review { kind: ReturnReview::ApprovalNeeded, reason: "approval 1 of 1 is missing".to_owned() };
            C::Decide(decision(&[review], ReturnReview::ApprovalNeeded, Choice::Approve))
        }
        C::Decide(_) => C::Announce(started(ReturnEffect::AuthorizeReturn, 2)),
        C::Announce(_) => C::RecordEffectFailed(failed(ReturnEffect::AuthorizeReturn, 1)),
        C::RecordEffectFailed(_) => C::RecordEffectRejected(refused(ReturnEffect::AuthorizeReturn, "BLOCKED")),
        C::RecordEffectRejected(_) => return None,
    })
}

fn name(command: &ReturnCommand) -> &'static str {
    use ReturnCommand as C;
    match command {
        C::Request(_) => "request",
        C::Match(_) => "match",
        C::RecordReserved(_) => "reserved",
        C::RecordReservationRefused(_) => "reservation-refused",
        C::Approve(_) => "approve",
        C::Deny(_) => "deny",
        C::RecordAuthorized(_) => "authorized",
        C::Extend(_) => "extend",
        C::Cancel(_) => "cancel",
        C::Expire(_) => "expire",
        C::ExpectReceipts(_) => "expect-receipts",
        C::RecordAnnounced(_) => "announced",
        C::RecordAnnouncementWithdrawn(_) => "announcement-withdrawn",
        C::RecordScanned(_) => "scanned",
        C::RecordReceipt(_) => "receipt",
        C::RecordMoved(_) => "moved",
        C::RecordInvoice(_) => "invoice",
        C::LapseAdvance(_) => "lapse-advance",
        C::RecordCredited(_) => "credited",
        C::RecordDebited(_) => "debited",
        C::RecordErpCredit(_) => "credited-by-erp",
        C::RecordExchangeOrdered(_) => "exchange-ordered",
        C::RecordCrmUpdated(_) => "crm-updated",
        C::RaiseLate(_) => "late",
        C::RecordAll(_) => "all",
        C::Decide(_) => "decide",
        C::Announce(_) => "announce",
        C::RecordEffectFailed(_) => "effect-failed",
        C::RecordEffectRejected(_) => "effect-rejected",
    }
}

fn parcel() -> ExpectedReceipt {
    let lines = vec![LineQuantity { line: line_no(1), sku: id("SKU-1"), quantity: each(3) }];
    ExpectedReceipt { no: 1, warehouse: id("eastco"), site: id("EAST"), lines, tracking: None }
}

/// A return in every stage, with what it is there.
const STAGES: [(&str, &str); 15] = [
    ("unmatched", "arrived without a return, and its order is not known"),
    ("requested", "waits for the order to reserve its goods"),
    ("reserved", "is reserved, and waits for the ERP's authorization"),
    ("approving", "is reserved, and waits for a person's approval"),
    ("denied", "is denied"),
    ("authorizing", "is reserved, with an announced and unanswered authorization"),
    ("authorized", "is authorized; no warehouse is chosen yet"),
    ("planned", "is to be announced to its warehouse"),
    ("announced", "is expected by its warehouse"),
    ("received", "came, is judged and invoiced; the ERP's stock does not show it"),
    ("moved", "the same, and the ERP's stock shows it"),
    ("crediting", "the same, with an announced and unanswered credit"),
    ("credited", "is credited"),
    ("corrected", "is credited, and its warehouse received less than it had said"),
    ("cancelled", "was cancelled after it was announced"),
];

pub(super) fn stages() -> Vec<(&'static str, Return)> {
    let blind = ReturnRequest { origin: Origin::Warehouse, content: None, ..request(&[]) };
    let new = requested(request(&[(1, 3)]));
    let reserve = || reserved(4, 1, &[(1, 0, 3)]);
    let mut approve = request(&[(1, 3)]);
    approve.policy.approval.reasons = BTreeSet::from([ReasonClass::ChangeOfMind]);
    let denial = ReturnCommand::Deny(Denial { by: "ann".to_owned(), reason: "worn".to_owned() });
    let released = apply(new.clone(), reserve());
    let authorized = apply(released.clone(), authorized());
    let planned = apply(authorized.clone(), ReturnCommand::ExpectReceipts(vec![parcel()]));
    let announced = ReturnCommand::RecordAnnounced(Announced { no: 1, revision: 1, reference: id("WR-1") });
    let announced = apply(planned.clone(), announced);
    let received = play(announced.clone(), [invoiced(), receipt("1", 18, &[(GOOD, 3)])]);
    let moved = move_stock(received.clone());
    let credit = moved.adjustments().remove(0);
    let crediting = apply(moved.clone(), ReturnCommand::Announce(started(credit.effect(), 1)));
    let credited = settled(moved.clone());
    let states = [
        requested(blind),
        new.clone(),
        released.clone(),
        apply(requested(approve), reserve()),
        apply(new, denial),
        apply(released, ReturnCommand::Announce(started(ReturnEffect::AuthorizeReturn, 1))),
        authorized,
        planned,
        announced.clone(),
        received,
        moved,
        crediting,
        credited.clone(),
        apply(credited, receipt("1", 19, &[(GOOD, 2)])),
        apply(announced, ReturnCommand::Cancel(None)),
    ];
    STAGES.iter().map(|(stage, _)| *stage).zip(states).collect()
}

/// The decision table as a page of the documentation.
fn page(table: &str) -> String {
    let mut page = String::from(
        "# What a return answers\n\n\
         For every command, its answer in every stage of a return: the events that are committed, `nothing new` where the return\n\
         knows it already or has no use for it, or a refusal with its code. `cargo test -p domain` compares this page with the\n\
         code and prints the page as it has to be. [returns.md](returns.md) says how a return works.\n\n\
         | stage | the return |\n|---|---|\n| absent | was never requested |\n",
    );
    for (stage, what) in STAGES {
        page.push_str(&format!("| {stage} | {what} |\n"));
    }
    page.push_str("\n| command | makes | in the stages |\n|---|---|---|\n");
    let mut command = "";
    for line in table.lines() {
        let Some(answer) = line.strip_prefix("  ") else {
            command = line;
            continue;
        };
        let (answer, stages) = answer.split_once(": ").unwrap();
        let answer = match (answer, answer.strip_prefix('!')) {
            ("-", _) => "nothing new".to_owned(),
            (_, Some(code)) => format!("refused: `{code}`"),
            (events, None) => format!("`{}`", events.replace('+', "`, `")),
        };
        page.push_str(&format!("| {command} | {answer} | {} |\n", stages.replace(' ', ", ")));
    }
    page
}

#[test]
fn every_command_has_one_answer_in_every_stage() {
    let table = crate::samples::table(stages(), ReturnCommand::Request(request(&[(1, 3)])), after, name);
    let page = page(&table);
    let written = include_str!("../../../../../docs/return-states.md");
    assert!(written == page, "docs/return-states.md differs from the code. It should be:\n{page}");
}

#[test]
fn a_fact_is_never_refused() {
    let is_request = |command: &ReturnCommand| {
        matches!(name(command), "request" | "match" | "approve" | "deny" | "extend" | "cancel" | "decide")
    };
    let mut command = Some(ReturnCommand::Request(request(&[(1, 3)])));
    while let Some(this) = command {
        for (stage, state) in stages().into_iter().filter(|_| !is_request(&this)) {
            let events = state.decide(this.clone()).unwrap();
            let is_refused = events.iter().any(|event| matches!(event, ReturnEvent::RequestRejected(_)));
            assert!(!is_refused, "{stage}: {this:?}");
        }
        command = after(&this);
    }
}
