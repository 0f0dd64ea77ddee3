//! Makes a new step: its crate, its section in the workflow's stack and its catalog entry, as the checks want them.
//!
//! The texts are in the folder of this module's name; a test compares them with steps that exist. What the step does, and
//! its part in the simulation, is left to its author, and said at the end.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace::Workspace;

/// 64 characters of a function's name, less the longest NamePrefix (40) and a dash.
const LONGEST_NAME: usize = 23;
/// Endings of logical ids of a step's other resources: a step of such a name could take another's.
const TAKEN: [&str; 6] = ["queue", "dlq", "rule", "role", "logs", "alarm"];

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder under functions/ that the step belongs to, such as `order`. A new name makes a new workflow, with its stack.
    workflow: String,
    /// Name of the step, <noun>-<verb>, such as `order-price`.
    step: String,
    /// Stream whose due work wakes the step: `order` or `fulfillment`. Without one, only due items feed it.
    #[arg(long)]
    stream: Option<String>,
    /// What the step does, in one sentence that ends with a full stop.
    #[arg(long, default_value = "Does nothing yet.")]
    what: String,
}

/// A file to write, by its path from the root, and its new text.
type File = (String, String);

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let root = &workspace.root;
    check(root, options)?;
    let files = files(root, options)?;
    for (path, text) in &files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", report(options, &files));
    Ok(())
}

fn check(root: &Path, options: &Options) -> Result<()> {
    let Options { workflow, step, stream, what } = options;
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase());
    ensure!(word(workflow), "`{workflow}` is no workflow: use one word of lower-case letters, such as `returns`");
    let words: Vec<&str> = step.split('-').collect();
    ensure!(
        words.len() >= 2 && words.iter().all(|text| word(text)),
        "`{step}` is no step: use <noun>-<verb> in lower-case letters, such as `return-authorize`"
    );
    ensure!(
        step.len() <= LONGEST_NAME,
        "`{step}` has {} characters, {LONGEST_NAME} at most: AWS takes 64 for a function's name, and NamePrefix has up to 40",
        step.len()
    );
    if let Some(ending) = TAKEN.iter().find(|ending| words.last() == Some(ending)) {
        bail!("`{step}` ends with `{ending}`, like the {ending} of a step `{}`: end with a verb", words[0]);
    }
    if let Some(known) = steps(root)?.into_iter().find(|(_, name)| name == step) {
        bail!("functions/{}/{step} exists", known.0);
    }
    ensure!(
        what.ends_with('.') && !what.contains([':', '#', '"', '\n', '\\']),
        "`--what` is one sentence with a full stop, without `:`, `#`, quotes and backslashes: it goes into YAML and TOML"
    );
    if let Some(stream) = stream {
        ensure!(
            ["order", "fulfillment"].contains(&stream.as_str()),
            "`{stream}` is no stream: `order` or `fulfillment`"
        );
    }
    Ok(())
}

/// Every step, as (workflow, name).
fn steps(root: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for workflow in fs::read_dir(root.join("functions"))? {
        let workflow = workflow?;
        if !workflow.path().is_dir() {
            continue;
        }
        for step in fs::read_dir(workflow.path())? {
            found.push((workflow.file_name(), step?.file_name()));
        }
    }
    Ok(found.into_iter().map(|(a, b)| (a.to_string_lossy().into(), b.to_string_lossy().into())).collect())
}

fn text_of(root: &Path, path: &str) -> Result<File> {
    let text = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    Ok((path.to_owned(), text))
}

fn files(root: &Path, options: &Options) -> Result<Vec<File>> {
    let Options { workflow, step, .. } = options;
    let crate_folder = format!("functions/{workflow}/{step}");
    let mut files = vec![
        (format!("{crate_folder}/Cargo.toml"), filled(include_str!("new_function/Cargo.toml.txt"), options)),
        (format!("{crate_folder}/src/lib.rs"), filled(include_str!("new_function/lib.rs.txt"), options)),
        (format!("{crate_folder}/src/main.rs"), filled(include_str!("new_function/main.rs.txt"), options)),
    ];
    let path = format!("infra/stacks/{workflow}.yaml");
    if root.join(&path).exists() {
        let (path, text) = text_of(root, &path)?;
        files.push((path, with_section(&text, &section(options))));
    } else {
        let (_, model) = text_of(root, "infra/stacks/crm.yaml")?;
        files.push((path, new_stack(&model, options)?));
        let (path, text) = text_of(root, "infra/template.yaml")?;
        files.push((path, with_child(&text, workflow)?));
    }
    let own = format!("events/catalog/{workflow}.toml");
    let existing = root.join(&own).exists().then(|| text_of(root, &own)).transpose()?;
    let begin =
        existing.map_or_else(|| "# README.md, beside this file, explains the fields.\n".to_owned(), |(_, text)| text);
    files.push((own, begin + &entry(options)));
    Ok(files)
}

/// A text with this step's names in its places.
fn filled(text: &str, Options { workflow, step, stream, what }: &Options) -> String {
    let fed_by = if stream.is_some() { "due work" } else { "due items" };
    let stream = stream.as_deref().unwrap_or("order");
    [
        ("<workflow>", workflow.as_str()),
        ("<step>", step),
        ("<Step>", &pascal(step)),
        ("<module>", &step.replace('-', "_")),
        ("<what>.", what),
        ("<what>", what.trim_end_matches('.')),
        ("<on>", fed_by),
        ("<Stream>", &pascal(stream)),
        ("<stream>", stream),
        ("<Work>", &format!("{}Work", pascal(stream))),
    ]
    .iter()
    .fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// `order-price` as a logical id: `OrderPrice`.
fn pascal(name: &str) -> String {
    name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// The step's resources.
fn section(options: &Options) -> String {
    let policies = match options.stream {
        Some(_) => include_str!("new_function/rule.yaml"),
        None => include_str!("new_function/no_rule.yaml"),
    };
    let parts = [include_str!("new_function/function.yaml"), policies, include_str!("new_function/alarms.yaml")];
    let text = filled(&parts.join("\n"), options);
    // The rule under the title ends in the last column.
    let (title, rest) = text.split_once('\n').unwrap_or_default();
    format!("{:-<120}\n{rest}", format!("{} ", title.trim_end_matches('-').trim_end()))
}

/// A stack's text with one more section, before its outputs where it has some.
fn with_section(text: &str, section: &str) -> String {
    match text.split_once("\nOutputs:\n") {
        Some((resources, outputs)) => format!("{}\n\n{section}\nOutputs:\n{outputs}", resources.trim_end()),
        None => format!("{}\n\n{section}", text.trim_end()),
    }
}

/// The stack of a new workflow. All stacks have the same head, so it takes that of `model`.
fn new_stack(model: &str, options: &Options) -> Result<String> {
    let workflow = &options.workflow;
    let (head, _) = model.split_once("\nResources:\n").context("infra/stacks/crm.yaml has no resources")?;
    let (_, head) = head.split_once("\nParameters:\n").context("infra/stacks/crm.yaml has no parameters")?;
    Ok(format!(
        "# {}: the workflow's steps.\n#\n# A child of infra/template.yaml: deploy the root. platform.yaml, beside this \
         file, explains how these files are built.\nAWSTemplateFormatVersion: \"2010-09-09\"\nTransform: \
         AWS::Serverless-2016-10-31\nDescription: Crossdock, the {workflow} workflow.\n\nParameters:\n{head}\nResources:\n{}",
        pascal(workflow),
        section(options)
    ))
}

/// The root's text with a line for the workflow's stack, after the others.
fn with_child(text: &str, workflow: &str) -> Result<String> {
    let line = format!(
        "  {}Stack: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: stacks/{workflow}.yaml, Parameters: \
         *shared}}}}",
        pascal(workflow)
    );
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| line.ends_with("Parameters: *shared}}"));
    lines.insert(last.context("infra/template.yaml lists no child with `Parameters: *shared`")? + 1, &line);
    Ok(lines.join("\n") + "\n")
}

fn entry(Options { workflow, step, stream, what }: &Options) -> String {
    let when = if stream.is_some() { "when = \"Never yet.\"\n" } else { "" };
    format!(
        "\n[[step]]\nname = \"{step}\"\nwhat = \"{what}\"\nowner = \"{workflow}\"\nversion = 1\nfeed = \"queue\"\n\
         {when}simulated = false\ncriticality = \"near_real_time\"\nsla_seconds = 300\n"
    )
}

fn report(Options { workflow, step, .. }: &Options, files: &[File]) -> String {
    let written: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let module = step.replace('-', "_");
    format!(
        "wrote\n  {}\n\nThe checks pass now: `cargo xtask test --quick`. What is left to you:\n\n\
         1. The business, in functions/{workflow}/{step}/src/lib.rs. A port that you add to `Ports` needs its statement in \
         {step}'s role\n   and its variable in Environment; `cargo xtask test --stage template` names both.\n\
         2. When it is due: in `due.rs` of its stream's workflow in shared/domain, by the predicate that the step uses. The same in \
         words is\n   `when` in events/catalog/{workflow}.toml, beside `criticality`, `sla_seconds`, `effect` and `asks`, and the \
         events that its commits emit.\n\
         3. The simulation. Add\n   to tests/Cargo.toml:         {step} = {{ path = \"../functions/{workflow}/{step}\" }}\n   \
         to tests/src/deployment/dispatch.rs, in `invoke`:\n\n            \"{step}\" => {{\n                let ports = \
         {module}::Ports {{ journal }};\n                order.run(\"{step}\", ports, {module}::handle)\n            }}\n\n   \
         Then remove `simulated = false` from events/catalog/{workflow}.toml. Until then no simulated event reaches the step.",
        written.join("\n  ")
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
    }

    fn options(workflow: &str, step: &str, stream: Option<&str>) -> Options {
        let (workflow, step, stream) = (workflow.to_owned(), step.to_owned(), stream.map(str::to_owned));
        Options { workflow, step, stream, what: "Does nothing yet.".to_owned() }
    }

    /// A stack's section without its comments, its sentences, and what its author decides: whether its work may wait.
    fn bare(section: &str) -> Vec<String> {
        let lines = section.lines().filter(|line| !line.trim_start().starts_with('#') || line.contains("# ----"));
        let is_decided = |line: &str| line.trim_start().starts_with("MaximumBatchingWindowInSeconds: ");
        let kept = lines.filter(|line| !line.starts_with("      Description: ") && !is_decided(line));
        kept.map(str::to_owned).collect()
    }

    fn section_of(workflow: &str, step: &str) -> String {
        let (_, text) = text_of(root(), &format!("infra/stacks/{workflow}.yaml")).unwrap();
        let begin = text.find(&format!("  # ---- {step} ")).unwrap();
        let next = text[begin + 1..].find("\n  # ---- ").map_or(text.len(), |at| begin + 1 + at);
        text[begin..next].trim_end().to_owned()
    }

    #[test]
    fn the_section_is_that_of_the_steps_that_exist() {
        let ruled = options("fulfillment", "fulfillment-rollup", Some("fulfillment"));
        assert_eq!(bare(&section(&ruled)), bare(&section_of("fulfillment", "fulfillment-rollup")));
        let unruled = options("order", "deadline-raise", None);
        assert_eq!(bare(&section(&unruled)), bare(&section_of("order", "deadline-raise")));
    }

    #[test]
    fn the_main_function_is_that_of_a_step_that_exists() {
        let (_, existing) = text_of(root(), "functions/order/deadline-raise/src/main.rs").unwrap();
        let step = options("order", "deadline-raise", None);
        assert_eq!(filled(include_str!("new_function/main.rs.txt"), &step), existing);
    }

    #[test]
    fn a_wrong_name_is_refused_with_its_reason() {
        let refused = |workflow, step, stream| {
            check(root(), &options(workflow, step, stream)).map_err(|error| error.to_string()).unwrap_err()
        };
        assert!(refused("Samples", "sample-take", None).contains("one word of lower-case letters"));
        assert!(refused("samples", "take", None).contains("<noun>-<verb>"));
        assert!(refused("samples", "sample-take-and-give-back", None).contains("23 at most"));
        assert!(refused("samples", "sample-queue", None).contains("end with a verb"));
        assert!(refused("samples", "order-price", None).contains("functions/order/order-price exists"));
        assert!(refused("samples", "sample-take", Some("parcel")).contains("no stream"));
        assert!(check(root(), &options("samples", "sample-take", Some("order"))).is_ok());
    }

    #[test]
    fn a_new_workflow_is_one_line_in_the_root() {
        let files = files(root(), &options("samples", "sample-take", Some("order"))).unwrap();
        let added = |path: &str| {
            let (_, after) = files.iter().find(|(file, _)| file == path).unwrap();
            let (_, before) = text_of(root(), path).unwrap();
            let before: BTreeSet<&str> = before.lines().collect();
            after.lines().filter(|line| !before.contains(line)).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(added("infra/template.yaml").len(), 1);
        let others = files.iter().filter(|(path, _)| !path.contains("sample")).count();
        assert_eq!(others, 1, "only the root");
    }
}
