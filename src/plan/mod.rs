//! The bound, typed plan: inert data that SQL makes and the engine opens.

mod rel;
mod settings;

pub use rel::{Insert, Rel};
pub use settings::{RestartStrategy, SETTINGS, Settings, TypeLengthEnforcer, UpsertMaterialize};
