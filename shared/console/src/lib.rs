//! The console: pages for operations, customer service and on-call engineers, and who may see and do what on them.
//!
//! Everything here is a function of what it is given: pages of read models, cookies of keys and a clock, the checks of an identity
//! token of the provider's keys. `functions/console/console-serve` reads the stores and asks the identity provider.
//!
//! A page is HTML that reads without a script; the one script refreshes it and shows times in the viewer's zone. Pages have no
//! personal data beyond a customer's number: names and addresses stay in their table. Each page is below 50 KB, since lists have
//! pages.

pub mod assets;
pub mod page;
pub mod role;
pub mod route;
pub mod rows;
pub mod session;
pub mod sign_in;

pub use role::{Action, Role};
pub use route::{Route, Site};
