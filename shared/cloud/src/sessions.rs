//! People's sessions at the console in DynamoDB. Items expire by themselves; a reader looks at the time all the same.

use aws_sdk_dynamodb::Client;
use engine::Failure;
use engine::sessions::{Session, Sessions};
use jiff::Timestamp;

use crate::errors::{condition_failed, failure};
use crate::items::{Item, Reader, item, number, text};

/// The table of sessions.
#[derive(Debug, Clone)]
pub struct SessionsTable {
    client: Client,
    table: String,
}

impl SessionsTable {
    pub(crate) fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }
}

impl Sessions for SessionsTable {
    async fn begin(&self, session: &Session) -> Result<bool, Failure> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item_of(session)));
        let put = put.condition_expression("attribute_not_exists(#s)").expression_attribute_names("#s", "subject");
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error).is_some() => Ok(false),
            Err(error) => Err(failure("PutItem in sessions", &error)),
        }
    }

    async fn find(&self, subject: &str, digest: &str) -> Result<Option<Session>, Failure> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let get = get.key("subject", text(subject)).key("digest", text(digest));
        let answer = get.send().await.map_err(|e| failure("GetItem from sessions", &e))?;
        answer.item.map(session_of).transpose()
    }

    async fn end(&self, subject: &str, digest: &str) -> Result<(), Failure> {
        let delete = self.client.delete_item().table_name(&self.table);
        let delete = delete.key("subject", text(subject)).key("digest", text(digest));
        delete.send().await.map(|_deleted| ()).map_err(|e| failure("DeleteItem in sessions", &e))
    }
}

fn item_of(session: &Session) -> Item {
    item([
        ("subject", Some(text(&session.subject))),
        ("digest", Some(text(&session.digest))),
        ("roles", Some(text(session.roles.join(" ")))),
        ("expires", Some(number(session.expires.as_second()))),
    ])
}

fn session_of(item: Item) -> Result<Session, Failure> {
    let mut item = Reader::new(item, "session");
    let expires = Timestamp::from_second(item.number("expires")?).map_err(|_not_shown| item.unreadable("expires"))?;
    let roles = item.text("roles")?.split_whitespace().map(str::to_owned).collect();
    Ok(Session { subject: item.text("subject")?, digest: item.text("digest")?, roles, expires })
}
