//! Patches of a few lines, applied by what they say and not by line numbers: a hunk's old lines have to be in the file once.

use std::collections::BTreeMap;

/// The texts of `patch`'s files with the patch applied. `read` gives a file's text by its path from the repository's root.
///
/// # Errors
/// A hunk whose old lines are not in its file, or are there more than once; a file that `read` does not know.
pub(crate) fn apply(
    patch: &str,
    read: impl Fn(&str) -> Result<String, String>,
) -> Result<BTreeMap<String, String>, String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    let (mut path, mut old, mut new) = (String::new(), String::new(), String::new());
    for line in patch.lines().chain(["@@"]) {
        let is_name = line.starts_with("--- ") || line.starts_with("+++ ");
        if (is_name || line.starts_with("@@")) && !old.is_empty() {
            let text = texts.get(&path).cloned().map_or_else(|| read(&path), Ok)?;
            let places = text.matches(&old).count();
            if places != 1 {
                return Err(format!("{path} has these lines {places} times, not once:\n{old}"));
            }
            texts.insert(path.clone(), text.replace(&old, &new));
            (old, new) = (String::new(), String::new());
        }
        if let Some(name) = line.strip_prefix("+++ ") {
            name.clone_into(&mut path);
        } else if !is_name {
            let (kind, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
            if matches!(kind, " " | "-") {
                old += &format!("{rest}\n");
            }
            if matches!(kind, " " | "+") {
                new += &format!("{rest}\n");
            }
        }
    }
    Ok(texts)
}
