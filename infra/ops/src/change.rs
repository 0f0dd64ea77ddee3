//! What a verb that changes something has to be told, and how it ends where it was only to say what it would do.

use clap::Args;

use crate::connection::Connection;

#[derive(Args)]
pub(crate) struct Change {
    /// Why, for the audit records and for reviews. No personal data.
    #[arg(long, visible_alias = "reason", value_name = "TEXT")]
    pub(crate) why: String,
    /// Does it.
    #[arg(long)]
    pub(crate) execute: bool,
    /// The name that the question asks for, in place of typing it: every deployment on AWS asks.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// The last line of a verb that was only to say what it would do.
pub(crate) const NOTHING_CHANGED: &str = "Nothing was changed. Add --execute to do it.";

impl Change {
    /// See [`Connection::confirmed`].
    ///
    /// # Errors
    /// `name` was not given.
    pub(crate) fn confirmed(&self, connection: &Connection, name: &str, what: &str) -> Result<(), String> {
        connection.confirmed(self.confirm.as_deref(), name, what)
    }

    /// The last line: `done`, or that nothing was changed.
    pub(crate) fn end(&self, done: &str) -> String {
        if self.execute { done } else { NOTHING_CHANGED }.to_owned()
    }
}
