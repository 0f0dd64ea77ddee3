//! The idempotency keys that a partner has seen.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::exchange::{Handled, Reply, Request};

/// The answer to each key, per operation. Only successes are stored: a refused request may be corrected and sent again with its
/// key.
#[derive(Debug, Clone, Default)]
pub(crate) struct IdempotencyKeys {
    answers: BTreeMap<(&'static str, String), (Value, Reply)>,
}

/// What is known about a request's key.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// The key is new: do the work, then call [`IdempotencyKeys::keep`].
    New {
        /// The key it came with.
        key: String,
        /// The parsed body.
        body: Value,
    },
    /// There is nothing to do: this is the answer.
    Settled(Handled),
}

impl IdempotencyKeys {
    /// A known key with the same body gets the same answer with status 200; with another body it is refused.
    pub(crate) fn look_up(&self, operation: &'static str, request: &Request) -> Lookup {
        let Some(key) = request.key() else {
            return settled(Reply::refused(400, "KEY_REQUIRED", "this call needs an Idempotency-Key"));
        };
        let body = match body_of(request) {
            Ok(body) => body,
            Err(reply) => return settled(reply),
        };
        match self.answers.get(&(operation, key.to_owned())) {
            None => Lookup::New { key: key.to_owned(), body },
            Some((known, reply)) if *known == body => settled(Reply { status: 200, ..reply.clone() }),
            Some(_) => settled(Reply::refused(409, "KEY_REUSED", "this key was used with another body")),
        }
    }

    /// Stores a success.
    pub(crate) fn keep(&mut self, operation: &'static str, key: String, body: Value, reply: &Reply) {
        self.answers.insert((operation, key), (body, reply.clone()));
    }
}

/// An action such as a release may come without a body.
fn body_of(request: &Request) -> Result<Value, Reply> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    request.json()
}

fn settled(reply: Reply) -> Lookup {
    Lookup::Settled(Handled::only(reply))
}
