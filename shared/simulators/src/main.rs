//! `simulators`: a CRM, an ERP and two 3PLs over HTTP, for demonstrations and tests.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Parser;
use jiff::Timestamp;
use serde::Deserialize;
use simulators::control::HELP;
use simulators::outbox::RetryPolicy;
use simulators::{Settings, SimulatedPartners, serve};
use tokio::net::TcpListener;

/// Simulates the four local partners over HTTP: /crm (acme-crm), /erp (acme-erp), /eastco (our REST protocol) and /shipwest
/// (ShipBob's shapes). Prints its URL and runs until it is stopped; GET /control/partners has ids, tokens and signing secrets.
///
/// What an SKU's name means: …-C12 comes in cases of 12 (CS), …-W and …-E are stocked in WEST or EAST only, …-SPLIT
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
    /// A JSON file with tokens and signing secrets: {"partners": {"<partner>": {"token": "…", "signing": ["whsec_…"]}}}.
    /// Partners that are not in it keep public ones for local use.
    #[arg(long, value_name = "FILE")]
    secrets: Option<PathBuf>,
    /// A partner's bearer token, as <partner>=<token>, before what the file says. Repeatable.
    #[arg(long, value_name = "PARTNER=TOKEN")]
    token: Vec<String>,
    /// A partner's signing secret, as <partner>=whsec_<base64>, before what the file says. Repeat it for one partner to sign
    /// with several (rotation).
    #[arg(long, value_name = "PARTNER=SECRET")]
    signing: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let partners = simulated(&arguments)?;
    let listener = TcpListener::bind(("127.0.0.1", arguments.port))
        .await
        .with_context(|| format!("port {} is not to be had", arguments.port))?;
    let address = listener.local_addr()?;
    let mut out = std::io::stdout();
    writeln!(out, "http://{address}")?;
    out.flush()?;
    serve(listener, partners, arguments.gateway).await?;
    Ok(())
}

fn simulated(arguments: &Arguments) -> anyhow::Result<SimulatedPartners> {
    let run = arguments.run.clone().unwrap_or_else(|| format!("{:x}", Timestamp::now().as_second()));
    let mut partners = SimulatedPartners::new(&Settings {
        run,
        pace_ms: arguments.pace_ms,
        packages: arguments.packages,
        retry_policy: RetryPolicy { attempts: arguments.attempts, first_wait_ms: arguments.retry_ms },
    });
    if let Some(path) = &arguments.secrets {
        for (name, secrets) in read_secrets(path)?.partners {
            // The file is the whole deployment's: it may know partners that are not simulated.
            if let Some(partner) = partners.partner_mut(&name) {
                partner.token = secrets.token;
                partner.signing = secrets.signing;
            }
        }
    }
    for (name, token) in pairs(&arguments.token)? {
        match partners.partner_mut(name) {
            Some(partner) => partner.token = token.to_owned(),
            None => bail!("there is no partner {name}"),
        }
    }
    let signing = pairs(&arguments.signing)?;
    for partner in &mut partners.all {
        let own: Vec<String> = signing
            .iter()
            .filter(|(name, _)| *name == partner.id || *name == partner.prefix)
            .map(|(_, secret)| (*secret).to_owned())
            .collect();
        if !own.is_empty() {
            partner.signing = own;
        }
    }
    Ok(partners)
}

/// The file of [`Arguments::secrets`]; what else is in it concerns others.
#[derive(Deserialize)]
struct Secrets {
    partners: BTreeMap<String, PartnerSecrets>,
}

#[derive(Deserialize)]
struct PartnerSecrets {
    token: String,
    signing: Vec<String>,
}

fn read_secrets(path: &Path) -> anyhow::Result<Secrets> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    // The parser's own words could quote a secret.
    let read = serde_json::from_str(&text);
    read.map_err(|_| anyhow::anyhow!("{} is not of the form that --help shows", path.display()))
}

fn pairs(arguments: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    arguments
        .iter()
        .map(|pair| pair.split_once('=').with_context(|| format!("{pair} is not <partner>=<value>")))
        .collect()
}
