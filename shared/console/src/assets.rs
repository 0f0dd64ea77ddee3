//! The files of the console: one style sheet, one script, one icon.

/// The style sheet, light and dark.
pub const STYLE: &str = include_str!("assets/style.css");
/// The script, without which every page reads as well.
pub const SCRIPT: &str = include_str!("assets/script.js");
/// The icon.
pub const ICON: &str = include_str!("assets/icon.svg");
