//! What a test makes the simulated partners do, and what their ledgers hold.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use simulators::System;
use simulators::erp::Erp;
use simulators::fault::{PartnerFault, Rule, When};
use simulators::work::WorkScript;

use super::Deployment;

/// The name of the rule that an outage is.
const OUTAGE: &str = "outage";

impl Deployment {
    /// The CRM creates an order and sends its webhook.
    pub fn order(&self, order: Value) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut("crm") else { return };
        let System::Crm(crm) = &mut partner.system else { return };
        if let Ok((effect, webhook)) = crm.create(order, now) {
            partner.record_effect(effect, now);
            partner.send(webhook, now);
        }
    }

    /// The CRM sends a change of an order that it sent before.
    pub fn change(&self, topic: &str, data: Value) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut("crm") else { return };
        let System::Crm(crm) = &mut partner.system else { return };
        if let Ok(webhook) = crm.message(topic, data, now) {
            partner.send(webhook, now);
        }
    }

    /// A CRM or the ERP sends a message that it dates at `sent`, outside of its usual order.
    pub fn message(&self, partner: &str, topic: &str, data: Value, sent: Timestamp) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut(partner) else { return };
        let text = |name: &str| data.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let webhook = match &mut partner.system {
            System::Crm(crm) => crm.message(topic, data, sent).ok(),
            System::Erp(erp) => Some(erp.message(topic, &text("reference"), &text("reason"), sent)),
            System::Rest3pl(_) | System::Shipbob(_) => None,
        };
        if let Some(webhook) = webhook {
            partner.send(webhook, now);
        }
    }

    /// The partner does the work of `operation` and answers with `body`.
    pub fn answers(&self, partner: &str, operation: &str, body: &Value) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            let when = When { operation: operation.to_owned(), ..When::default() };
            partner.faults.add(Rule { name: None, when, fault: PartnerFault::Garbage { body: body.to_string() } });
        }
    }

    /// Adds a script to a warehouse.
    pub fn script(&self, partner: &str, script: WorkScript) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.system.script(script);
        }
    }

    /// A warehouse counts goods of a return and reports them: `lines` replace what it said of the lines with the same `key`.
    pub fn receive(&self, warehouse: &str, reference: &str, status: &str, lines: &[Value]) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut(warehouse) else { return };
        let System::Rest3pl(rest) = &mut partner.system else { return };
        let webhook = rest.receive(reference, status, lines, now);
        partner.send(webhook, now);
    }

    /// The carrier scans a return's parcel, and its warehouse says so.
    pub fn scan(&self, warehouse: &str, reference: &str) {
        let now = self.clock.now();
        let mut partners = self.partners.borrow_mut();
        let Some(partner) = partners.partner_mut(warehouse) else { return };
        let System::Rest3pl(rest) = &mut partner.system else { return };
        if let Some(webhook) = rest.scan(reference, now) {
            partner.send(webhook, now);
        }
    }

    /// Sets what the ERP has of an SKU, in eaches: in the east, and in the west.
    pub fn stock(&self, sku: &str, [east, west]: [u32; 2]) {
        let mut partners = self.partners.borrow_mut();
        let Some(System::Erp(erp)) = partners.partner_mut("acme-erp").map(|it| &mut it.system) else { return };
        erp.set_stock(sku, "EAST", east.into());
        erp.set_stock(sku, "WEST", west.into());
    }

    /// Changes the ERP's habits.
    pub fn erp(&self, change: impl FnOnce(&mut Erp)) {
        let mut partners = self.partners.borrow_mut();
        if let Some(System::Erp(erp)) = partners.partner_mut("acme-erp").map(|it| &mut it.system) {
            change(erp);
        }
    }

    /// Every call to `partner` meets `fault`, until the outage ends.
    pub fn start_outage(&self, partner: &str, fault: PartnerFault) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.faults.add(Rule { name: Some(OUTAGE.to_owned()), when: When::default(), fault });
        }
    }

    /// Ends the outage of `partner`; its other faults remain.
    pub fn end_outage(&self, partner: &str) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.faults.clear(Some(OUTAGE));
        }
    }

    /// Ends all faults of `partner`.
    pub fn end_all_faults(&self, partner: &str) {
        if let Some(partner) = self.partners.borrow_mut().partner_mut(partner) {
            partner.faults.clear(None);
        }
    }

    /// Ends the habits of all partners; what warehouses have begun they end in their way.
    pub fn end_all_habits(&self) {
        self.erp(Erp::reset_habits);
        for partner in &mut self.partners.borrow_mut().all {
            if let Some(pace) = partner.system.pace_mut() {
                pace.scripts.clear();
            }
        }
    }

    /// How many documents of `kind` a partner's ledger has, by our reference.
    pub fn made(&self, partner: &str, kind: &str) -> BTreeMap<String, usize> {
        let partners = self.partners.borrow();
        let mut counts = BTreeMap::new();
        for done in partners.partner(partner).map(|partner| partner.ledger.effects.as_slice()).unwrap_or_default() {
            if done.effect.kind == kind {
                *counts.entry(done.effect.reference.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// All documents of a partner, as JSON.
    pub fn state(&self, partner: &str) -> Value {
        self.partners.borrow().partner(partner).map(|partner| partner.system.state()).unwrap_or_default()
    }
}
