//! A token bucket; the clock is an argument. Pure.

use bongsu_event::Micros;

/// Lets through `per_second` on average, one second's worth at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    per_second: u32,
    /// Tokens in millionths.
    tokens: i64,
    at: Micros,
}

impl Bucket {
    pub fn new(per_second: u32, now: Micros) -> Self {
        Self { per_second, tokens: i64::from(per_second) * Micros::SECOND, at: now }
    }

    fn refill(&mut self, now: Micros) {
        let full = i64::from(self.per_second) * Micros::SECOND;
        let passed = now.0.saturating_sub(self.at.0).clamp(0, Micros::SECOND);
        self.tokens = (self.tokens + passed * i64::from(self.per_second)).min(full);
        self.at = now;
    }

    /// Take one if there is one.
    pub fn try_take(&mut self, now: Micros) -> bool {
        self.refill(now);
        let there = self.tokens >= Micros::SECOND;
        if there {
            self.tokens -= Micros::SECOND;
        }
        there
    }

    /// Take `n`, on credit if need be; says for how many microseconds to wait before the next.
    pub fn take(&mut self, n: usize, now: Micros) -> u64 {
        self.refill(now);
        self.tokens = self.tokens.saturating_sub((n as i64).saturating_mul(Micros::SECOND));
        match u64::try_from(-self.tokens) {
            Ok(debt) if debt > 0 => debt / u64::from(self.per_second.max(1)),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_average() {
        let mut bucket = Bucket::new(10, Micros(0));
        assert_eq!((0..100).filter(|_| bucket.try_take(Micros(0))).count(), 10);
        assert_eq!((0..100).filter(|_| bucket.try_take(Micros(500_000))).count(), 5);
        assert_eq!(bucket.take(20, Micros(500_000)), 2_000_000, "twenty on credit are two seconds");
        assert!(!bucket.try_take(Micros(1_400_000)));
    }
}
