//! The operator's command line, run against a deployed stack as a person runs it: its own process, its own arguments.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::live::Live;

/// `crossdock` for one operator.
#[derive(Debug)]
pub struct Operator {
    binary: PathBuf,
    /// Holds the stack's outputs and the operator's files.
    folder: PathBuf,
    stack: String,
    endpoint: String,
    name: String,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The exit code; `None` if the process was killed.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub out: String,
    /// What it wrote to stderr.
    pub err: String,
}

impl Answer {
    /// The document that `--json` printed.
    ///
    /// # Errors
    /// It printed none.
    pub fn document(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("no document: {} {}", self.out, self.err))
    }
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Operator {
    /// The operator `name` of the stack. `folder` is made if it is missing, and keeps the files of the commands.
    ///
    /// # Errors
    /// The command line is not built, or the folder cannot be written.
    pub fn new(live: &Live, name: &str, folder: &Path) -> Result<Self> {
        let program = std::env::current_exe()?;
        // Tests are built into a folder below that of the binaries.
        let found =
            program.ancestors().skip(1).take(2).map(|folder| folder.join("crossdock")).find(|path| path.is_file());
        let binary = found.context("crossdock is not built\n  try: cargo build --package crossdock")?;
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let operator = Self {
            binary,
            folder: folder.to_owned(),
            stack: live.stack().to_owned(),
            endpoint: live.endpoint.clone(),
            name: name.to_owned(),
        };
        std::fs::write(operator.file("outputs.json"), live.as_described().to_string())?;
        Ok(operator)
    }

    /// The same operator, whose calls of AWS go to another address.
    #[must_use]
    pub fn through(mut self, endpoint: String) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// The path of a file in the operator's folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The command with its arguments, not started yet. Paths in it are relative to the operator's folder.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(&self.folder).env_clear().args(arguments).args(["--outputs", "outputs.json"]);
        let settings = [
            ("CROSSDOCK_STACK", self.stack.as_str()),
            ("CROSSDOCK_OPERATOR", &self.name),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
        ];
        command.envs(settings).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn run(&self, arguments: &[&str]) -> Result<Answer> {
        let mut command = self.command(arguments);
        let ended = tokio::task::spawn_blocking(move || command.output()).await?;
        Ok(ended.context("crossdock cannot be started")?.into())
    }

    /// Runs a command with `--json` and returns its document; it has to end with `code`.
    ///
    /// # Errors
    /// It ended otherwise.
    pub async fn ask(&self, code: i32, arguments: &[&str]) -> Result<Value> {
        let answer = self.run(&[arguments, &["--json"]].concat()).await?;
        if answer.code != Some(code) {
            bail!("crossdock {} ended with {:?}: {}{}", arguments.join(" "), answer.code, answer.out, answer.err);
        }
        answer.document()
    }
}

impl Live {
    /// The stack in the shape of CloudFormation's answer about it, which the command line reads.
    fn as_described(&self) -> Value {
        let pairs = |name: &str, key: &str, value: &str| {
            let members = self.described(name).as_object().into_iter().flatten();
            members.map(|(name, text)| json!({key: name, value: text})).collect::<Vec<Value>>()
        };
        let outputs = pairs("outputs", "OutputKey", "OutputValue");
        let parameters = pairs("parameters", "ParameterKey", "ParameterValue");
        json!({"Stacks": [{"Outputs": outputs, "Parameters": parameters}]})
    }
}
