//! `crossdock partner health`, `pause` and `resume`: whether partners are called.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use domain::PartnerId;
use engine::partner_health::{CallOutcome, Limits, PartnerHealth, PartnerHealthStore, Permit};
use engine::{Code, Failure};
use jiff::Timestamp;
use partners::Registry;
use serde_json::{Value, json};

use crate::audit::Act;
use crate::change::{Change, NOTHING_CHANGED};
use crate::connection::Connection;
use crate::output::{self, FOUND, Output, words};
use crate::span;

#[derive(Args)]
pub(crate) struct Health {
    /// Only this partner.
    #[arg(value_name = "PARTNER")]
    partner: Option<PartnerId>,
}

#[derive(Args)]
pub(crate) struct Pause {
    /// The partner.
    #[arg(value_name = "PARTNER")]
    partner: PartnerId,
    /// For how long: 90m, 8h.
    #[arg(long = "for", value_name = "SPAN", value_parser = pause_time)]
    span: Duration,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
pub(crate) struct Resume {
    /// The partner.
    #[arg(value_name = "PARTNER")]
    partner: PartnerId,
    #[command(flatten)]
    change: Change,
}

fn pause_time(text: &str) -> Result<Duration, String> {
    let span = span::read(text).and_then(|span| Duration::try_from(span).ok()).filter(|span| !span.is_zero());
    span.ok_or_else(|| "give a span such as 90m or 8h".to_owned())
}

pub(crate) async fn health(asked: &Health, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let store = deployment.partner_health()?;
    let partners: Vec<PartnerId> = match &asked.partner {
        Some(partner) => vec![partner.clone()],
        None => {
            let documents = engine::partner::Documents::documents(&deployment.registry()?).await;
            let documents = documents.map_err(|failure| words(&failure))?;
            Registry::read(&documents).partners().map(|partner| partner.id.clone()).collect()
        }
    };
    let (now, mut listed) = (Timestamp::now(), Vec::new());
    for partner in partners {
        let (health, _) = store.read(&partner).await.map_err(|failure| words(&failure))?;
        listed.push(json!({ "partner": partner, "state": state(&health, now), "health": health }));
    }
    let all_well = listed.iter().all(|partner| partner["state"] == "healthy");
    let text = || {
        let text = |partner: &Value, name: &str| partner[name].as_str().unwrap_or("-").to_owned();
        let until = |partner: &Value| {
            let until = ["limited_until", "open_until"].iter().find_map(|name| partner["health"][name].as_str());
            until.unwrap_or("-").to_owned()
        };
        let row = |partner: &Value| [text(partner, "partner"), text(partner, "state"), until(partner)];
        output::table(["PARTNER", "STATE", "UNTIL"], &listed.iter().map(row).collect::<Vec<_>>())
    };
    let printed = out.print(&json!({ "partners": listed }), text);
    Ok(if all_well { printed } else { ExitCode::from(FOUND) })
}

fn state(health: &PartnerHealth, now: Timestamp) -> &'static str {
    let is_asked_to_wait = health.takes(now, Duration::from_secs(10)) == 0 && health.open_until().is_none();
    match (health.open_until(), is_asked_to_wait, health.is_slow()) {
        (Some(_), _, _) => "circuit open",
        (None, true, _) => "paused or limited",
        (None, false, true) => "slow",
        (None, false, false) => "healthy",
    }
}

pub(crate) async fn pause(asked: &Pause, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let now = Timestamp::now();
    let until = now.checked_add(asked.span).map_err(|why| why.to_string())?;
    change("partner pause", &asked.partner, &asked.change, connection, out, now, |health| paused(health, until, now))
        .await
}

pub(crate) async fn resume(asked: &Resume, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let now = Timestamp::now();
    Box::pin(change("partner resume", &asked.partner, &asked.change, connection, out, now, |_| {
        PartnerHealth::default()
    }))
    .await
}

/// The health of a partner that asks for no call before `until`, as by a 429.
fn paused(health: &PartnerHealth, until: Timestamp, now: Timestamp) -> PartnerHealth {
    // They are not used for this outcome.
    let limits = Limits { slow: Duration::MAX, in_flight: 0, rate: None };
    health.after(&limits, &Permit::default(), CallOutcome::Later(until), now).unwrap_or_else(|| health.clone())
}

async fn change(
    verb: &str,
    partner: &PartnerId,
    asked: &Change,
    connection: &Connection,
    out: &Output,
    now: Timestamp,
    next: impl Fn(&PartnerHealth) -> PartnerHealth,
) -> Result<ExitCode, String> {
    let deployment = connection.deployment()?;
    let store = deployment.partner_health()?;
    let (before, _) = store.read(partner).await.map_err(|failure| words(&failure))?;
    let shown = json!({ "partner": partner, "before": before, "after": next(&before), "dry_run": !asked.execute });
    let state_after = state(&next(&before), now);
    if !asked.execute {
        let text = || vec![format!("{partner} would be {state_after}"), NOTHING_CHANGED.to_owned()];
        return Ok(out.print(&shown, text));
    }
    asked.confirmed(connection, partner.as_str(), &format!("{verb} {partner}"))?;
    let (audit, who) = (deployment.audit()?, connection.operator()?);
    let act = Act { who: &who, why: &asked.why, verb, about: partner.as_str(), now };
    let work = async {
        replace(&store, partner, &next).await?;
        Ok(((), shown.clone()))
    };
    act.done(&audit, Box::pin(work)).await.map_err(|failure| words(&failure))?;
    Ok(out.print(&shown, || vec![format!("{partner} is {state_after}")]))
}

/// Functions write it, too: decide again over their version, a bounded number of times.
async fn replace(
    store: &impl PartnerHealthStore,
    partner: &PartnerId,
    next: impl Fn(&PartnerHealth) -> PartnerHealth,
) -> Result<(), Failure> {
    for _ in 0..10 {
        let (health, version) = store.read(partner).await?;
        if store.swap(partner, version, &next(&health)).await? {
            return Ok(());
        }
    }
    Err(Failure::transient(Code::StoreBusy, "functions write the partner's health all the time: run it again"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testkit::memory::MemoryPartnerHealth;

    use super::*;

    #[tokio::test]
    async fn a_paused_partner_is_not_called_before_its_time_and_a_resumed_one_is() {
        let (store, partner): (_, PartnerId) = (MemoryPartnerHealth::default(), "eastco".parse().unwrap());
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let until = now.checked_add(Duration::from_secs(3_600)).unwrap();
        replace(&store, &partner, |health| paused(health, until, now)).await.unwrap();
        let (health, _) = store.read(&partner).await.unwrap();
        assert_eq!((health.takes(now, Duration::from_secs(10)), state(&health, now)), (0, "paused or limited"));
        assert!(health.takes(until, Duration::from_secs(10)) > 0, "it ends by itself");
        replace(&store, &partner, |_| PartnerHealth::default()).await.unwrap();
        let (health, _) = store.read(&partner).await.unwrap();
        assert_eq!(state(&health, now), "healthy");
    }
}
