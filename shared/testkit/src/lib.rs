//! What tests and demonstrations need beside the code they try: partner simulators that keep books.

pub mod partners;
