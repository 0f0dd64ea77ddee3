//! `partners`: a CRM, an ERP and two 3PLs over HTTP, for demonstrations and tests.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::Parser;
use jiff::Timestamp;
use testkit::partners::control::HELP;
use testkit::partners::outbox::Patience;
use testkit::partners::{Settings, World, serve};
use tokio::net::TcpListener;

/// Simulates the four local partners over HTTP: /crm (acme-crm), /erp (acme-erp), /eastco (our REST protocol) and /shipwest
/// (ShipBob's shapes). Prints its URL, then one line with ids, tokens and signing secrets, and runs until it is stopped.
///
/// The partners' own words about an SKU: …-C12 comes in cases of 12 (CS), …-W and …-E are stocked in WEST or EAST only, …-SPLIT
/// is allocated half and half, …-SHORT is nearly out; an SKU that does not begin with SKU- is unknown. Customers: C-POOR… gets
/// no credit, C-LIMIT-500… up to 500 dollars; one that does not begin with C- is unknown.
#[derive(Debug, Parser)]
#[command(version, after_help = format!("Control API:\n{HELP}"))]
struct Arguments {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Where webhooks go, as <URL>/v1/webhooks/<partner>. Until it is known (POST /control/gateway) they wait.
    #[arg(long)]
    gateway: Option<String>,
    /// Milliseconds between a warehouse's steps (accepted, packed, picked up, in transit, delivered).
    #[arg(long, default_value_t = 500)]
    pace_ms: u64,
    /// Packages per request; without it one per line, at most three.
    #[arg(long)]
    packages: Option<usize>,
    /// Milliseconds before a failed webhook is tried again; doubled every time.
    #[arg(long, default_value_t = 500)]
    retry_ms: u64,
    /// Attempts before a webhook is given up.
    #[arg(long, default_value_t = 10)]
    attempts: u32,
    /// Goes into every document number and message id, so that runs against one deployment do not share any; from the
    /// time by default.
    #[arg(long)]
    run: Option<String>,
    /// A partner's bearer token, as <partner>=<token>; a public one for local use by default. Repeatable.
    #[arg(long, value_name = "PARTNER=TOKEN")]
    token: Vec<String>,
    /// A partner's signing secret, as <partner>=whsec_<base64>; a public one for local use by default. Repeat it for one
    /// partner to sign with several (rotation).
    #[arg(long, value_name = "PARTNER=SECRET")]
    signing: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let world = world(&arguments)?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .with_context(|| format!("port {} is not to be had", arguments.port))?;
    let address = listener.local_addr()?;
    let described: Vec<_> = world.partners.iter().map(|partner| partner.described()).collect();
    let mut out = std::io::stdout();
    writeln!(out, "http://{address}")?;
    writeln!(out, "{}", serde_json::Value::from(described))?;
    out.flush()?;
    serve(listener, world, arguments.gateway).await?;
    Ok(())
}

fn world(arguments: &Arguments) -> anyhow::Result<World> {
    let run = arguments.run.clone().unwrap_or_else(|| format!("{:x}", Timestamp::now().as_second()));
    let mut world = World::new(&Settings {
        run,
        pace_ms: arguments.pace_ms,
        packages: arguments.packages,
        patience: Patience { attempts: arguments.attempts, first_wait_ms: arguments.retry_ms },
    });
    for (name, token) in pairs(&arguments.token)? {
        match world.partner_mut(name) {
            Some(partner) => partner.token = token.to_owned(),
            None => bail!("there is no partner {name}"),
        }
    }
    let signing = pairs(&arguments.signing)?;
    for partner in &mut world.partners {
        let own: Vec<String> = signing
            .iter()
            .filter(|(name, _)| *name == partner.id || *name == partner.prefix)
            .map(|(_, secret)| (*secret).to_owned())
            .collect();
        if !own.is_empty() {
            partner.signing = own;
        }
    }
    Ok(world)
}

fn pairs(arguments: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    arguments
        .iter()
        .map(|pair| pair.split_once('=').with_context(|| format!("{pair} is not <partner>=<value>")))
        .collect()
}
