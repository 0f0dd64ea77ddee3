//! Snapshots of long streams: items of the journal's table.

use engine::Failure;
use engine::snapshot::Snapshot;

use crate::items::{Item, Reader, bytes, item, number, text};

/// The table's key for a stream's snapshot. Like a natural key's, its item has version 0, by which the readers of the
/// table's stream pass it over.
pub(crate) fn snapshot_stream(stream: &str) -> String {
    format!("snapshot/{stream}")
}

pub(crate) fn snapshot_item(snapshot: &Snapshot) -> Item {
    item([
        ("stream", Some(text(snapshot_stream(&snapshot.stream)))),
        ("version", Some(number(0))),
        ("of_version", Some(number(snapshot.version))),
        ("fold", Some(number(snapshot.fold))),
        ("epoch", Some(text(&snapshot.epoch))),
        ("digest", Some(text(&snapshot.digest))),
        ("state", Some(bytes(&snapshot.state))),
    ])
}

pub(crate) fn snapshot_of(stream: &str, item: Item) -> Result<Snapshot, Failure> {
    let mut item = Reader::commit(item);
    Ok(Snapshot {
        stream: stream.to_owned(),
        version: item.number("of_version")?,
        fold: item.number("fold")?,
        epoch: item.text("epoch")?,
        digest: item.text("digest")?,
        state: item.bytes("state")?,
    })
}
