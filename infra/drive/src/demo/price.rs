//! The price of counted work, by AWS's list prices.

use rust_decimal::Decimal;

/// Where the prices are from.
pub(super) const SOURCE: &str = "us-east-1, on demand, November 2026, 128 MB functions on arm64's price";

/// Counted work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bill {
    pub(super) write_units: Decimal,
    pub(super) read_units: Decimal,
    /// Entries put on the bus. Each is archived, too, at about three quarters of a kilobyte.
    pub(super) events: Decimal,
    /// Messages that queues delivered, and the invocations that they came in.
    pub(super) messages: Decimal,
    pub(super) batches: Decimal,
    pub(super) invocations: Decimal,
    pub(super) aws_calls: Decimal,
    pub(super) partner_calls: Decimal,
    pub(super) http_requests: Decimal,
    pub(super) log_bytes: Decimal,
}

impl Bill {
    /// The price in dollars.
    pub(super) fn dollars(&self) -> Decimal {
        // The bus sends each message; a batch is received and deleted as one.
        let queue_calls = self.messages + Decimal::from(2) * self.batches;
        let kilobyte = Decimal::from(1024);
        let micro = Decimal::new(1, 6);
        micro
            * (self.write_units * Decimal::new(625, 3)
                + self.read_units * Decimal::new(125, 3)
                + self.events * Decimal::new(100, 2)
                + self.events * Decimal::new(75, 2) * Decimal::new(123, 3)
                + queue_calls * Decimal::new(40, 2)
                + self.invocations * Decimal::new(20, 2)
                + self.gigabyte_seconds() * Decimal::new(133334, 4)
                + self.http_requests * Decimal::new(100, 2)
                + self.log_bytes / kilobyte * Decimal::new(5, 1))
    }

    /// What functions of 128 MB run for: CPU as measured by the bench, on their share of a core; and waiting, which the messages of
    /// a batch do at once: 4 ms for AWS, 150 ms for a partner.
    fn gigabyte_seconds(&self) -> Decimal {
        let core = Decimal::from(128) / Decimal::from(1769);
        let batch = if self.batches.is_zero() { Decimal::ONE } else { self.messages / self.batches };
        let cpu = self.aws_calls * Decimal::new(250, 6)
            + self.invocations * Decimal::new(130, 6)
            + self.messages * Decimal::new(60, 6);
        let waiting = self.aws_calls * Decimal::new(4, 3) + self.partner_calls * Decimal::new(150, 3);
        Decimal::new(125, 3) * (cpu / core + waiting / batch.max(Decimal::ONE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The counts of an order when one came after another, November 2026, and the price that was worked out for them by hand.
    #[test]
    fn a_calm_order_of_the_first_release_candidate_cost_310_dollars_a_million() {
        let messages = Decimal::new(638, 1);
        let bill = Bill {
            write_units: Decimal::new(1346, 1),
            read_units: Decimal::from(286),
            events: Decimal::new(422, 1),
            messages,
            batches: messages / Decimal::new(108, 2),
            invocations: Decimal::new(1486, 1),
            aws_calls: Decimal::new(2835, 1),
            partner_calls: Decimal::new(184, 1),
            http_requests: Decimal::new(101, 1),
            log_bytes: Decimal::from(46592),
        };
        let million = bill.dollars() * Decimal::from(1000000);
        assert!((million - Decimal::from(310)).abs() < Decimal::from(2), "{million}");
    }
}
