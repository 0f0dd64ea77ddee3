//! Signing in and out.

use console::page::{Frame, Person};
use console::session::Ticket;
use console::sign_in::{
    Pending, Refused, SESSION, SESSION_TIME, SIGN_IN, SIGN_IN_TIME, Settings, check, cookie, digest, identity_token,
    key_of, removed, set, text_matches,
};
use console::{Role, Route};
use engine::http::{Request, Response};
use engine::sessions::{Session, Sessions};
use engine::{Context, Failure};

use crate::identity::{self, Exchange};
use crate::{Ports, is_ours, say, see_other};

/// Sends the person to the provider; on a local stack, a throw-away token is enough.
pub(crate) async fn begin<J, P, V, D, H, S>(
    ports: &Ports<J, P, V, D, H, impl Sessions, S, impl Exchange>,
    settings: &Settings,
    to: &str,
    request: &Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let frame = Frame { site: &settings.site, person: None, now: cx.now };
    if let Some(token) = request.query.get("local").filter(|_| ports.local) {
        return match settings.local(token) {
            Some((subject, roles)) => signed_in(ports, settings, subject, &roles, to, cx).await,
            None => Ok(say(403, &frame, "Not signed in", "There is no such token on this stack.")),
        };
    }
    let Some(provider) = &settings.provider else {
        let text = "No identity provider is set up. On a local stack, open the address that `cargo xtask up` prints.";
        return Ok(say(403, &frame, "Not signed in", text));
    };
    let metadata = identity::metadata(&ports.identity, provider, cx.now).await?;
    let pending = Pending::begin(Route::after_sign_in(to).address(), cx.now)?;
    let address = pending.address(provider, &metadata, &settings.site.return_address());
    Ok(see_other(&address).with("set-cookie", set(SIGN_IN, &pending.sealed(&settings.keys)?, SIGN_IN_TIME)))
}

/// Reads the provider's answer. It counts once, for the browser that asked.
pub(crate) async fn finish<J, P, V, D, H, S>(
    ports: &Ports<J, P, V, D, H, impl Sessions, S, impl Exchange>,
    settings: &Settings,
    request: &Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let frame = Frame { site: &settings.site, person: None, now: cx.now };
    let refused = |status, why: &str| {
        tracing::warn!(outcome = "refused", "a sign-in was refused: {why}");
        Ok(say(status, &frame, "Not signed in", why).with("set-cookie", removed(SIGN_IN)))
    };
    let query = |name: &str| request.query.get(name).map_or("", String::as_str);
    let header = request.header("cookie").unwrap_or_default();
    let pending = cookie(header, SIGN_IN).and_then(|value| Pending::opened(&settings.keys, value, cx.now));
    let (Some(pending), Some(provider)) = (pending, &settings.provider) else {
        return refused(400, "This browser asked for no sign-in within the last ten minutes. Begin anew.");
    };
    if !text_matches(&pending.state, query("state")) {
        return refused(400, "The answer belongs to another sign-in. Begin anew.");
    }
    let once = Session {
        subject: "sign-in".to_owned(),
        digest: digest(&pending.state),
        roles: vec![],
        expires: pending.began.checked_add(SIGN_IN_TIME).unwrap_or(cx.now),
    };
    if !ports.sessions.begin(&once).await? {
        return refused(400, "This sign-in was used already. Begin anew.");
    }
    let metadata = identity::metadata(&ports.identity, provider, cx.now).await?;
    if !metadata.is_answer(request.query.get("iss").map(String::as_str)) {
        return refused(400, "The answer is of another identity provider.");
    }
    if query("code").is_empty() {
        return refused(403, "The identity provider did not sign you in.");
    }
    let form = pending.redemption(query("code"), &settings.site.return_address());
    let Some(body) = ports.identity.redeem(&metadata.token_endpoint, form, provider).await? else {
        return refused(403, "The identity provider did not take its own code back. Begin anew.");
    };
    let token = identity_token(&body).map_err(identity::unusable)?;
    let id = match key_of(&token) {
        Ok(id) => id,
        Err(Refused(why)) => return refused(403, &format!("The identity token is not believed: {why}.")),
    };
    let Some(key) = identity::key(&ports.identity, &metadata, id.as_deref(), cx.now).await? else {
        return refused(403, "The identity token is signed by an unknown key. Try again in a minute.");
    };
    match check(&token, &key, provider, &metadata, &pending.nonce, cx.now) {
        Ok(person) => signed_in(ports, settings, person.subject, &person.roles, &pending.to, cx).await,
        Err(Refused(why)) => refused(403, &format!("The identity token is not believed: {why}.")),
    }
}

async fn signed_in<J, P, V, D, H, S, I>(
    ports: &Ports<J, P, V, D, H, impl Sessions, S, I>,
    settings: &Settings,
    subject: String,
    roles: &[Role],
    to: &str,
    cx: &Context,
) -> Result<Response, Failure> {
    let (ticket, session) = Ticket::issue(subject, roles, cx.now)?;
    ports.sessions.begin(&session).await?;
    let to = Route::after_sign_in(to).href(&settings.site);
    let response = see_other(&to).with("set-cookie", set(SESSION, &ticket.value(), SESSION_TIME));
    Ok(response.with("set-cookie", removed(SIGN_IN)))
}

/// Ends the session, also for who has a copy of its cookie.
pub(crate) async fn end<J, P, V, D, H, S, I>(
    ports: &Ports<J, P, V, D, H, impl Sessions, S, I>,
    settings: &Settings,
    ticket: &Ticket,
    person: &Person,
    request: &Request,
    cx: &Context,
) -> Result<Response, Failure> {
    let frame = Frame { site: &settings.site, person: None, now: cx.now };
    let form: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    if !is_ours(&settings.site, person, request, form.get("token").map_or("", String::as_str)) {
        return Ok(say(
            400,
            &frame,
            "Refused",
            "This was not sent by the console's own form. You are still signed in.",
        ));
    }
    ports.sessions.end(&ticket.subject, &ticket.digest()).await?;
    Ok(say(200, &frame, "Signed out", "Your session has ended.").with("set-cookie", removed(SESSION)))
}
