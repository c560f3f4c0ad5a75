use super::*;
use dovetail_core::time::Timestamp;

fn limits() -> Limits {
    Limits {
        messages_per_second_max: Some(10),
        bytes_per_second_max: Some(10 << 10),
        changes_per_second_max: Some(100),
        document_changes_per_second_max: Some(200),
        requests_per_second_max: Some(10),
        joins_per_second_max: Some(10),
        failed_logins_per_minute_max: Some(30),
        ..Limits::default()
    }
}

struct World {
    clock: Clock,
    throttle: Throttle,
}

impl World {
    fn new(limits: &Limits) -> Self {
        let clock = Clock::standing(Timestamp::from_millis(1_800_000_000_000));
        Self { throttle: Throttle::new(limits, &clock), clock }
    }

    fn many(&self, count: usize, who: &Who<'_>, cost: Cost) -> Vec<Verdict> {
        (0..count).map(|_| self.throttle.check(who, None, cost)).collect()
    }
}

fn of(subject: &SubjectId) -> Who<'_> {
    Who { subject: Some(subject), address: None }
}

fn from(address: &str) -> Who<'static> {
    Who { subject: None, address: Some(address.parse().unwrap()) }
}

fn named(name: &str) -> SubjectId {
    name.parse().unwrap()
}

/// LI2: five seconds' worth goes at once, two seconds' worth waits, and the rest is stopped with its code.
#[test]
fn li2_who_is_over_a_limit_is_slowed_before_they_are_cut() {
    let ana = named("ana");
    let cases = [
        (of(&ana), Cost::Message { bytes: 1 }, TooMany::Messages),
        (of(&ana), Cost::Request, TooMany::Requests),
        (from("192.0.2.1"), Cost::Request, TooMany::Requests),
        (from("192.0.2.1"), Cost::Join, TooMany::Connections),
    ];
    for (who, cost, what) in cases {
        let world = World::new(&limits());
        let verdicts = world.many(71, &who, cost);
        assert!(verdicts[..50].iter().all(|verdict| *verdict == Verdict::Go), "{cost:?}");
        for (owed, verdict) in verdicts[50..70].iter().enumerate() {
            assert_eq!(*verdict, Verdict::Slow(Duration::from_millis(100 * (owed as u64 + 1))), "{cost:?}");
        }
        let Verdict::Stop { what: stopped, retry_after } = verdicts[70] else { panic!("{:?}", verdicts[70]) };
        assert_eq!(stopped, what);
        // Who comes again when they are told to goes on unslowed.
        world.clock.advance(retry_after);
        assert_eq!(world.throttle.check(&who, None, cost), Verdict::Go);
    }
}

/// LI2: who waits as long as they are told is never cut, however much they send, and has their rate.
#[test]
fn li2_who_waits_is_never_cut() {
    let (world, ana) = (World::new(&limits()), named("ana"));
    let mut waited = Duration::ZERO;
    for _ in 0..200 {
        match world.throttle.check(&of(&ana), None, Cost::Changes(150)) {
            Verdict::Go => {}
            Verdict::Slow(wait) => {
                world.clock.advance(wait);
                waited += wait;
            }
            stop @ Verdict::Stop { .. } => panic!("{stop:?}"),
        }
    }
    // 30,000 changes at 100 each second, less what goes at once.
    let seconds = waited.as_secs_f64();
    assert!((290.0..=300.0).contains(&seconds), "{seconds}");
}

/// LI3: each has their own: people, addresses, documents. An IPv6 address counts with its network.
#[test]
fn li3_each_has_their_own() {
    let (ana, bo) = (named("ana"), named("bo"));
    let world = World::new(&limits());
    let stopped = |who: &Who<'_>, cost| matches!(world.throttle.check(who, None, cost), Verdict::Stop { .. });
    world.many(80, &of(&ana), Cost::Request);
    assert!(stopped(&of(&ana), Cost::Request) && !stopped(&of(&bo), Cost::Request));
    let elsewhere = Who { address: Some("192.0.2.9".parse().unwrap()), ..of(&ana) };
    assert!(stopped(&elsewhere, Cost::Request), "a person is the same one from everywhere");
    assert!(!stopped(&of(&ana), Cost::Message { bytes: 1 }), "and has a limit for each thing");

    world.many(80, &from("2001:db8:0:1::1"), Cost::Join);
    assert!(stopped(&from("2001:db8:0:1:ffff::2"), Cost::Join));
    assert!(!stopped(&from("2001:db8:0:2::1"), Cost::Join));
    world.many(80, &from("::ffff:192.0.2.1"), Cost::Join);
    assert!(stopped(&from("192.0.2.1"), Cost::Join) && !stopped(&from("192.0.2.2"), Cost::Join));
}

/// LI3: connections count for who opens them, if that is known: an office behind one address is many.
#[test]
fn li3_connections_count_by_person() {
    let (ana, bo) = (named("ana"), named("bo"));
    let world = World::new(&limits());
    let office = |subject| Who { subject: Some(subject), ..from("192.0.2.1") };
    world.many(80, &office(&ana), Cost::Join);
    assert!(matches!(world.throttle.check(&office(&ana), None, Cost::Join), Verdict::Stop { .. }));
    assert_eq!(world.throttle.check(&office(&bo), None, Cost::Join), Verdict::Go);
    assert_eq!(world.throttle.check(&from("192.0.2.1"), None, Cost::Join), Verdict::Go);
}

/// LI3: a document takes only so much of all together.
#[test]
fn li3_a_document_takes_so_much_of_all_together() {
    let world = World::new(&limits());
    let board = DocumentId::from_bytes(&[1; 16]).unwrap();
    let other = DocumentId::from_bytes(&[2; 16]).unwrap();
    let of_many = |document: &DocumentId| {
        let check = |person: u32| {
            let subject = named(&format!("person-{person}"));
            world.throttle.check(&of(&subject), Some(document), Cost::DocumentChanges(100))
        };
        (0..20).map(check).filter(|verdict| matches!(verdict, Verdict::Stop { .. })).count()
    };
    // 1,000 go at once, 400 are owed.
    assert_eq!(of_many(&board), 6);
    assert_eq!(of_many(&other), 6);
}

/// LI2: bytes are counted beside messages, and a large message goes like any other.
#[test]
fn li2_bytes_count_too() {
    let (world, ana) = (World::new(&limits()), named("ana"));
    let large = Cost::Message { bytes: 64 << 20 };
    assert_eq!(world.throttle.check(&of(&ana), None, large), Verdict::Go);
    let verdicts = world.many(3, &of(&ana), large);
    assert_eq!(verdicts[0], Verdict::Go);
    assert_eq!(verdicts[1], Verdict::Slow(Duration::from_secs(1)));
    assert!(matches!(verdicts[2], Verdict::Stop { what: TooMany::Bytes, .. }), "{verdicts:?}");
}

/// LI4: an address has a minute's worth of tokens refused at once, and then one each two seconds.
#[test]
fn li4_failed_logins_are_few() {
    let world = World::new(&limits());
    let verdicts = world.many(32, &from("192.0.2.1"), Cost::FailedLogin);
    assert!(verdicts[..30].iter().all(|verdict| *verdict == Verdict::Go));
    assert_eq!(verdicts[30], Verdict::Slow(Duration::from_secs(2)));
    assert!(matches!(verdicts[31], Verdict::Stop { what: TooMany::FailedLogins, .. }));
    world.clock.advance(Duration::from_secs(4));
    assert_eq!(world.throttle.check(&from("192.0.2.1"), None, Cost::FailedLogin), Verdict::Go);
}

/// LI5: what is off is not counted, and a server that asks nobody counts nothing.
#[test]
fn li5_limits_can_be_off() {
    let ana = named("ana");
    let world = World::new(&Limits { requests_per_second_max: None, ..limits() });
    assert!(world.many(1_000, &of(&ana), Cost::Request).iter().all(|verdict| *verdict == Verdict::Go));
    let off = World { throttle: Throttle::off(), ..world };
    for cost in [Cost::Join, Cost::FailedLogin, Cost::Changes(1_000), Cost::Message { bytes: 1 }] {
        assert!(off.many(1_000, &from("192.0.2.1"), cost).iter().all(|verdict| *verdict == Verdict::Go));
    }
    let nobody = Who::default();
    assert!(world_of_nobody(&nobody), "who is not known at all is not counted");
}

fn world_of_nobody(nobody: &Who<'_>) -> bool {
    World::new(&limits()).many(1_000, nobody, Cost::Join).iter().all(|verdict| *verdict == Verdict::Go)
}

/// A limit of ten requests each second that remembers ten keys.
fn small_limit(clock: &Clock) -> Limit {
    let limit = Limit::new(TooMany::Requests, 10, Duration::from_secs(1), clock).unwrap();
    Limit { keys_max: 10, ..limit }
}

fn key(number: u32) -> Key {
    Key::of_address(IpAddr::V4(number.into()))
}

/// LI6: when there are too many keys new ones share some, and it is as before when others are forgotten.
#[test]
fn li6_what_is_remembered_has_a_bound() {
    let clock = Clock::standing(Timestamp::from_millis(1_800_000_000_000));
    let limit = small_limit(&clock);
    let check = |number| _ = limit.count(&key(number), 1);
    (0..20).for_each(check);
    limit.tidy();
    assert!(limit.is_full.load(Ordering::Relaxed));
    (100..5_000).for_each(check);
    assert!(limit.buckets.len() <= 20 + SHARED_KEYS as usize, "{}", limit.buckets.len());
    clock.advance(Duration::from_secs(60));
    limit.tidy();
    assert_eq!(limit.buckets.len(), 0);
    assert!(!limit.is_full.load(Ordering::Relaxed));
}

/// LI10: when there are too many keys, those that are known keep their own, whatever newcomers use up.
#[test]
fn li10_who_is_known_keeps_their_own() {
    let clock = Clock::standing(Timestamp::from_millis(1_800_000_000_000));
    let limit = small_limit(&clock);
    (0..20).for_each(|number| _ = limit.count(&key(number), 1));
    limit.tidy();
    let goes = |number| !matches!(limit.count(&key(number), 1), Verdict::Stop { .. });
    let many = |number| (0..71).filter(|_| goes(number)).count();
    assert_eq!((many(1), many(2)), (69, 69), "one of seventy was used before");
    let newcomers: usize = (1_000..10_000).map(many).sum();
    assert!(newcomers <= 70 * SHARED_KEYS as usize, "{newcomers}");
    assert_eq!(many(3), 69);
}

/// LI2: the words are those of the answers over HTTP.
#[test]
fn li2_codes_are_those_of_answers() {
    use TooMany::{Bytes, Changes, Connections, FailedLogins, Messages, Requests};
    for what in [Messages, Bytes, Changes, Requests, Connections, FailedLogins] {
        let problem = crate::gateway::reply::of_too_many(what, Duration::from_millis(1_001));
        assert_eq!(problem.code.as_str(), what.code());
        assert_eq!(problem.into_response().headers()["retry-after"], "2");
    }
}
