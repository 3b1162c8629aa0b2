//! Ports for the demo's nodes.
//!
//! A node's addresses stand in its card before it listens there, and again after it was down, so a port
//! that the system may give to any outgoing connection meanwhile won't do: these come from below that range.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::time::{Duration, Instant};

use super::processes::Tacit;
use crate::failure::Failure;
use crate::input;

/// Where Linux says which ports outgoing connections get.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// What that file says unless somebody changed it.
const USUAL_EPHEMERAL: Range<u16> = 32_768..61_000;
/// The lowest port that is taken here; many a service has one below.
const LOWEST: u16 = 10_240;
/// A range narrower than this isn't worth looking for ports in.
const NARROW: u16 = 2_000;
/// Ports that are tried before giving up.
const TRIES: usize = 500;
/// How long a port that somebody else has may take to become free again.
const PATIENCE: Duration = Duration::from_secs(20);

/// The node's two ports, held so that nobody else takes them, until the node starts.
#[derive(Debug)]
pub struct Reserved {
    /// For other nodes, then for clients.
    listeners: [TcpListener; 2],
    /// Their addresses.
    pub at: Addresses,
}

/// Where a node listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// For other nodes.
    pub p2p: SocketAddr,
    /// For clients.
    pub api: SocketAddr,
}

/// Takes two free ports of this machine.
pub fn reserve() -> Result<Reserved, Failure> {
    let range = range(std::fs::read_to_string(EPHEMERAL).ok().as_deref());
    let (p2p, p2p_at) = take(&range)?;
    let (api, api_at) = take(&range)?;
    Ok(Reserved {
        listeners: [p2p, api],
        at: Addresses {
            p2p: p2p_at,
            api: api_at,
        },
    })
}

impl Reserved {
    /// Lets go of them, for the node to take.
    pub fn release(self) -> Addresses {
        drop(self.listeners);
        self.at
    }
}

/// Waits until both of a node's ports are free.
pub fn wait_until_free(node: &str, at: Addresses, tacit: &Tacit) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    let mut left = VecDeque::from([at.p2p, at.api]);
    while let Some(address) = left.front() {
        match TcpListener::bind(address) {
            Ok(_) => drop(left.pop_front()),
            Err(_) if Instant::now() < until => {
                tacit.check()?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Err(e) => {
                return Err(Failure::usage(
                    "port",
                    format!("{node} can't have its address {address}: {e}"),
                    "Stop the program that took it meanwhile, or run the demo again: it takes other ports.",
                ));
            }
        }
    }
    Ok(())
}

/// The ports to choose from, given what the system says of outgoing connections' own.
fn range(ephemeral: Option<&str>) -> Range<u16> {
    let said = ephemeral.and_then(|text| {
        let mut numbers = text.split_whitespace().map(str::parse::<u16>);
        Some(numbers.next()?.ok()?..numbers.next()?.ok()?)
    });
    let ephemeral = said.unwrap_or(USUAL_EPHEMERAL);
    if ephemeral.start >= LOWEST + NARROW {
        return LOWEST..ephemeral.start;
    }
    if ephemeral.end <= u16::MAX - NARROW {
        return ephemeral.end + 1..u16::MAX;
    }
    // Outgoing connections may get any port here: a clash can't be ruled out, only be unlikely.
    LOWEST..USUAL_EPHEMERAL.start
}

fn take(range: &Range<u16>) -> Result<(TcpListener, SocketAddr), Failure> {
    for _ in 0..TRIES {
        let random = u16::from_le_bytes(*input::randomness::<2>()?);
        let width = range.end.saturating_sub(range.start).max(1);
        let port = range.start.saturating_add(random % width);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // A busy one is no failure: there are others.
        if let Ok(listener) = TcpListener::bind(address) {
            return Ok((listener, address));
        }
    }
    Err(Failure::usage(
        "port",
        format!("no port from {} to {} is free", range.start, range.end),
        "Close some programs and try again.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_none_that_outgoing_connections_get() {
        assert_eq!(range(Some("32768\t60999\n")), LOWEST..32_768);
        assert_eq!(range(Some("49152 65535")), LOWEST..49_152);
        // Widened downwards, then to both sides.
        assert_eq!(range(Some("1024 50000")), 50_001..65_535);
        assert_eq!(range(Some("1024 65535")), LOWEST..32_768);
        for odd in [None, Some(""), Some("32768"), Some("many ports")] {
            assert_eq!(range(odd), LOWEST..32_768, "{odd:?}");
        }
    }

    #[test]
    fn a_busy_port_is_passed_over_and_a_reserved_one_is_nobody_elses() {
        let busy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = busy.local_addr().unwrap().port();
        assert_eq!(take(&(port..port + 1)).unwrap_err().code, "port");
        let (a, b) = (reserve().unwrap(), reserve().unwrap());
        let ports = [a.at.p2p, a.at.api, b.at.p2p, b.at.api];
        for (i, port) in ports.iter().enumerate() {
            assert!(TcpListener::bind(port).is_err());
            assert!(!ports.iter().skip(i + 1).any(|other| other == port));
        }
        let at = a.release();
        TcpListener::bind(at.p2p).unwrap();
        TcpListener::bind(at.api).unwrap();
    }
}
