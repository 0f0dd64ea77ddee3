//! What a partner's gate does to calls: who waits, who goes, and what is written for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::PartnerId;
use engine::partner::{CallFailure, Erp as _, Ready as _, Recipient};
use engine::partner_health::{PartnerHealth, PartnerHealthStore};
use engine::{Code, Context, Failure, Wait};
use partners::{Call, Partners, Reply, Transport, TransportFailure};
use serde_json::{Value, json};

use crate::support::{NOW, Store, Watch, credit_query, cx, erp, run};

/// Gates in memory, which count and can be out of order.
#[derive(Clone, Default)]
struct Doors {
    states: Rc<RefCell<BTreeMap<PartnerId, (PartnerHealth, u64)>>>,
    reads: Rc<Cell<u32>>,
    writes: Rc<Cell<u32>>,
    are_lost: Rc<Cell<bool>>,
}

impl PartnerHealthStore for Doors {
    async fn read(&self, partner: &PartnerId) -> Result<(PartnerHealth, u64), Failure> {
        self.reads.set(self.reads.get() + 1);
        if self.are_lost.get() {
            return Err(Failure::transient(Code::StoreBusy, "no answer"));
        }
        Ok(self.states.borrow().get(partner).cloned().unwrap_or_default())
    }

    async fn swap(&self, partner: &PartnerId, version: u64, state: &PartnerHealth) -> Result<bool, Failure> {
        if self.are_lost.get() {
            return Err(Failure::transient(Code::StoreBusy, "no answer"));
        }
        let mut states = self.states.borrow_mut();
        let newest = states.get(partner).map_or(0, |(_, version)| *version) == version;
        if newest {
            states.insert(partner.clone(), (state.clone(), version + 1));
            self.writes.set(self.writes.get() + 1);
        }
        Ok(newest)
    }
}

/// A partner that answers everything alike, after some time, or not yet.
#[derive(Clone)]
struct Steady {
    answer: Rc<RefCell<Result<(u16, Value), TransportFailure>>>,
    takes_seconds: Rc<Cell<i64>>,
    /// How many calls are answered only when they are looked at again.
    hangs: Rc<Cell<u32>>,
    calls: Rc<Cell<u32>>,
    watch: Watch,
}

impl Transport for Steady {
    async fn send(&self, _call: Call) -> Result<Reply, TransportFailure> {
        self.calls.set(self.calls.get() + 1);
        if self.hangs.get() > 0 {
            self.hangs.set(self.hangs.get() - 1);
            let mut was_seen = false;
            std::future::poll_fn(|_| {
                let ready = std::mem::replace(&mut was_seen, true);
                if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
        self.watch.pass(self.takes_seconds.get());
        let (status, body) = self.answer.borrow().clone()?;
        Ok(Reply {
            status,
            headers: vec![("retry-after".to_owned(), "40".to_owned())],
            body: body.to_string().into_bytes(),
        })
    }
}

struct Scene {
    doors: Doors,
    partner: Steady,
    document: Value,
}

type Instance = Partners<Store, Steady, Watch, Doors>;

impl Scene {
    fn new() -> Self {
        let partner = Steady {
            answer: Rc::new(RefCell::new(Ok(approves()))),
            takes_seconds: Rc::default(),
            hangs: Rc::default(),
            calls: Rc::default(),
            watch: Watch::at(NOW),
        };
        Self { doors: Doors::default(), partner, document: erp() }
    }

    /// An instance of a function: it fulfillments the gates with others, and nothing else.
    fn instance(&self) -> Instance {
        let store = Store::of(std::slice::from_ref(&self.document));
        Partners::new(store, self.partner.clone(), self.partner.watch.clone(), self.doors.clone())
    }

    fn answers(&self, answer: Result<(u16, Value), TransportFailure>) {
        *self.partner.answer.borrow_mut() = answer;
    }

    fn calls(&self) -> u32 {
        self.partner.calls.take()
    }

    fn pass(&self, seconds: i64) {
        self.partner.watch.pass(seconds);
    }
}

fn approves() -> (u16, Value) {
    (200, json!({"decision": "approved"}))
}

fn ask(instance: &Instance) -> Result<(), CallFailure> {
    run(instance.credit(&cx(), &credit_query())).map(|_answer| ())
}

fn waits(asked: &Result<(), CallFailure>) -> Option<&Wait> {
    match asked {
        Err(CallFailure::Closed { why, after: None, .. }) => Some(why),
        _ => None,
    }
}

fn the_erp() -> PartnerId {
    "acme-erp".parse().unwrap()
}

#[test]
fn b23_a_healthy_partner_costs_one_read_now_and_then_and_no_write() {
    let scene = Scene::new();
    let instance = scene.instance();
    for _ in 0..100 {
        assert_eq!(ask(&instance), Ok(()));
    }
    assert_eq!((scene.doors.reads.get(), scene.doors.writes.get()), (1, 0));
}

#[test]
fn b23_failures_at_different_instances_open_one_circuit_for_all_and_one_probe_closes_it() {
    let scene = Scene::new();
    let [a, b, c] = [scene.instance(), scene.instance(), scene.instance()];
    scene.answers(Err(TransportFailure::TimedOut));
    assert!(matches!(ask(&a), Err(CallFailure::Unknown { .. })));
    assert!(matches!(ask(&b), Err(CallFailure::Unknown { .. })));
    scene.pass(4);
    let third = ask(&a);
    assert!(matches!(&third, Err(CallFailure::Closed { after: Some(_), why: Wait::Circuit(_), .. })), "{third:?}");
    assert!(!third.unwrap_err().is_undone(), "it was sent, whatever the gate says since");
    assert_eq!(waits(&ask(&c)), Some(&Wait::Circuit(the_erp())));
    assert_eq!(scene.calls(), 3);

    scene.pass(6);
    scene.partner.hangs.set(1);
    let context = cx();
    let query = credit_query();
    let mut probe = std::pin::pin!(b.credit(&context, &query));
    let mut look = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(probe.as_mut().poll(&mut look).is_pending());
    assert!(waits(&ask(&a)).is_some() && waits(&ask(&c)).is_some(), "one probe, leased");
    scene.answers(Ok(approves()));
    assert!(probe.as_mut().poll(&mut look).is_ready());
    scene.pass(4);
    assert_eq!((ask(&a), ask(&b), ask(&c)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(scene.calls(), 4);
}

#[test]
fn what_a_step_obtained_before_its_claim_is_its_calls_and_does_not_lock_it_out() {
    let scene = Scene::new();
    let instance = scene.instance();
    scene.answers(Err(TransportFailure::TimedOut));
    for _ in 0..3 {
        assert!(ask(&instance).is_err());
        scene.pass(2);
    }
    scene.answers(Ok(approves()));
    scene.pass(6);
    let other = Context { correlation: "another order".to_owned(), ..cx() };
    assert_eq!(run(instance.ready(&cx(), Recipient::Erp)), Ok(()));
    let refused = run(instance.ready(&other, Recipient::Erp));
    assert!(matches!(refused, Err(Failure::Deferred { why: Wait::Circuit(_), .. })), "{refused:?}");
    assert_eq!(ask(&instance), Ok(()), "the probe is this work's");
    assert_eq!(run(instance.ready(&other, Recipient::Erp)), Ok(()));
}

#[test]
fn refusals_garbage_and_credentials_are_no_outage() {
    for answer in [(422, json!({"code": "NO"})), (200, json!("?")), (401, json!({})), (400, json!({}))] {
        let scene = Scene::new();
        let instance = scene.instance();
        scene.answers(Ok(answer));
        for _ in 0..5 {
            assert_eq!(waits(&ask(&instance)), None);
        }
        assert_eq!(scene.doors.writes.get(), 0);
    }
}

#[test]
fn b24_one_instances_429_keeps_all_of_them_as_long_as_it_says() {
    let scene = Scene::new();
    let [a, b] = [scene.instance(), scene.instance()];
    scene.answers(Ok((429, json!({}))));
    assert!(matches!(ask(&a), Err(CallFailure::Limited { .. })));
    scene.answers(Ok(approves()));
    scene.pass(39);
    assert_eq!(waits(&ask(&b)), Some(&Wait::Limited(the_erp())));
    scene.pass(4);
    assert_eq!(ask(&b), Ok(()));
    assert_eq!(scene.doors.writes.get(), 1, "one write for one 429");
}

#[test]
fn b23_of_a_partner_that_answers_slowly_two_calls_are_in_flight_at_once() {
    let mut scene = Scene::new();
    scene.document["limits"] = json!({"timeout_ms": 60_000, "slow_ms": 10_000});
    let [a, b] = [scene.instance(), scene.instance()];
    let context = Context { lease: std::time::Duration::from_secs(300), ..cx() };
    let query = credit_query();
    scene.partner.takes_seconds.set(20);
    for _ in 0..3 {
        assert!(run(a.credit(&context, &query)).is_ok());
    }
    scene.partner.hangs.set(3);
    let mut look = std::task::Context::from_waker(std::task::Waker::noop());
    let mut first = std::pin::pin!(a.credit(&context, &query));
    let mut second = std::pin::pin!(b.credit(&context, &query));
    assert!(first.as_mut().poll(&mut look).is_pending() && second.as_mut().poll(&mut look).is_pending());
    assert_eq!(waits(&ask(&b)), Some(&Wait::Slow(the_erp())));
    assert!(first.as_mut().poll(&mut look).is_ready());
    scene.partner.takes_seconds.set(0);
    scene.partner.hangs.set(0);
    assert!(ask(&a).is_ok(), "a place is free again");
    assert!(second.as_mut().poll(&mut look).is_ready());
    assert!([ask(&a), ask(&a), ask(&a), ask(&b)].iter().all(Result::is_ok));
    let written = scene.doors.writes.get();
    assert!(ask(&a).is_ok());
    assert_eq!(scene.doors.writes.get(), written, "fast again, it costs no write");
}

#[test]
fn tokens_are_taken_several_in_one_write_and_bound_all_instances_together() {
    let mut scene = Scene::new();
    scene.document["limits"] = json!({"requests_per_minute": 60, "burst": 10});
    let [a, b] = [scene.instance(), scene.instance()];
    let mut went = 0;
    for _ in 0..20 {
        went += usize::from(ask(&a).is_ok()) + usize::from(ask(&b).is_ok());
    }
    assert_eq!((went, scene.doors.writes.get()), (10, 2));
    assert_eq!(waits(&ask(&a)), Some(&Wait::Limited(the_erp())));
    scene.pass(1);
    assert_eq!((ask(&a), waits(&ask(&b)).is_some()), (Ok(()), true));
    assert_eq!(scene.calls(), 11);
}

#[test]
fn gates_that_do_not_answer_hold_nothing_up() {
    let scene = Scene::new();
    scene.doors.are_lost.set(true);
    let instance = scene.instance();
    assert_eq!(run(instance.ready(&cx(), Recipient::Erp)), Ok(()));
    assert_eq!(ask(&instance), Ok(()));
    scene.answers(Err(TransportFailure::TimedOut));
    assert!(matches!(ask(&instance), Err(CallFailure::Unknown { .. })));
}
