//! Starts `token-authorize`.

use cloud::{Caller, Exit};
use token_authorize::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let authorize = async |ports: &Ports<_, _>, header: Option<&str>, cx: &engine::Context| {
        let client = handle(ports, header, cx).await?;
        Ok(client.map(|client| Caller { client: client.client, scopes: client.scopes }))
    };
    let ports = async |start: &cloud::Start| Ok(Ports { secrets: start.secrets()?, partner_names: start.registry()? });
    cloud::authorizer("token-authorize", ports, authorize).await
}
