//! view-project.
