//! Free ports for processes whose port must be chosen before they start.

use std::{
    net::{Ipv4Addr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

/// Below the ranges of ephemeral ports (Linux from 32,768, IANA from 49,152): an outgoing
/// connection could take such a port before the process listens on it.
const FIRST: u16 = 10_000;
/// Ports per concurrent test.
const EACH: u16 = 500;
/// The most concurrent tests with separate ports.
const TESTS: u16 = 40;

/// A port that nothing listens on, and that none of up to 40 concurrent tests is given too.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Consecutive tests start at different ports, because clients may still call what the last test
    // started.
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

/// The slot of this test among those that run now: nextest sets it; other runners have one process
/// at a time.
fn slot() -> u16 {
    #[expect(clippy::disallowed_methods, reason = "the test runner sets it in the environment")]
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
        // After a full round; ports in use are left out.
        assert!((0..EACH).all(|_| !ports.contains(&free_port())));
        drop(listening);
    }
}
