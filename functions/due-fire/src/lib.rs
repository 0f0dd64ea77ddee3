//! due-fire.
