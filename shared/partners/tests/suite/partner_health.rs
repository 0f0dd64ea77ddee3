//! A partner's health and calls: which go, which wait, and what is written.

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

/// Health in memory. It counts reads and writes, and can fail.
#[derive(Clone, Default)]
struct HealthStore {
    states: Rc<RefCell<BTreeMap<PartnerId, (PartnerHealth, u64)>>>,
    reads: Rc<Cell<u32>>,
    writes: Rc<Cell<u32>>,
    is_down: Rc<Cell<bool>>,
}

impl PartnerHealthStore for HealthStore {
    async fn read(&self, partner: &PartnerId) -> Result<(PartnerHealth, u64), Failure> {
        self.reads.set(self.reads.get() + 1);
        if self.is_down.get() {
            return Err(Failure::transient(Code::StoreBusy, "no answer"));
        }
        Ok(self.states.borrow().get(partner).cloned().unwrap_or_default())
    }

    async fn swap(&self, partner: &PartnerId, version: u64, state: &PartnerHealth) -> Result<bool, Failure> {
        if self.is_down.get() {
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

/// A partner with one answer for all calls, some latency, and calls that hang.
#[derive(Clone)]
struct SteadyPartner {
    answer: Rc<RefCell<Result<(u16, Value), TransportFailure>>>,
    latency_seconds: Rc<Cell<i64>>,
    /// How many calls are answered at their second poll only.
    hangs: Rc<Cell<u32>>,
    calls: Rc<Cell<u32>>,
    watch: Watch,
}

impl Transport for SteadyPartner {
    async fn send(&self, _call: Call) -> Result<Reply, TransportFailure> {
        self.calls.set(self.calls.get() + 1);
        if self.hangs.get() > 0 {
            self.hangs.set(self.hangs.get() - 1);
            let mut was_polled = false;
            std::future::poll_fn(|_| {
                let ready = std::mem::replace(&mut was_polled, true);
                if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        }
        self.watch.pass(self.latency_seconds.get());
        let (status, body) = self.answer.borrow().clone()?;
        Ok(Reply {
            status,
            headers: vec![("retry-after".to_owned(), "40".to_owned())],
            body: body.to_string().into_bytes(),
        })
    }
}

struct Setup {
    store: HealthStore,
    partner: SteadyPartner,
    document: Value,
}

type Instance = Partners<Store, SteadyPartner, Watch, HealthStore>;

impl Setup {
    fn new() -> Self {
        let partner = SteadyPartner {
            answer: Rc::new(RefCell::new(Ok(approves()))),
            latency_seconds: Rc::default(),
            hangs: Rc::default(),
            calls: Rc::default(),
            watch: Watch::at(NOW),
        };
        Self { store: HealthStore::default(), partner, document: erp() }
    }

    /// An instance of a function. Instances share the health store only.
    fn instance(&self) -> Instance {
        let documents = Store::of(std::slice::from_ref(&self.document));
        Partners::new(documents, self.partner.clone(), self.partner.watch.clone(), self.store.clone())
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

fn call(instance: &Instance) -> Result<(), CallFailure> {
    run(instance.credit(&cx(), &credit_query())).map(|_answer| ())
}

fn waits(result: &Result<(), CallFailure>) -> Option<&Wait> {
    match result {
        Err(CallFailure::Closed { why, after: None, .. }) => Some(why),
        _ => None,
    }
}

fn the_erp() -> PartnerId {
    "acme-erp".parse().unwrap()
}

#[test]
fn b23_a_healthy_partner_costs_a_read_now_and_then_and_no_write() {
    let setup = Setup::new();
    let instance = setup.instance();
    for _ in 0..100 {
        assert_eq!(call(&instance), Ok(()));
    }
    assert_eq!((setup.store.reads.get(), setup.store.writes.get()), (1, 0));
}

#[test]
fn b23_failures_at_different_instances_open_one_circuit_for_all_and_one_probe_closes_it() {
    let setup = Setup::new();
    let [a, b, c] = [setup.instance(), setup.instance(), setup.instance()];
    setup.answers(Err(TransportFailure::TimedOut));
    assert!(matches!(call(&a), Err(CallFailure::Unknown { .. })));
    assert!(matches!(call(&b), Err(CallFailure::Unknown { .. })));
    setup.pass(4);
    let third = call(&a);
    assert!(matches!(&third, Err(CallFailure::Closed { after: Some(_), why: Wait::Circuit(_), .. })), "{third:?}");
    assert!(!third.unwrap_err().is_undone(), "the request was sent before the circuit opened");
    assert_eq!(waits(&call(&c)), Some(&Wait::Circuit(the_erp())));
    assert_eq!(setup.calls(), 3);

    setup.pass(6);
    setup.partner.hangs.set(1);
    let context = cx();
    let query = credit_query();
    let mut probe = std::pin::pin!(b.credit(&context, &query));
    let mut look = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(probe.as_mut().poll(&mut look).is_pending());
    assert!(waits(&call(&a)).is_some() && waits(&call(&c)).is_some(), "one probe, leased");
    setup.answers(Ok(approves()));
    assert!(probe.as_mut().poll(&mut look).is_ready());
    setup.pass(4);
    assert_eq!((call(&a), call(&b), call(&c)), (Ok(()), Ok(()), Ok(())));
    assert_eq!(setup.calls(), 4);
}

#[test]
fn a_permit_that_a_step_reserved_is_used_by_its_own_call() {
    let setup = Setup::new();
    let instance = setup.instance();
    setup.answers(Err(TransportFailure::TimedOut));
    for _ in 0..3 {
        assert!(call(&instance).is_err());
        setup.pass(2);
    }
    setup.answers(Ok(approves()));
    setup.pass(6);
    let other = Context { correlation: "another order".to_owned(), ..cx() };
    assert_eq!(run(instance.ready(&cx(), Recipient::Erp)), Ok(()));
    let refused = run(instance.ready(&other, Recipient::Erp));
    assert!(matches!(refused, Err(Failure::Deferred { why: Wait::Circuit(_), .. })), "{refused:?}");
    assert_eq!(call(&instance), Ok(()), "the probe belongs to this work");
    assert_eq!(run(instance.ready(&other, Recipient::Erp)), Ok(()));
}

#[test]
fn f16_a_partner_that_accepts_no_credentials_is_not_called_until_a_probe_succeeds() {
    for answer in [(401, json!({})), (403, json!({}))] {
        let setup = Setup::new();
        let [a, b] = [setup.instance(), setup.instance()];
        setup.answers(Ok(answer));
        for _ in 0..2 {
            assert!(matches!(call(&a), Err(CallFailure::NotSent { .. })));
        }
        setup.pass(4);
        let third = call(&a);
        assert!(matches!(&third, Err(CallFailure::Closed { after: Some(_), why: Wait::Circuit(_), .. })), "{third:?}");
        assert!(third.unwrap_err().is_undone(), "nothing was done");
        assert!(setup.calls() > 0);
        assert_eq!(waits(&call(&b)), Some(&Wait::Circuit(the_erp())));
        assert_eq!(setup.calls(), 0);
        setup.answers(Ok(approves()));
        setup.pass(6);
        assert_eq!((call(&b), call(&a).is_ok()), (Ok(()), true));
    }
}

#[test]
fn rejections_and_unreadable_answers_are_no_outage() {
    for answer in [(422, json!({"code": "NO"})), (200, json!("?")), (400, json!({}))] {
        let setup = Setup::new();
        let instance = setup.instance();
        setup.answers(Ok(answer));
        for _ in 0..5 {
            assert_eq!(waits(&call(&instance)), None);
        }
        assert_eq!(setup.store.writes.get(), 0);
    }
}

#[test]
fn b24_after_one_instances_429_all_instances_wait_as_long_as_it_says() {
    let setup = Setup::new();
    let [a, b] = [setup.instance(), setup.instance()];
    setup.answers(Ok((429, json!({}))));
    assert!(matches!(call(&a), Err(CallFailure::Limited { .. })));
    setup.answers(Ok(approves()));
    setup.pass(39);
    assert_eq!(waits(&call(&b)), Some(&Wait::Limited(the_erp())));
    setup.pass(4);
    assert_eq!(call(&b), Ok(()));
    assert_eq!(setup.store.writes.get(), 1, "one write for one 429");
}

#[test]
fn each_answer_is_measured_with_its_latency_and_each_429_is_counted() {
    let setup = Setup::new();
    let erp = setup.instance();
    let measured = || {
        let measures = engine::Measures::of_message();
        let outcome = run(erp.credit(&Context { measures: measures.clone(), ..cx() }, &credit_query()));
        (outcome.is_ok(), measures.field().unwrap_or_default())
    };
    setup.partner.latency_seconds.set(2);
    setup.answers(Ok(approves()));
    let latency = r#"{"name":"partner-latency","unit":"Milliseconds","value":2000,"partner":"acme-erp"}"#;
    assert_eq!(measured(), (true, format!("[{latency}]")));
    setup.answers(Ok((429, json!({}))));
    let limited = r#"{"name":"partner-limited","unit":"Count","value":1,"partner":"acme-erp"}"#;
    assert_eq!(measured(), (false, format!("[{latency},{limited}]")));
}

#[test]
fn b23_a_slow_partner_gets_two_calls_at_once() {
    let mut setup = Setup::new();
    setup.document["limits"] = json!({"timeout_ms": 60_000, "slow_ms": 10_000});
    let [a, b] = [setup.instance(), setup.instance()];
    let context = Context { lease: std::time::Duration::from_secs(300), ..cx() };
    let query = credit_query();
    setup.partner.latency_seconds.set(20);
    for _ in 0..3 {
        assert!(run(a.credit(&context, &query)).is_ok());
    }
    setup.partner.hangs.set(3);
    let mut look = std::task::Context::from_waker(std::task::Waker::noop());
    let mut first = std::pin::pin!(a.credit(&context, &query));
    let mut second = std::pin::pin!(b.credit(&context, &query));
    assert!(first.as_mut().poll(&mut look).is_pending() && second.as_mut().poll(&mut look).is_pending());
    assert_eq!(waits(&call(&b)), Some(&Wait::Slow(the_erp())));
    assert!(first.as_mut().poll(&mut look).is_ready());
    setup.partner.latency_seconds.set(0);
    setup.partner.hangs.set(0);
    assert!(call(&a).is_ok(), "a place is free again");
    assert!(second.as_mut().poll(&mut look).is_ready());
    assert!([call(&a), call(&a), call(&a), call(&b)].iter().all(Result::is_ok));
    let written = setup.store.writes.get();
    assert!(call(&a).is_ok());
    assert_eq!(setup.store.writes.get(), written, "a fast partner costs no write");
}

#[test]
fn tokens_are_leased_several_in_one_write_and_limit_all_instances_together() {
    let mut setup = Setup::new();
    setup.document["limits"] = json!({"requests_per_minute": 60, "burst": 10});
    let [a, b] = [setup.instance(), setup.instance()];
    let mut admitted = 0;
    for _ in 0..20 {
        admitted += usize::from(call(&a).is_ok()) + usize::from(call(&b).is_ok());
    }
    assert_eq!((admitted, setup.store.writes.get()), (10, 2));
    assert_eq!(waits(&call(&a)), Some(&Wait::Limited(the_erp())));
    setup.pass(1);
    assert_eq!((call(&a), waits(&call(&b)).is_some()), (Ok(()), true));
    assert_eq!(setup.calls(), 11);
}

#[test]
fn a_health_store_that_does_not_answer_holds_up_no_call() {
    let setup = Setup::new();
    setup.store.is_down.set(true);
    let instance = setup.instance();
    assert_eq!(run(instance.ready(&cx(), Recipient::Erp)), Ok(()));
    assert_eq!(call(&instance), Ok(()));
    setup.answers(Err(TransportFailure::TimedOut));
    assert!(matches!(call(&instance), Err(CallFailure::Unknown { .. })));
}
