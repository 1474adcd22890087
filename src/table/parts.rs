//! What the tables of one job share with each other.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};

/// Parts of a job that its tables have in common, one per type: the sinks of a connector find each other here.
#[derive(Clone, Debug, Default)]
pub struct JobParts(Arc<Mutex<Vec<Arc<dyn Any + Send + Sync>>>>);

impl JobParts {
    /// The part of this type; made by the first who asks.
    pub fn get_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = parts.iter().find_map(|part| Arc::clone(part).downcast::<T>().ok());
        found.unwrap_or_else(|| {
            let part = Arc::new(make());
            parts.push(Arc::clone(&part) as Arc<dyn Any + Send + Sync>);
            part
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_who_asks_makes_the_part() {
        let parts = JobParts::default();
        let first = parts.get_or_make(|| 1_u8);
        assert_eq!(*parts.get_or_make(|| 2_u16), 2);
        assert!(Arc::ptr_eq(&first, &parts.clone().get_or_make(|| 3_u8)));
    }
}
