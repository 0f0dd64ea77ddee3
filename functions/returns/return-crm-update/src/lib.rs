//! Sends a return's newest picture to the CRM.
//!
//! - On: due work: the CRM shows another picture than the return's.
//! - Does: calls `CrmReturns::show_return` with the version of the stream. It needs no claim: the CRM drops a picture that is
//!   older than the one it shows.
//! - Then: `return.crm_updated`, which stays in the journal.
//! - Fails: MSG-002 (malformed id), PRT-… (the CRM), STO-… (the journal).

use domain::returns::ReturnCrmUpdated;
use domain::{Return, ReturnCommand};
use engine::returns::CrmReturns;
use engine::{Context, Failure, Journal, Outcome, Stream};
use usecases::work::ReturnWork;

/// The ports that this step uses.
#[derive(Debug)]
pub struct Ports<J, C> {
    /// Returns' streams.
    pub journal: J,
    /// Shows people at the customer's how their returns are doing.
    pub crm: C,
}

/// Carries out the step.
///
/// # Errors
/// See the module's header.
pub async fn handle(
    ports: &Ports<impl Journal, impl CrmReturns>,
    work: ReturnWork,
    cx: &Context,
) -> Result<Outcome, Failure> {
    let mut stream = Stream::<Return>::load(&ports.journal, &work.return_id, cx).await?;
    let Some(picture) = stream.state.as_ref().and_then(Return::picture_to_show) else {
        return Ok(Outcome::Ignored("the CRM is up to date"));
    };
    let (version, digest) = (stream.version, picture.digest());
    let shown = ports.crm.show_return(cx, &picture, cx.epoch.rank(version)).await;
    shown.map_err(|failure| failure.into_failure(cx.now))?;
    let cause = cx.cause(&format!("{}/{digest}", cx.epoch.rank(version)));
    let updated = ReturnCommand::RecordCrmUpdated(ReturnCrmUpdated { version, digest });
    stream.commit(&ports.journal, cx, &cause, updated).await
}
