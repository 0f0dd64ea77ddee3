//! Tells a return what its order invoiced, line by line.
//!
//! - On: due work of the order: it is invoiced, and the return has asked it for units.
//! - Does: calls `ErpReturns::read_invoice`, which changes nothing and needs no claim.
//! - Then: `return.invoice_recorded`, after which goods can be credited.
//! - Fails: MSG-002 (malformed id), PRT-… (the ERP; PRT-003 if its invoice is not listed yet), STO-… (the journal).

use domain::{Order, Rejection, Return, ReturnCommand};
use engine::returns::ErpReturns;
use engine::{Code, Context, Failure, Journal, Outcome, Stream};
use usecases::work::ReturnWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, E> {
    /// Streams of returns and of their orders.
    pub journal: J,
    /// Reads invoices.
    pub erp: E,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl ErpReturns>,
    work: ReturnWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let mut stream = Stream::<Return>::load(&ports.journal, &work.return_id, cx).await?;
    let Some(id) = stream.state.as_ref().and_then(Return::order) else {
        return Ok(Outcome::Ignored("it is not known to which order the goods belong"));
    };
    let order = Stream::<Order>::load(&ports.journal, id, cx).await?;
    let invoiced = order.state.as_ref().filter(|order| order.stage.invoice().is_some());
    let Some(order) = invoiced else { return Ok(Outcome::Ignored("the order is not invoiced")) };
    let read = ports.erp.read_invoice(cx, id).await.map_err(|failure| failure.into_failure(cx.now))?;
    let missing = || Failure::transient(Code::PartnerGarbage, "the ERP does not list the order's invoice");
    let unusable = |why: Rejection| Failure::permanent(Code::PartnerGarbage, why.to_string());
    let invoice = read.ok_or_else(missing)?.in_stock_keeping_units(order).map_err(unusable)?;
    let cause = cx.cause(&format!("{}/{}", work.return_id, invoice.invoice));
    stream.commit(&ports.journal, cx, &cause, ReturnCommand::RecordInvoice(invoice)).await
}
