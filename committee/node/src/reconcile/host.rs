//! What reconcilers need of the world: a clock and the operating system's randomness.

use std::time::SystemTime;

use commonware_runtime::Clock;
use rand_core::CryptoRng;

/// A clock and randomness.
pub trait Host: Send {
    /// The time.
    fn now(&self) -> SystemTime;
    /// Waits.
    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send;
    /// Fills with randomness for secrets.
    fn fill_random(&mut self, bytes: &mut [u8]);
}

/// The machine's, on tokio. Its time never runs backwards: it is the start's plus a monotonic clock's.
pub struct TokioHost {
    started: SystemTime,
    monotonic: std::time::Instant,
}

impl TokioHost {
    /// Starts the clock.
    #[expect(clippy::new_without_default, reason = "it reads the clock")]
    pub fn new() -> Self {
        Self {
            started: SystemTime::now(),
            monotonic: std::time::Instant::now(),
        }
    }
}

impl Host for TokioHost {
    fn now(&self) -> SystemTime {
        self.started + self.monotonic.elapsed()
    }

    async fn sleep_until(&self, deadline: SystemTime) {
        tokio::time::sleep(deadline.duration_since(self.now()).unwrap_or_default()).await;
    }

    fn fill_random(&mut self, bytes: &mut [u8]) {
        // Without the system's randomness nothing that follows could be safe.
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

/// A runtime's, for simulations.
pub struct SimulatedHost<E>(pub E);

impl<E: Clock + CryptoRng + Sync> Host for SimulatedHost<E> {
    fn now(&self) -> SystemTime {
        self.0.current()
    }

    async fn sleep_until(&self, deadline: SystemTime) {
        self.0.sleep_until(deadline).await;
    }

    fn fill_random(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}
