//! What all workflows have in common: identifiers, money, quantities, goods and parties; how a workflow decides and how its
//! state changes; which work is due for its steps; how it announces an effect at a partner; how it leaves a decision to a person.
//!
//! Nothing here names a workflow.

pub mod due;
pub mod goods;
pub mod ids;
pub mod money;
pub(crate) mod pairs;
pub mod party;
pub mod quantity;
pub mod rejection;
pub mod review;
pub mod workflow;
