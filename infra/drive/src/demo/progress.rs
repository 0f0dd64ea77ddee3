//! The orders' progress, from the simulators' totals.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use crate::live::Live;

/// Totals over all orders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Progress {
    taken_in: u64,
    in_the_erp: u64,
    at_a_warehouse: u64,
    issued: u64,
    pub(super) invoiced: u64,
}

impl Progress {
    pub(super) async fn look(live: &Live) -> Result<Self> {
        let total = async |path: &str, pointer: &str| -> Result<u64> {
            let ledger = live.read(path).await?;
            Ok(ledger.pointer(pointer).and_then(Value::as_u64).unwrap_or_default())
        };
        let crm = live.read("/control/crm/ledger?operation=order.created").await?;
        let totals = &crm["totals"];
        let sent = totals["webhooks"]["order.created"].as_u64().unwrap_or_default();
        let undelivered = totals["webhooks_undelivered"].as_u64().unwrap_or_default();
        let fulfillments = "/totals/effects/fulfillment";
        Ok(Self {
            taken_in: sent.saturating_sub(undelivered),
            in_the_erp: total("/control/erp/ledger?operation=sales_order", "/totals/effects/sales_order").await?,
            at_a_warehouse: total("/control/eastco/ledger?operation=fulfillment", fulfillments).await?
                + total("/control/shipwest/ledger?operation=fulfillment", fulfillments).await?,
            issued: total("/control/erp/ledger?operation=goods_issue", "/totals/effects/goods_issue").await?,
            invoiced: total("/control/erp/ledger?operation=invoice", "/totals/effects/invoice").await?,
        })
    }

    /// The difference to `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self {
            taken_in: self.taken_in.saturating_sub(before.taken_in),
            in_the_erp: self.in_the_erp.saturating_sub(before.in_the_erp),
            at_a_warehouse: self.at_a_warehouse.saturating_sub(before.at_a_warehouse),
            issued: self.issued.saturating_sub(before.issued),
            invoiced: self.invoiced.saturating_sub(before.invoiced),
        }
    }
}

/// Prints the progress: in place on a terminal, otherwise a line every few seconds.
pub(super) struct Display {
    orders: usize,
    terminal: bool,
    drawn: usize,
    last: Option<(Progress, Instant)>,
}

impl Display {
    pub(super) fn new(orders: usize, terminal: bool) -> Self {
        Self { orders, terminal, drawn: 0, last: None }
    }

    pub(super) fn show(&mut self, progress: &Progress, elapsed: Duration, out: &mut dyn Write) -> Result<()> {
        if self.terminal {
            return self.draw(progress, elapsed, out);
        }
        let due =
            self.last.as_ref().is_none_or(|(shown, at)| shown != progress && at.elapsed() >= Duration::from_secs(2));
        if due { self.tell(progress, elapsed, out) } else { Ok(()) }
    }

    /// The final progress.
    pub(super) fn end(&mut self, progress: &Progress, elapsed: Duration, out: &mut dyn Write) -> Result<()> {
        if self.terminal { self.draw(progress, elapsed, out) } else { self.tell(progress, elapsed, out) }
    }

    fn tell(&mut self, progress: &Progress, elapsed: Duration, out: &mut dyn Write) -> Result<()> {
        let Progress { taken_in, in_the_erp, at_a_warehouse, issued, invoiced } = progress;
        let orders = self.orders;
        writeln!(
            out,
            "  {:>5}  taken in {taken_in}/{orders}, in the ERP {in_the_erp}/{orders}, at warehouses {at_a_warehouse}, \
             packages issued {issued}, invoiced {invoiced}/{orders}",
            super::times::seconds(elapsed.as_millis()),
        )?;
        out.flush()?;
        self.last = Some((progress.clone(), Instant::now()));
        Ok(())
    }

    fn draw(&mut self, progress: &Progress, elapsed: Duration, out: &mut dyn Write) -> Result<()> {
        let whole = u64::try_from(self.orders)?;
        let rows = [
            ("taken in", progress.taken_in, Some(whole)),
            ("in the ERP", progress.in_the_erp, Some(whole)),
            ("at warehouses", progress.at_a_warehouse, None),
            ("packages issued", progress.issued, None),
            ("invoiced", progress.invoiced, Some(whole)),
        ];
        if self.drawn > 0 {
            write!(out, "\x1b[{}A", self.drawn)?;
        }
        for (name, count, of) in rows {
            let shown = of.map_or_else(|| count.to_string(), |of| format!("{count}/{of}"));
            let bar = of.map_or_else(String::new, |of| bar(count, of));
            writeln!(out, "\x1b[2K  {name:<16}{shown:>8}  {bar}")?;
        }
        writeln!(out, "\x1b[2K  {}", super::times::seconds(elapsed.as_millis()))?;
        self.drawn = rows.len() + 1;
        out.flush()?;
        Ok(())
    }
}

fn bar(count: u64, of: u64) -> String {
    const WIDTH: u64 = 30;
    let full = (count.min(of) * WIDTH).checked_div(of).unwrap_or(WIDTH);
    let part = |text: &str, times: u64| text.repeat(usize::try_from(times).unwrap_or_default());
    part("█", full) + &part("░", WIDTH - full)
}
