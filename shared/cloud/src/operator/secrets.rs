//! A secret that the operator's command line writes.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use engine::Failure;

use crate::errors::failure;

/// One secret of a deployment, whose text is a whole document.
#[derive(Debug, Clone)]
pub struct OperatorSecret {
    client: Client,
    id: String,
}

impl OperatorSecret {
    pub(crate) fn new(client: Client, id: String) -> Self {
        Self { client, id }
    }

    /// Its text, past every cache; `None` if there is no such secret.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn read(&self) -> Result<Option<String>, Failure> {
        match self.client.get_secret_value().secret_id(&self.id).send().await {
            Ok(answer) => Ok(answer.secret_string),
            Err(error)
                if matches!(error.as_service_error(), Some(GetSecretValueError::ResourceNotFoundException(_))) =>
            {
                Ok(None)
            }
            Err(error) => Err(failure("GetSecretValue", &error)),
        }
    }

    /// Replaces its text, or creates it.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn write(&self, text: &str, exists: bool) -> Result<(), Failure> {
        if exists {
            let put = self.client.put_secret_value().secret_id(&self.id).secret_string(text);
            return put.send().await.map(drop).map_err(|error| failure("PutSecretValue", &error));
        }
        let create = self.client.create_secret().name(&self.id).secret_string(text);
        create.send().await.map(drop).map_err(|error| failure("CreateSecret", &error))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::canned::{Canned, error};

    #[tokio::test]
    async fn a_secret_is_created_where_there_is_none_and_replaced_where_there_is_one() {
        let missing = Canned::new(|n, _| match n {
            0 => Some((400, error("ResourceNotFoundException"))),
            _ => Some((200, json!({}))),
        });
        let secret = OperatorSecret::new(missing.aws().secretsmanager(), "prefix/api/tokens".to_owned());
        let text = secret.read().await.unwrap();
        assert_eq!(text, None);
        secret.write("[]", text.is_some()).await.unwrap();
        assert_eq!(missing.operations(), ["GetSecretValue", "CreateSecret"]);

        let there = Canned::always(200, json!({ "SecretString": "[]" }));
        let secret = OperatorSecret::new(there.aws().secretsmanager(), "prefix/api/tokens".to_owned());
        let text = secret.read().await.unwrap();
        secret.write("[1]", text.is_some()).await.unwrap();
        assert_eq!(there.operations(), ["GetSecretValue", "PutSecretValue"]);
        assert_eq!(
            (&there.calls()[1].1["SecretId"], &there.calls()[1].1["SecretString"]),
            (&json!("prefix/api/tokens"), &json!("[1]"))
        );
    }
}
