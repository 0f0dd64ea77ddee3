//! Starts `goods-issue-post`.

use cloud::Exit;
use goods_issue_post::{Ports, handle};
use partners::Partners;
use partners::http::HttpTransport;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    cloud::step(
        "goods-issue-post",
        async |start| {
            Ok(Ports {
                journal: start.journal()?,
                erp: Partners::new(
                    (start.registry()?, start.secrets()?),
                    HttpTransport::new(start.partners_may_be_private(), start.call_timeout())?,
                    start.clock(),
                    start.partner_health()?,
                ),
            })
        },
        handle,
    )
    .await
}
