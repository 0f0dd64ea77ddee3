//! A person's decision of a review: of what was seen, by our own form, in the person's session.

use std::collections::BTreeMap;

use console::page::{self, Changed, Frame, Person, ReviewPage};
use console::rows::team_of;
use console::session::Ticket;
use console::{Action, Route};
use domain::intake::{Delivery, DeliveryCommand};
use domain::review::{Choice, Decision, ManualDocument, ReviewKind};
use domain::{DeliveryId, Fulfillment, FulfillmentCommand, FulfillmentId, Order, OrderCommand, OrderId, Workflow};
use engine::http::{Request, Response};
use engine::journal::CHANGED_SINCE;
use engine::stores::Parties;
use engine::{Context, Failure, Journal};
use usecases::change::{self, Answer, WorkKey};
use usecases::names;

use crate::reading::Reviewed;
use crate::{Ports, is_ours, page as answer, say, see_other};

/// In characters; the rest of a longer note is cut off.
const MAX_NOTE_LENGTH: usize = 500;

/// What the form says.
struct Form {
    choice: Choice,
    document: Option<ManualDocument>,
    note: String,
    seen: u64,
    key: String,
}

impl Form {
    fn read(fields: &BTreeMap<String, String>) -> Option<Self> {
        let text = |name: &str| fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
        let choice = Choice::ALL.iter().copied().find(|choice| Some(choice.as_str()) == text("choice"))?;
        let document = match text("number") {
            Some(number) if choice == Choice::ResolvedManually => {
                let mut document = serde_json::json!({ "number": number });
                for (name, value) in ["site", "total"].into_iter().filter_map(|name| Some((name, text(name)?))) {
                    document[name] = value.into();
                }
                Some(serde_json::from_value(document).ok()?)
            }
            Some(_) | None => None,
        };
        let key = text("key").filter(|key| key.len() <= 128 && key.bytes().all(|byte| byte.is_ascii_graphic()))?;
        let note = text("note").unwrap_or_default().chars().take(MAX_NOTE_LENGTH).collect();
        Some(Self { choice, document, note, seen: text("version")?.parse().ok()?, key: key.to_owned() })
    }
}

/// Commits the decision, or says why not.
pub(crate) async fn decide<V, D, H, N, S, I>(
    ports: &Ports<impl Journal, impl Parties, V, D, H, N, S, I>,
    frame: &Frame<'_>,
    ticket: &Ticket,
    person: &Person,
    id: &str,
    request: &Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let fields: BTreeMap<String, String> = url_fields(&request.body);
    if !is_ours(frame.site, person, request, fields.get("token").map_or("", String::as_str)) {
        return Ok(say(
            400,
            frame,
            "Refused",
            "This was not sent by the console's own form in this session. Nothing was decided.",
        ));
    }
    let (stream, review) = id.split_once('.').unwrap_or((id, ""));
    let team = team_of(id, review.split_once('-').map_or(review, |(kind, _)| kind));
    if !team.is_some_and(|team| person.may(Action::Decide(team))) {
        return Ok(say(403, frame, "Not for your roles", "Another team decides this. Nothing was decided."));
    }
    let Some(form) = Form::read(&fields) else {
        return Ok(say(
            400,
            frame,
            "Not a decision",
            "Choose one of the options; a number, a site or a total has to be one. Nothing was decided.",
        ));
    };
    let cx = &Context { actor: Some(format!("console/{}", person.subject)), ..cx.clone() };
    let work = Work { person, review, form: &form };
    let decided = if let Ok(order) = stream.parse::<OrderId>() {
        work.commit::<Order>(ports, &order, Some(&order), cx, OrderCommand::Decide).await?
    } else if let Ok(id) = stream.parse::<FulfillmentId>() {
        work.commit::<Fulfillment>(ports, &id, Some(id.order()), cx, FulfillmentCommand::Decide).await?
    } else if let Ok(delivery) = stream.parse::<DeliveryId>() {
        work.commit::<Delivery>(ports, &delivery, None, cx, DeliveryCommand::Decide).await?
    } else {
        Answer::Unknown
    };
    match decided {
        Answer::Accepted => {
            let to = match stream.parse::<DeliveryId>() {
                Ok(_) => Route::Reviews { team: String::new(), cursor: None },
                Err(_) => {
                    Route::Order { id: stream.split('-').next().unwrap_or(stream).to_owned(), lines: 0, packages: 0 }
                }
            };
            Ok(see_other(&to.href(frame.site)))
        }
        Answer::Refused(why) if why.code == CHANGED_SINCE => {
            // The fold of this invocation is from before; look anew.
            let cx = &Context { folds: Default::default(), ..cx.clone() };
            let Some(now) = Reviewed::load(&ports.journal, id, cx).await? else {
                return Ok(say(404, frame, "Not found", "There is no such review."));
            };
            let now = now.since(&ports.journal, id, form.seen, cx).await?;
            let key = ticket.decision_key(id, now.version);
            let open = now.review.as_ref();
            let open = open.map(|review| ReviewPage { review, order: now.order.clone(), version: now.version, key });
            let choice = form.choice.as_str();
            let changed = Changed { seen: form.seen, version: now.version, since: &now.entries, choice, now: open };
            Ok(answer(409, page::changed(frame, id, &changed)))
        }
        Answer::Refused(why) => Ok(say(409, frame, "Not decided", &format!("Nothing was decided: {}.", why.reason))),
        Answer::Unknown => Ok(say(404, frame, "Not found", "There is no such review.")),
    }
}

fn url_fields(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

struct Work<'a> {
    person: &'a Person,
    review: &'a str,
    form: &'a Form,
}

impl Work<'_> {
    async fn commit<W: Workflow>(
        &self,
        ports: &Ports<
            impl Journal,
            impl Parties,
            impl Sized,
            impl Sized,
            impl Sized,
            impl Sized,
            impl Sized,
            impl Sized,
        >,
        id: &W::Id,
        order: Option<&OrderId>,
        cx: &Context,
        command: impl FnOnce(Decision<W::Review>) -> W::Command,
    ) -> Result<Answer, Failure> {
        let Form { choice, document, note, seen, key } = self.form;
        let name = self.review.split_once('-').map_or(self.review, |(name, _)| name);
        let Some(kind) = W::Review::ALL.iter().copied().find(|kind| kind.as_str() == name) else {
            return Ok(Answer::Unknown);
        };
        let by = format!("console/{}", self.person.subject);
        let receiver = match order.filter(|_| !note.is_empty()) {
            Some(order) => match names::load(&ports.journal, order, cx).await?.state {
                Some(order) => ports.parties.fetch(&order.terms.submission.ship_to).await?,
                None => None,
            },
            None => None,
        };
        let made = document.as_ref().map(|made| serde_json::json!(made).to_string()).unwrap_or_default();
        let work_key = WorkKey::of_client(&by, key, &[self.review, choice.as_str(), note, &made]);
        let note = engine::redact::without_parties(note, &receiver);
        let decision =
            Decision { review: self.review.to_owned(), kind, choice: *choice, document: document.clone(), by, note };
        change::decide_seen::<W>(&ports.journal, cx, id, &work_key, *seen, command(decision)).await
    }
}
