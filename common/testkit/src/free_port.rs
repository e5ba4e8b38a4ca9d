//! Ports for processes that must be told where to listen before they are started.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below where systems take the ports of outgoing connections from (Linux from 32,768, IANA from
/// 49,152): one of those could have the port by the time its process listens.
const FIRST: u16 = 10_000;
/// Ports for each of the tests that run at one time.
const EACH: u16 = 500;
/// Tests at one time that have ports of their own.
const TESTS: u16 = 40;

/// A port that nobody listens on, and that no other of up to 40 tests at one time is given as well.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Tests one after the other begin at different places: somebody may still call what the last
    // one has started.
    let start = process::id() % u32::from(EACH);
    for _ in 0..EACH {
        let place = (start + u32::from(TAKEN.fetch_add(1, Ordering::Relaxed))) % u32::from(EACH);
        let port = FIRST + slot() * EACH + u16::try_from(place).unwrap();
        if TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok() {
            return port;
        }
    }
    panic!("none of {EACH} ports is free");
}

/// Which of the tests that run now this is: nextest says so, and other runners have one process at
/// a time.
fn slot() -> u16 {
    #[expect(clippy::disallowed_methods, reason = "the test runner speaks by the environment")]
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT");
    slot.ok().and_then(|slot| slot.parse::<u16>().ok()).unwrap_or_default() % TESTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_is_free_and_given_once() {
        let ports: std::collections::BTreeSet<u16> = (0..20).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 20);
        let listening: Vec<_> = ports
            .iter()
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap())
            .collect();
        assert!(ports.iter().all(|port| (FIRST..FIRST + TESTS * EACH).contains(port)));
        // All around, and what somebody listens on is left out.
        assert!((0..EACH).all(|_| !ports.contains(&free_port())));
        drop(listening);
    }
}
