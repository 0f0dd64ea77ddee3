//! Starts `view-project`.

use cloud::{BatchResult, Exit};
use engine::Commit;
use view_project::{Ports, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Exit {
    let project = async |ports: &Ports<_, _>, commits: &[Commit], cx: &engine::Context| {
        Ok(BatchResult::by_stream(commits, handle(ports, commits, cx).await))
    };
    let ports = async |start: &cloud::Start| Ok(Ports { journal: start.journal()?, views: start.views()? });
    cloud::stream("view-project", ports, project).await
}
