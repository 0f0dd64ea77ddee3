//! The journal is restored to an earlier time and adopted by the template's parameters, as docs/runbooks/restore.md says. The
//! deployment is made anew for it, so this runs alone, after all others.
//!
//! The emulator's point-in-time restore copies the present table, so a backup on demand, taken before the lost time, stands in for
//! it. The emulator cannot update a child stack: the stack is deleted, which stops every function, and created again with the
//! parameters, all of its tables restored: they stay when a stack is deleted, as on AWS, until the new one takes their names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use drive::live::{Live, VARIABLE};
use drive::operator::Operator;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::support::{Faults, Goods, Order, ends_well, found, live, once, reaches, submit, unique, until};

const STREAMED: [&str; 2] = ["JournalTable", "DeliveriesTable"];

/// The tables, by their logical ids.
const TABLES: [&str; 8] = [
    "JournalTable",
    "DeliveriesTable",
    "PartiesTable",
    "ViewsTable",
    "DueTable",
    "RegistryTable",
    "PartnerHealthTable",
    "AuditTable",
];

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[tokio::test]
#[ignore = "needs the local stack: cargo xtask test --stage live"]
async fn f13_what_a_restored_journal_lost_comes_back_once_and_all_ledgers_agree() {
    let before = live();
    let folder = std::env::temp_dir().join(format!("crossdock-live-{}", unique("restore")));
    // One order is done, and one waits for the ERP, when the backup is taken.
    let (done, waiting) = (Order::new("restore-done", Goods::East), Order::new("restore-waiting", Goods::East));
    let (lost, by_api) = (Order::new("restore-lost", Goods::Both), Order::of("portal", "restore-api", Goods::West));
    submit(&before, &done).await;
    ends_well(&before, &done).await;
    let mut fault = Faults::new(&before, &waiting);
    fault.script("erp", "allocation.create", &waiting, 1_000, json!({"kind": "down"})).await;
    submit(&before, &waiting).await;
    until("the ERP is asked for stock, and does not answer", async || (fault.applied().await > 0).then_some(())).await;
    let journal = backed_up(&before, "JournalTable").await;
    let restored_to = Timestamp::now();

    // The time that will be lost: the first goes on, two others are ordered, and all are invoiced.
    fault.mend().await;
    submit(&before, &lost).await;
    let answer =
        before.submit(Some("portal"), Some(&by_api.external), by_api.data.to_string().as_bytes()).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    for order in [&waiting, &lost] {
        ends_well(&before, order).await;
    }
    reaches(&before, &by_api, "invoiced").await;

    // Restore, and give the table what a restored one lacks. The other tables lose nothing; but the emulator gives a stack that is
    // made anew the names of the one before, and so empties its tables, and the deliveries' old stream would announce all of them.
    let mut tables = BTreeMap::from([("JournalTable", restored(&before, "JournalTable", &journal).await)]);
    for table in TABLES.into_iter().skip(1) {
        let backup = backed_up(&before, table).await;
        tables.insert(table, restored(&before, table, &backup).await);
    }

    // Adopt it under the next epoch.
    let mut parameters: Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{REPOSITORY}/infra/local/parameters.json")).unwrap())
            .unwrap();
    for (table, named) in &tables {
        parameters[format!("Restored{table}")] = json!(named);
        if STREAMED.contains(table) {
            parameters[format!("Restored{table}StreamArn")] = json!(stream_of(&before, named).await);
        }
    }
    let epoch = Timestamp::now().as_second();
    parameters["JournalEpoch"] = json!(format!("2@{}", Timestamp::from_second(epoch).unwrap()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("parameters.json");
    std::fs::write(&file, parameters.to_string()).unwrap();
    deploy(&before, &file);
    let live = Live::from_environment().unwrap();
    assert_eq!(live.resource("JournalTable").unwrap(), tables["JournalTable"]);

    // The journal knows nothing of the lost time, and the partners everything.
    assert_ne!(found(&live, &waiting).await.unwrap()["status"], "invoiced");
    assert!(found(&live, &lost).await.is_none() && found(&live, &by_api).await.is_none());
    assert_eq!(found(&live, &done).await.unwrap()["status"], "invoiced");
    let ann = Operator::new(&live, "ann", &folder).unwrap();
    let missing = ann.ask(1, &["restore", "missing"]).await.unwrap();
    let ids = |missing: &Value| {
        let orders = missing["orders"].as_array().unwrap().iter();
        let ours = orders
            .filter_map(|order| order["id"].as_str())
            .filter(|id| [&lost.id, &by_api.id].iter().any(|own| own == id));
        ours.map(str::to_owned).collect::<Vec<String>>()
    };
    assert_eq!(ids(&missing).len(), 2, "{missing}");

    // Reconcile with the partners.
    let from = restored_to.to_string();
    let again = ["restore", "deliveries", "--from", &from, "--rate", "100", "--why", "T-17: journal restored"];
    let dry = ann.ask(0, &again).await.unwrap();
    assert!(dry["dry_run"] == true && dry["deliveries"].as_u64().unwrap() >= 1, "{dry}");
    ann.ask(0, &[&again[..], &["--execute"]].concat()).await.unwrap();
    let queue = json!({"QueueUrl": live.queue("work-sweep").unwrap(), "MessageBody": "\"again\""});
    live.aws("AmazonSQS.SendMessage", &queue).await.unwrap();
    ends_well(&live, &lost).await;
    let missing = ann.ask(1, &["restore", "missing"]).await.unwrap();
    assert_eq!(ids(&missing), [by_api.id.as_str()], "the order of the API is left");
    let answer = live.submit(Some("portal"), Some(&by_api.external), by_api.data.to_string().as_bytes()).await.unwrap();
    assert_eq!(answer.status, 202, "{}", answer.body);
    live.aws("AmazonSQS.SendMessage", &queue).await.unwrap();
    for order in [&done, &waiting, &lost] {
        ends_well(&live, order).await;
    }
    let detail = reaches(&live, &by_api, "invoiced").await;
    once(&live, &by_api, &detail).await;
    let shown = live.read("/control/crm/state").await.unwrap()["statuses"][&lost.external]["version"].clone();
    assert_eq!(shown.as_u64().map(|version| version / 1_000_000_000), Some(2), "the CRM has the new epoch's picture");
    let tracked = found(&live, &lost).await.unwrap()["fulfillments"][0]["packages"][0]["tracking"].clone();
    let by_tracking = ann.ask(0, &["order", "find", tracked.as_str().unwrap()]).await.unwrap();
    assert_eq!(by_tracking["orders"][0]["id"], lost.id, "{by_tracking}");
}

/// Makes a backup of a table, and returns its ARN.
async fn backed_up(live: &Live, table: &str) -> String {
    let backup = json!({"TableName": live.resource(table).unwrap(), "BackupName": "drill"});
    let backup = live.aws("DynamoDB_20120810.CreateBackup", &backup).await.unwrap();
    backup["BackupDetails"]["BackupArn"].as_str().unwrap().to_owned()
}

/// Restores a backup as another table, with a stream where it has one, and returns its name.
async fn restored(live: &Live, table: &str, backup: &str) -> String {
    let name = format!("{}-{table}-R{}", live.stack(), Timestamp::now().as_second());
    let restore = json!({"TargetTableName": name, "BackupArn": backup});
    live.aws("DynamoDB_20120810.RestoreTableFromBackup", &restore).await.unwrap();
    if STREAMED.contains(&table) {
        let stream = json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"});
        let stream = json!({"TableName": name, "StreamSpecification": stream});
        live.aws("DynamoDB_20120810.UpdateTable", &stream).await.unwrap();
    }
    name
}

/// The ARN of a table's stream.
async fn stream_of(live: &Live, table: &str) -> String {
    let described = live.aws("DynamoDB_20120810.DescribeTable", &json!({"TableName": table})).await.unwrap();
    described["Table"]["LatestStreamArn"].as_str().unwrap().to_owned()
}

/// Deploys the working tree's template with these parameters. The description of the stack is written anew.
fn deploy(live: &Live, parameters: &Path) {
    let program = std::env::current_exe().unwrap();
    let binaries: PathBuf =
        program.ancestors().skip(1).take(2).find(|folder| folder.join("crossdock").is_file()).unwrap().to_owned();
    let port = live.endpoint.rsplit(':').next().unwrap();
    let mut command = Command::new(format!("{REPOSITORY}/.local/venv/bin/python"));
    command.arg(format!("{REPOSITORY}/infra/local/deploy.py")).arg("--binaries").arg(binaries);
    command.arg("--parameters").arg(parameters).args(["--port", port, "--partners", &live.partners]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{VARIABLE} has no new stack: {said}");
}
