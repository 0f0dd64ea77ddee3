//! `crossdock review`: the worklist, and decisions.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::review::{Choice, Decision, ManualDocument, ReviewKind};
use domain::{Fulfillment, FulfillmentCommand, Order, OrderCommand, Rejection, Workflow};
use engine::stores::Views;
use engine::{Context, Failure, Journal, Stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use usecases::change::{self, Answer, WorkKey};
use views::OPEN_REVIEWS;

use crate::audit::Act;
use crate::change::NOTHING_CHANGED;
use crate::connection::Connection;
use crate::operator::context;
use crate::output::{self, FOUND, Output, words};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the open reviews, the most urgent first.
    #[command(after_help = "Examples:\n  crossdock review ls\n  crossdock review ls --kind late --json\n\n\
        Exit codes:\n  0  none is open\n  1  some are\n  2  a call failed")]
    Ls(Ls),
    /// Decides a review. docs/runbooks/reviews.md says what follows from each choice.
    ///
    /// Without --execute, says what would be decided. A review that is closed is not decided again.
    #[command(after_help = "Examples:\n  \
        crossdock review decide ord_6ce86670g2ykygj63p6wp7y650.unpriceable-a1b2c3d4e5f6 retry --why 'T-17: article corrected' --execute\n\n\
        Exit codes:\n  0  decided\n  1  refused: the review is closed, or does not offer the choice\n  2  a call failed")]
    Decide(Decide),
}

#[derive(Args)]
pub(crate) struct Ls {
    /// Only this kind.
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The most that are listed.
    #[arg(long, default_value_t = 200, value_name = "N")]
    most: usize,
}

#[derive(Args)]
pub(crate) struct Decide {
    /// The review's id, as the list shows it.
    #[arg(value_name = "REVIEW")]
    review: String,
    /// One of the choices that it offers.
    #[arg(value_name = "CHOICE", value_parser = choice)]
    choice: Choice,
    /// Why; it becomes the decision's note in the journal, and the audit record's. No personal data.
    #[arg(long, visible_alias = "reason", value_name = "TEXT")]
    why: String,
    /// For `resolved_manually`: the document that was made by hand, as JSON: {"number": "SO-1"}.
    #[arg(long, value_name = "JSON", value_parser = document)]
    document: Option<ManualDocument>,
    /// Does it.
    #[arg(long)]
    execute: bool,
    /// The review's id, in place of typing it when asked: every deployment on AWS asks.
    #[arg(long, value_name = "REVIEW")]
    confirm: Option<String>,
}

fn choice(text: &str) -> Result<Choice, String> {
    let known = || Choice::ALL.iter().map(|choice| choice.as_str()).collect::<Vec<_>>().join(", ");
    Choice::ALL.iter().copied().find(|choice| choice.as_str() == text).ok_or_else(|| format!("one of {}", known()))
}

fn document(text: &str) -> Result<ManualDocument, String> {
    serde_json::from_str(text).map_err(|why| why.to_string())
}

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Ls(asked) => output::wait(ls(asked, connection, out)),
        Command::Decide(asked) => output::wait(decide(asked, connection, out)),
    };
    end.unwrap_or_else(|why| output::fail(&why))
}

async fn ls(asked: &Ls, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let views = connection.deployment()?.views()?;
    let reviews = open(&views, asked).await.map_err(|failure| words(&failure))?;
    let text = || {
        if reviews.is_empty() {
            return vec!["no review is open".to_owned()];
        }
        let text = |review: &Value, name: &str| review[name].as_str().unwrap_or("-").to_owned();
        let options = |review: &Value| {
            let options = review["options"].as_array().into_iter().flatten();
            options.filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        };
        let row =
            |review: &Value| [text(review, "decide_by"), text(review, "id"), options(review), text(review, "reason")];
        output::table(["DECIDE BY", "REVIEW", "CHOICES", "REASON"], &reviews.iter().map(row).collect::<Vec<_>>())
    };
    let printed = out.print(&json!({ "reviews": reviews }), text);
    Ok(if reviews.is_empty() { printed } else { ExitCode::from(FOUND) })
}

async fn open(views: &impl Views, asked: &Ls) -> Result<Vec<Value>, Failure> {
    let (mut reviews, mut cursor) = (Vec::new(), None);
    while reviews.len() < asked.most {
        let page = views.list(OPEN_REVIEWS, 100, cursor.as_deref()).await?;
        let is_asked = |review: &Value| asked.kind.as_ref().is_none_or(|kind| review["kind"] == kind.as_str());
        reviews.extend(views::documents(&page.rows).into_iter().flat_map(views::each).filter(is_asked));
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    reviews.truncate(asked.most);
    Ok(reviews)
}

async fn decide(asked: &Decide, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let result = |status: &str, why: Option<String>| json!({ "review": asked.review, "choice": asked.choice, "status": status, "why": why });
    if !asked.execute {
        let text = || {
            vec![format!("{} would be decided: {}", asked.review, asked.choice.as_str()), NOTHING_CHANGED.to_owned()]
        };
        return Ok(out.print(&result("dry_run", None), text));
    }
    let what = format!("{} of {}", asked.choice.as_str(), asked.review);
    connection.confirmed(asked.confirm.as_deref(), &asked.review, &what)?;
    let deployment = connection.deployment()?;
    let (journal, audit, who) = (deployment.journal()?, deployment.audit()?, connection.operator()?);
    let now = Timestamp::now();
    let act = Act { who: &who, why: &asked.why, verb: "review decide", about: &asked.review, now };
    let cx = context(&who, deployment.epoch(), now);
    let work = async {
        let answer = Box::pin(carry_out(&journal, &cx, &who, asked)).await?;
        let shown = json!({ "choice": asked.choice, "answer": format!("{answer:?}") });
        Ok((answer, shown))
    };
    let (status, why) = match act.done(&audit, Box::pin(work)).await.map_err(|failure| words(&failure))? {
        Answer::Accepted => ("decided", None),
        Answer::Refused(why) => ("refused", Some(why.to_string())),
        Answer::Unknown => ("refused", Some("there is no such review".to_owned())),
    };
    let text = || {
        vec![format!("{}: {status}{}", asked.review, why.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
    };
    let printed = out.print(&result(status, why.clone()), text);
    Ok(if why.is_some() { ExitCode::from(FOUND) } else { printed })
}

async fn carry_out(journal: &impl Journal, cx: &Context, who: &str, asked: &Decide) -> Result<Answer, Failure> {
    let Some((stream, review)) = asked.review.split_once('.') else { return Ok(Answer::Unknown) };
    match (stream.parse(), stream.parse()) {
        (Ok(order), _) => decide_in::<Order>(journal, cx, &order, review, who, asked, OrderCommand::Decide).await,
        (Err(_), Ok(fulfillment)) => {
            decide_in::<Fulfillment>(journal, cx, &fulfillment, review, who, asked, FulfillmentCommand::Decide).await
        }
        (Err(_), Err(_)) => Ok(Answer::Unknown),
    }
}

async fn decide_in<W: Workflow>(
    journal: &impl Journal,
    cx: &Context,
    id: &W::Id,
    review: &str,
    who: &str,
    asked: &Decide,
    command: impl FnOnce(Decision<W::Review>) -> W::Command,
) -> Result<Answer, Failure> {
    let name = review.split_once('-').map_or(review, |(name, _)| name);
    let Some(kind) = W::Review::ALL.iter().copied().find(|kind| kind.as_str() == name) else {
        return Ok(Answer::Unknown);
    };
    let decision = Decision {
        review: review.to_owned(),
        kind,
        choice: asked.choice,
        document: asked.document.clone(),
        by: format!("operator/{who}"),
        note: engine::redact::text(&asked.why.chars().take(500).collect::<String>()),
    };
    // A review that opens again after a decision is decided anew, so the stream's version is a part of the key.
    let stream = Stream::<W>::load(journal, id, cx).await?;
    if !stream.state.as_ref().is_some_and(|state| state.reviews().iter().any(|own| own.key() == review)) {
        return Ok(Answer::Refused(Rejection::new("REVIEW_NOT_OPEN", "it does not wait for a decision (any more)")));
    }
    let payload = [review, asked.choice.as_str(), &decision.note];
    let work_key = WorkKey::of_client(&format!("operator/{who}"), &format!("{review}/{}", stream.version), &payload);
    change::decide::<W>(journal, cx, id, &work_key, command(decision)).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::{Cause, Commit, Epoch};
    use testkit::memory::MemoryJournal;

    use super::*;

    const SUBMITTED: &str = include_str!("../../../events/samples/bus/order.submitted.json");
    const UNPRICEABLE: &str = include_str!("../../../events/samples/bus/order.unpriceable.json");

    /// An order that the ERP cannot price.
    fn journal() -> (MemoryJournal, String) {
        let journal = MemoryJournal::default();
        let subject = |event: &Value| event["subject"].as_str().unwrap_or_default().to_owned();
        let mut stream = String::new();
        for (version, event) in [(1, SUBMITTED), (2, UNPRICEABLE)] {
            let event: Value = serde_json::from_str(event).unwrap();
            stream = subject(&event);
            journal.overwrite(&Commit {
                stream: stream.clone(),
                version,
                cause: Cause::new("test", &version.to_string()),
                correlation: "c-1".to_owned(),
                caused_by: None,
                actor: "test".to_owned(),
                at: "2026-03-02T10:00:00Z".parse().unwrap(),
                traceparent: None,
                epoch: "1".to_owned(),
                events: json!([event["data"]]).to_string(),
                opened_reviews: Vec::new(),
                listed: true,
                wakes: Vec::new(),
            });
        }
        (journal, stream)
    }

    #[tokio::test]
    async fn a_decision_is_committed_once_with_the_operator_as_its_actor() {
        let (journal, stream) = journal();
        let id: domain::OrderId = stream.strip_prefix("order/").unwrap().parse().unwrap();
        let now = "2026-03-02T12:00:00Z".parse().unwrap();
        let cx = context("ann", Epoch::FIRST, now);
        let open = Stream::<Order>::load(&journal, &id, &cx).await.unwrap().state.unwrap().reviews().remove(0);
        let decide = |choice| Decide {
            review: format!("{id}.{}", open.key()),
            choice,
            why: "T-17: article corrected".to_owned(),
            document: None,
            execute: true,
            confirm: None,
        };
        let answer = async |choice| {
            carry_out(&journal, &context("ann", Epoch::FIRST, now), "ann", &decide(choice)).await.unwrap()
        };
        assert!(matches!(answer(Choice::Approve).await, Answer::Refused(_)), "it does not offer that");
        assert_eq!(answer(Choice::Retry).await, Answer::Accepted);
        let commit =
            journal.commits(&stream).into_iter().find(|commit| commit.events.contains("review_decided")).unwrap();
        assert_eq!(commit.actor, "operator/ann");
        assert!(commit.events.contains("T-17: article corrected"));
        let commits = journal.commits(&stream).len();
        assert!(matches!(answer(Choice::Retry).await, Answer::Refused(why) if why.code == "REVIEW_NOT_OPEN"));
        assert_eq!(journal.commits(&stream).len(), commits, "a closed review gets no commit");
    }
}
