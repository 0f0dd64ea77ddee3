//! A signed request to send by hand.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::live::{Live, order_id};

/// Where the samples are, from the repository's root, which `cargo xtask demo` starts us in.
const SAMPLES: &str = "events/samples/acme-crm";

pub(super) fn print(live: &Live, out: &mut dyn Write) -> Result<()> {
    let number = Timestamp::now().as_millisecond();
    let external = format!("CRM-HAND-{number}");
    let body = order(&external)?;
    let order = order_id("acme-crm", &external)?;
    let secrets = live.signing("acme-crm")?;
    let secret = secrets.first().context("the CRM has no signing secret")?;
    let key = STANDARD.decode(secret.trim_start_matches("whsec_")).context("the CRM's signing secret is not base64")?;
    let gateway = &live.gateway;
    let token = live.token("reader")?;
    writeln!(
        out,
        "\nSend an order of your own (edit it as you like before; it is signed when you paste this into a shell):\n\n\
         order='{body}'\n\
         id=msg_hand_{number} ts=$(date +%s)\n\
         signature=v1,$(printf '%s.%s.%s' \"$id\" \"$ts\" \"$order\" |\n  \
           openssl dgst -sha256 -mac HMAC -macopt hexkey:{} -binary | base64)\n\
         curl -si '{gateway}/v1/webhooks/acme-crm' -H 'content-type: application/json' \\\n  \
           -H \"webhook-id: $id\" -H \"webhook-timestamp: $ts\" -H \"webhook-signature: $signature\" --data-binary \"$order\"\n\n\
         Its result:\n\n\
         curl -s '{gateway}/v1/orders/{order}/timeline' -H 'authorization: Bearer {token}'\n\n\
         With one byte changed after signing it is refused with 401:\n\n\
         curl -si '{gateway}/v1/webhooks/acme-crm' -H 'content-type: application/json' \\\n  \
           -H \"webhook-id: $id\" -H \"webhook-timestamp: $ts\" -H \"webhook-signature: $signature\" --data-binary \"$order \"",
        hex::encode(key)
    )?;
    Ok(())
}

/// A sample of the CRM with an id of its own, so that it is a new order.
fn order(external: &str) -> Result<String> {
    let path = first_sample()?;
    let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut sample: Value = serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    sample["timestamp"] = json!(format!("{:.0}", Timestamp::now()));
    sample["data"]["id"] = json!(external);
    sample["data"]["customer_po"] = json!(format!("PO-{external}"));
    // The shell command has it between single quotes.
    Ok(sample.to_string().replace('\'', "\\u0027"))
}

fn first_sample() -> Result<PathBuf> {
    let folder = Path::new(SAMPLES);
    let split = folder.join("order.created.split.json");
    if split.exists() {
        return Ok(split);
    }
    let listed =
        fs::read_dir(folder).with_context(|| format!("no samples at {SAMPLES}: start it in the repository's root"))?;
    let mut paths: Vec<PathBuf> = listed.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    let orders =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("order.created"));
    paths.into_iter().find(orders).with_context(|| format!("{SAMPLES} has no order.created"))
}
