//! A value that changes and that several tasks follow.
//!
//! tokio's own `watch` wakes its receivers in an order drawn from a thread-local generator, which
//! would make simulations irreproducible; this one wakes them in the order in which they came.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::Notify;

struct State<T> {
    value: T,
    version: u64,
    closed: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever changed the value is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the value won't change any more")]
pub struct Closed;

/// Changes the value. Dropping it tells the followers.
pub struct Publisher<T>(Arc<Shared<T>>);

impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.changed.notify_waiters();
    }
}

impl<T: Clone> Publisher<T> {
    /// Starts with `value`.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                value,
                version: 0,
                closed: false,
            }),
            changed: Notify::new(),
        }))
    }

    /// Replaces the value.
    pub fn publish(&self, value: T) {
        self.modify(|old| *old = value);
    }

    /// Changes the value.
    pub fn modify(&self, change: impl FnOnce(&mut T)) {
        {
            let mut state = self.0.state();
            change(&mut state.value);
            state.version += 1;
        }
        self.0.changed.notify_waiters();
    }

    /// A follower that has seen the present value.
    pub fn follow(&self) -> Follower<T> {
        Follower {
            seen: self.0.state().version,
            shared: self.0.clone(),
        }
    }
}

/// Follows the value.
pub struct Follower<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
}

impl<T> Clone for Follower<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            seen: self.seen,
        }
    }
}

impl<T: Clone> Follower<T> {
    /// The present value; doesn't count as seen.
    pub fn get(&self) -> T {
        self.shared.state().value.clone()
    }

    /// The present value, which then counts as seen.
    pub fn see(&mut self) -> T {
        let state = self.shared.state();
        self.seen = state.version;
        state.value.clone()
    }

    /// Waits for a value that wasn't seen, and sees it.
    pub async fn changed(&mut self) -> Result<T, Closed> {
        loop {
            // Created before the look, so that no change in between is lost.
            let changed = self.shared.changed.notified();
            {
                let state = self.shared.state();
                if state.version != self.seen {
                    self.seen = state.version;
                    return Ok(state.value.clone());
                }
                if state.closed {
                    return Err(Closed);
                }
            }
            changed.await;
        }
    }

    /// Waits until the value is as wanted.
    pub async fn wait_for(&mut self, wanted: impl Fn(&T) -> bool) -> Result<T, Closed> {
        loop {
            let value = self.see();
            if wanted(&value) {
                return Ok(value);
            }
            self.changed().await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_follower_sees_each_change_once_and_the_end() {
        let publisher = Publisher::new(1);
        let mut follower = publisher.follow();
        assert_eq!(follower.changed().now_or_never(), None);
        publisher.publish(2);
        publisher.publish(3);
        assert_eq!(follower.changed().now_or_never(), Some(Ok(3)));
        assert_eq!(follower.changed().now_or_never(), None);
        assert_eq!(
            follower.wait_for(|value| *value == 3).now_or_never(),
            Some(Ok(3))
        );
        drop(publisher);
        assert_eq!(follower.changed().now_or_never(), Some(Err(Closed)));
        assert_eq!(follower.get(), 3);
    }

    #[test]
    fn a_waiting_follower_is_woken() {
        let publisher = Publisher::new(0);
        let mut follower = publisher.follow();
        let wait = follower.wait_for(|value| *value > 1);
        let mut wait = Box::pin(wait);
        assert_eq!(wait.as_mut().now_or_never(), None);
        publisher.publish(1);
        assert_eq!(wait.as_mut().now_or_never(), None);
        publisher.publish(2);
        assert_eq!(wait.as_mut().now_or_never(), Some(Ok(2)));
    }
}
