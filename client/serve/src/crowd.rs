//! Who is connected. Places are few, and whoever connects says nothing about who they are: so when all are
//! taken, a newcomer takes the place of the one who has been there longest without being worked for.
//! Silent connections, however many, keep nobody out.
//!
//! Even a newcomer whose first request hasn't come yet can be that one, when as many connect within its round
//! trip as there are places. Places that young ones keep for some seconds would be worse: a hundredth of such
//! a flood would then keep everybody out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

/// When somebody was last turned away because too many came: a service that judges silence asks this.
#[derive(Debug, Clone, Default)]
pub struct Pressure(Arc<AtomicU64>);

impl Pressure {
    /// Somebody is turned away now.
    pub fn note(&self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        self.note_at(since.map_or(0, |d| d.as_secs()));
    }

    /// Somebody was turned away then: Unix time in seconds.
    pub fn note_at(&self, at: u64) {
        self.0.fetch_max(at, Ordering::Relaxed);
    }

    /// Whether somebody was within so many seconds.
    pub fn within(&self, now: u64, seconds: u64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        last > 0 && now < last.saturating_add(seconds)
    }
}

/// One connection.
#[derive(Debug, Default)]
struct Guest {
    /// Requests that are being worked on.
    kept: AtomicUsize,
    /// Requests of a turn, until it's over.
    owned: Mutex<Option<Turn>>,
    /// Told to go.
    go: Notify,
}

/// A turn whose requests are kept: over or not.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turn(Arc<AtomicBool>);

impl Turn {
    /// From now on nothing is kept for it.
    pub fn end(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Guest {
    fn is_kept(&self) -> bool {
        let owned = self.owned.lock().unwrap_or_else(PoisonError::into_inner);
        let of_a_turn = (owned.as_ref()).is_some_and(|turn| !turn.0.load(Ordering::SeqCst));
        of_a_turn || self.kept.load(Ordering::SeqCst) > 0
    }

    fn own(&self, turn: Option<Turn>) {
        *self.owned.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

/// The connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct Connected(Arc<Guest>);

/// While this lives, the connection isn't ended for a newcomer.
pub(crate) struct Kept(Option<Connected>);

impl Kept {
    pub fn new(connected: Option<Connected>) -> Self {
        if let Some(Connected(guest)) = &connected {
            guest.kept.fetch_add(1, Ordering::SeqCst);
        }
        Self(connected)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(Connected(guest)) = &self.0 {
            guest.kept.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The same, as long as the turn isn't over. A connection has one request at a time.
pub(crate) struct Owned(Option<Connected>);

impl Owned {
    pub fn new(connected: Option<Connected>, turn: Turn) -> Self {
        if let Some(Connected(guest)) = &connected {
            guest.own(Some(turn));
        }
        Self(connected)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(Connected(guest)) = &self.0 {
            guest.own(None);
        }
    }
}

/// All connections, by the order in which they came.
#[derive(Clone)]
pub(crate) struct Crowd(Arc<Inner>);

struct Inner {
    places: usize,
    pressure: Pressure,
    here: Mutex<(u64, BTreeMap<u64, Arc<Guest>>)>,
}

/// A connection's place, until it's dropped.
pub(crate) struct Place {
    crowd: Crowd,
    number: u64,
    guest: Arc<Guest>,
}

impl Crowd {
    pub fn new(places: usize, pressure: Pressure) -> Self {
        let here = Mutex::new((0, BTreeMap::new()));
        Self(Arc::new(Inner {
            places,
            pressure,
            here,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Arc<Guest>>)> {
        self.0.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if need be that of the oldest connection that nothing is done for. None: all are worked for.
    pub fn enter(&self) -> Option<Place> {
        let mut here = self.lock();
        if here.1.len() >= self.0.places {
            self.0.pressure.note();
            send_oldest_away(&mut here.1).then_some(())?;
        }
        let number = here.0;
        here.0 += 1;
        let guest = Arc::new(Guest::default());
        here.1.insert(number, guest.clone());
        let crowd = self.clone();
        Some(Place {
            crowd,
            number,
            guest,
        })
    }

    /// Makes room when the system has none: it may have fewer places than we.
    pub fn thin(&self) {
        self.0.pressure.note();
        send_oldest_away(&mut self.lock().1);
    }
}

fn send_oldest_away(here: &mut BTreeMap<u64, Arc<Guest>>) -> bool {
    let oldest = (here.iter()).find(|(_, guest)| !guest.is_kept());
    let oldest = oldest.map(|(number, _)| *number);
    match oldest.and_then(|number| here.remove(&number)) {
        Some(guest) => {
            guest.go.notify_one();
            true
        }
        None => false,
    }
}

impl Place {
    /// For its requests.
    pub fn connected(&self) -> Connected {
        Connected(self.guest.clone())
    }

    /// Ready when a newcomer has taken the place.
    pub async fn taken(&self) {
        self.guest.go.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.lock().1.remove(&self.number);
    }
}
