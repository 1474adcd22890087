//! The state machine through its public face: frames in, actions out, on a virtual clock.

mod admin;
mod client;
mod consumers;
mod fetch;
mod groups;
mod limits;
mod members;
mod offsets;
mod produce;
mod transactions;
mod versions;
