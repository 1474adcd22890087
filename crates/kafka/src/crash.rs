//! Named points at which a debug build ends the process at once, with nothing flushed and nothing said to anybody, as
//! `kill -9` would at that very moment. Release builds hold nothing of it.
//!
//! `BROOKLET_CRASH_AT=NAME:N` ends the process when `NAME` is passed for the N-th time. The client's own points are
//! `ask.API` (before a request is handed over), `sent.API` (its bytes are with the kernel) and `answered.API` (the answer
//! is there, nothing has seen it), for every API by its name in the protocol. Tests of exactly-once use them.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    struct Plan {
        name: String,
        left: AtomicU64,
    }

    fn plan() -> Option<&'static Plan> {
        static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
        let read = || {
            let text = std::env::var("BROOKLET_CRASH_AT").ok()?;
            let (name, count) = text.rsplit_once(':').unwrap_or((&text, "1"));
            let left = AtomicU64::new(count.parse().ok()?);
            Some(Plan { name: name.to_owned(), left })
        };
        PLAN.get_or_init(read).as_ref()
    }

    /// Passes the point `kind`, or `kind.name`.
    pub fn point(kind: &str, name: &str) {
        let Some(plan) = plan() else { return };
        let rest = plan.name.strip_prefix(kind);
        let here = rest.is_some_and(|rest| match rest.strip_prefix('.') {
            Some(rest) => rest == name,
            None => rest.is_empty() && name.is_empty(),
        });
        if here && plan.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            std::process::abort();
        }
    }
}

#[cfg(debug_assertions)]
pub use armed::point;

/// Does nothing: this is a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_: &str, _: &str) {}
