//! `crossdock token`: the tokens of API clients.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use cloud::operator::OperatorSecret;
use domain::PartnerId;
use engine::Failure;
use jiff::{SignedDuration, Timestamp};
use partners::Registry;
use serde_json::{Value, json};
use usecases::tokens::{self, ListedToken, SCOPES, TokenList};

use crate::audit::Act;
use crate::change::{Change, NOTHING_CHANGED};
use crate::connection::{Connection, Deployment};
use crate::dlq::lease;
use crate::output::{self, FOUND, Output, words};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the tokens: client, scopes, beginning of the digest, expiry. The tokens themselves are stored nowhere.
    #[command(after_help = "Examples:\n  crossdock token ls\n  crossdock token ls --json\n\n\
        Exit codes:\n  0  listed\n  1  one is malformed or has expired\n  2  a call failed")]
    Ls,
    /// Makes a token and prints it, once. Without --execute, says what it would do.
    ///
    /// The token works at once; if it is tried within ten seconds after a wrong one, it may be refused for a minute. A client may
    /// have several tokens, so that it can change from one to the next. Its name is the source of its orders: it cannot be the
    /// name of a partner, and a renamed client does not see its earlier orders.
    #[command(after_help = "Examples:\n  \
        crossdock token new portal --scopes orders:read,orders:write --why 'T-17: the new portal' --execute\n  \
        crossdock token new credit-team --scopes reviews:read,reviews:decide:credit --days 90 --why 'T-18' --execute\n\n\
        Exit codes:\n  0  done\n  2  a call failed, or the client may not have this name\n  4  another operator changes the tokens\n\n\
        What each scope allows: docs/runbooks/deploy.md#the-secrets")]
    New(New),
    /// Revokes the tokens of a client. Without --execute, says what it would do.
    ///
    /// Functions and the gateway keep what they know for six minutes at most; then the tokens authorize nothing.
    #[command(after_help = "Examples:\n  \
        crossdock token revoke portal --why 'T-19: it was in a log' --execute\n  \
        crossdock token revoke portal --digest 9f86d081 --why 'T-19' --execute   one of several, as `token ls` shows it\n\n\
        Exit codes:\n  0  done\n  1  the client has no such token\n  2  a call failed\n  4  another operator changes the tokens")]
    Revoke(Revoke),
}

#[derive(Args)]
pub(crate) struct New {
    /// The client's name: lower-case letters, digits and dashes.
    #[arg(value_name = "CLIENT")]
    client: PartnerId,
    /// Its scopes.
    #[arg(long, required = true, value_delimiter = ',', value_name = "SCOPE", value_parser = SCOPES)]
    scopes: Vec<String>,
    /// In how many days it expires.
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The client.
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Only the token whose digest begins so.
    #[arg(long, value_name = "DIGITS")]
    digest: Option<String>,
    #[command(flatten)]
    change: Change,
}

pub(crate) fn run(command: &Command, connection: &Connection, out: &Output) -> ExitCode {
    let end = match command {
        Command::Ls => output::wait(list(connection, out)),
        Command::New(asked) => output::wait(new(asked, connection, out)),
        Command::Revoke(asked) => output::wait(revoke(asked, connection, out)),
    };
    end.unwrap_or_else(|why| output::fail(&why))
}

async fn list(connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let secret = connection.deployment()?.tokens()?;
    let (list, _) = read(&secret).await.map_err(|failure| words(&failure))?;
    let now = Timestamp::now();
    let listed: Vec<Value> = list.tokens().map(|row| shown(row, now)).collect();
    let all_count = listed.iter().all(|row| row["state"] == "active");
    let text = || {
        let cell = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let row = |row: &Value| ["client", "state", "digest", "expires", "scopes", "why"].map(|name| cell(row, name));
        let head = ["CLIENT", "STATE", "DIGEST", "EXPIRES", "SCOPES", "WHY"];
        output::table(head, &listed.iter().map(row).collect::<Vec<_>>())
    };
    let printed = out.print(&json!({ "tokens": listed }), text);
    Ok(if all_count { printed } else { ExitCode::from(FOUND) })
}

/// A row as it is listed: never more of the digest than tells two tokens apart.
fn shown(row: Result<ListedToken, String>, now: Timestamp) -> Value {
    match row {
        Ok(token) => {
            let state = if token.is_expired(now) { "expired" } else { "active" };
            let digest = token.sha256.get(..8);
            json!({ "client": token.client, "state": state, "digest": digest, "made": token.made, "expires": token.expires, "scopes": token.scopes.join(" ") })
        }
        Err(why) => json!({ "state": "malformed", "why": why }),
    }
}

async fn new(asked: &New, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let New { client, scopes, days, change } = asked;
    let deployment = connection.deployment()?;
    let documents = engine::partner::Documents::documents(&deployment.registry()?).await;
    let documents = documents.map_err(|failure| words(&failure))?;
    let registry = Registry::read(&documents);
    if registry.partner(client.as_str()).is_some() || registry.broken(client.as_str()).is_some() {
        return Err(format!(
            "{client} is the name of a partner: orders of both would be one source's. Give the client another name"
        ));
    }
    let now = Timestamp::now();
    let lasting = SignedDuration::from_hours(24 * i64::from(*days));
    let expires = now.checked_add(lasting).map_err(|why| why.to_string())?;
    let what = json!({ "client": client, "scopes": scopes, "expires": expires, "dry_run": !change.execute });
    if !change.execute {
        let would = format!("{client} would get a token with {}, until {expires}", scopes.join(" "));
        return Ok(out.print(&what, || vec![would, NOTHING_CHANGED.to_owned()]));
    }
    let token = mint()?;
    let listed = ListedToken {
        client: client.to_string(),
        sha256: tokens::digest(&token),
        scopes: scopes.clone(),
        made: Some(now),
        expires: Some(expires),
    };
    let with = |list: TokenList| Ok((list.with(&listed)?, 1));
    let subject = Subject { verb: "token new", client: client.as_str(), what, now };
    match write(&deployment, connection, change, subject, with).await {
        Ok(Ok(())) => {}
        Ok(Err(exit)) => return Ok(exit),
        Err(why) => {
            let digest = listed.sha256.get(..8).unwrap_or_default();
            return Err(format!(
                "{why}\nIf `crossdock token ls` shows {digest}, revoke it: it was not shown to anyone"
            ));
        }
    }
    let document = json!({ "client": client, "scopes": scopes, "expires": expires, "token": token });
    output::say(&format!("The token of {client}, until {expires}. It is shown this once: give it to the client now."));
    Ok(out.print(&document, || vec![token.clone()]))
}

async fn revoke(asked: &Revoke, connection: &Connection, out: &Output) -> Result<ExitCode, String> {
    let Revoke { client, digest, change } = asked;
    let is_meant = |token: &ListedToken| {
        let digits = digest.as_deref().unwrap_or_default().to_ascii_lowercase();
        token.client == *client && token.sha256.to_ascii_lowercase().starts_with(&digits)
    };
    let deployment = connection.deployment()?;
    let (list, _) = read(&deployment.tokens()?).await.map_err(|failure| words(&failure))?;
    let (_, revoked) = list.without(is_meant);
    if revoked == 0 {
        output::say(&format!("{client} has no such token: crossdock token ls"));
        return Ok(ExitCode::from(FOUND));
    }
    let what = json!({ "client": client, "digest": digest, "tokens": revoked, "dry_run": !change.execute });
    if !change.execute {
        let would = format!("{revoked} of {client}'s tokens would be revoked");
        return Ok(out.print(&what, || vec![would, NOTHING_CHANGED.to_owned()]));
    }
    let subject = Subject { verb: "token revoke", client, what: what.clone(), now: Timestamp::now() };
    if let Err(exit) = write(&deployment, connection, change, subject, |list| Ok(list.without(is_meant))).await? {
        return Ok(exit);
    }
    let text = format!("{revoked} of {client}'s tokens are revoked; they authorize nothing after six minutes at most");
    Ok(out.print(&what, || vec![text]))
}

/// A change, for the audit records.
struct Subject<'a> {
    verb: &'a str,
    client: &'a str,
    what: Value,
    now: Timestamp,
}

/// Changes the list, with a record of it, while no other operator can. Returns how it ended if another one has the lease.
async fn write(
    deployment: &Deployment,
    connection: &Connection,
    change: &Change,
    subject: Subject<'_>,
    next: impl Fn(TokenList) -> Result<(TokenList, usize), Failure>,
) -> Result<Result<(), ExitCode>, String> {
    let Subject { verb, client, what, now } = subject;
    change.confirmed(connection, client, &format!("{verb} {client}"))?;
    let (audit, secret, who) = (deployment.audit()?, deployment.tokens()?, connection.operator()?);
    let act = Act { who: &who, why: &change.why, verb, about: client, now };
    let work = async {
        let (list, exists) = read(&secret).await?;
        let (list, changed) = next(list)?;
        if changed > 0 {
            secret.write(&list.text(), exists).await?;
        }
        Ok(((), what))
    };
    lease::alone(&audit, connection, tokens::SECRET, &act, Box::pin(work)).await
}

/// The list, and whether there is a secret.
async fn read(secret: &OperatorSecret) -> Result<(TokenList, bool), Failure> {
    match secret.read().await? {
        Some(text) => Ok((TokenList::read(&text)?, true)),
        None => Ok((TokenList::default(), false)),
    }
}

/// 256 random bits: no one guesses a token, so that its digest needs no salt.
fn mint() -> Result<String, String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).map_err(|why| format!("this machine gives no random numbers: {why}"))?;
    Ok(hex::encode(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_token_is_another_one_and_its_listing_does_not_give_it_away() {
        let (one, other) = (mint().unwrap(), mint().unwrap());
        assert!(one != other && one.len() == 64);
        let (made, now) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        let expires = now.checked_add(Duration::from_secs(1)).ok();
        let sha256 = tokens::digest(&one);
        let token = ListedToken {
            client: "portal".to_owned(),
            sha256: sha256.clone(),
            scopes: vec![],
            made: Some(made),
            expires,
        };
        let listed = shown(Ok(token.clone()), now).to_string();
        assert!(listed.contains(&sha256[..8]) && !listed.contains(&sha256) && !listed.contains(&one), "{listed}");
        assert_eq!(shown(Ok(token), expires.unwrap())["state"], "expired");
        assert_eq!(shown(Err("sha256 is missing".to_owned()), now)["state"], "malformed");
    }
}
