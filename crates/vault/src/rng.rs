//! The machine's randomness.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use tollgate_kernel::Rng;

/// Random bytes from the crypto library, which is seeded by the operating system.
///
/// Without randomness no secret can be made, and nothing can be done about it here: an error would
/// leave `out` predictable in whoever ignores it, a panic would be caught at the next task's edge
/// while the server goes on, and trying again can hang a thread for ever with a lock in its hand.
/// So the process is aborted. A write that was acknowledged before is in the store; a supervisor
/// starts the server again.
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) {
        if aws_lc_rs::rand::fill(out).is_err() {
            let message = b"tollgate: the system gives no random bytes; stopping\n";
            // Nothing is left to do if even this fails.
            let _ = std::io::stderr().write_all(message);
            std::process::abort();
        }
    }
}

/// The longest draw that is served from the buffer: ids. Secrets are longer, and drawn alone.
const SMALL: usize = 16;

/// The same randomness with a buffer for small draws: a call needs two ids, and asking the crypto
/// library for ten bytes costs as much as for a thousand.
#[derive(Default)]
pub struct BufferedRng(Mutex<Buffer>);

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
}

impl Rng for BufferedRng {
    fn fill(&self, out: &mut [u8]) {
        const REFILL: usize = 1_024;
        if out.len() > SMALL {
            return SystemRng.fill(out);
        }
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.bytes.len() < out.len() {
            buffer.bytes.resize(REFILL, 0);
            SystemRng.fill(&mut buffer.bytes);
        }
        let rest = buffer.bytes.len() - out.len();
        for (to, from) in out.iter_mut().zip(buffer.bytes.drain(rest..)) {
            *to = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_filled_and_no_two_draws_are_alike() {
        let (mut a, mut b) = ([0; 64], [0; 64]);
        SystemRng.fill(&mut a);
        SystemRng.fill(&mut b);
        assert_ne!(a, b);
        let mut seen = [false; 64];
        // Each byte is non-zero in one of 16 draws, but for a chance of 2^-122.
        for _ in 0..16 {
            SystemRng.fill(&mut a);
            for (seen, byte) in seen.iter_mut().zip(a) {
                *seen |= byte != 0;
            }
        }
        assert!(seen.iter().all(|seen| *seen));
    }

    #[test]
    fn small_draws_from_the_buffer_are_all_different() {
        let rng = BufferedRng::default();
        let draws: std::collections::HashSet<[u8; 10]> = (0..1_000)
            .map(|_| {
                let mut draw = [0; 10];
                rng.fill(&mut draw);
                draw
            })
            .collect();
        assert_eq!(draws.len(), 1_000);
    }
}
