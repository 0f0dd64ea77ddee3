//! Starts `console-serve`.

use cloud::Exit;
use console_serve::{Ports, ProviderOverHttp, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let ports = async |start: &cloud::Start| {
        Ok(Ports {
            journal: start.journal()?,
            parties: start.parties()?,
            views: start.views()?,
            registry: start.registry()?,
            partner_health: start.partner_health()?,
            sessions: start.sessions()?,
            secrets: start.secrets()?,
            identity: ProviderOverHttp::new(start.local_sign_in(), start.timeout() * 2 / 5)?,
            local: start.local_sign_in(),
        })
    };
    cloud::http("console-serve", ports, handle).await
}
