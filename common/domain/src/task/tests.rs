//! Table tests of single transitions, and a property over any order of messages.

use proptest::prelude::*;

use super::*;

const T0: i64 = 1_800_000_000_000;

fn at(seconds: i64) -> Time {
    Time::from_unix_ms(T0 + seconds * 1000)
}

fn taken(claim: Claim) -> TaskState {
    match claim {
        Claim::Take(state) => state,
        Claim::StaleQueued | Claim::Ignore => panic!("not taken: {claim:?}"),
    }
}

fn running() -> TaskState {
    taken(TaskState::submitted(at(0)).claim(Phase::Research, 1, "a", at(1)))
}

#[test]
fn a_claim_takes_the_lease_and_raises_the_fence() {
    let state = running();
    assert_eq!((state.status(), state.fence), (Status::Running, 1));
    assert!(state.is_held_by("a", 1) && !state.is_held_by("b", 1) && !state.is_held_by("a", 0));
    assert_eq!(state.wake_at(), Some(at(1 + LEASE_SECONDS + WAKE_AFTER_LEASE_SECONDS)));
}

#[test]
fn messages_that_mean_nothing_are_ignored() {
    let check = |state: &TaskState, phase, seq, now, expect| {
        assert_eq!(state.claim(phase, seq, "b", now), expect);
    };
    let queued = TaskState::submitted(at(0)).advance(Phase::Strategy, at(1));
    check(&running(), Phase::Research, 1, at(2), Claim::Ignore);
    check(&queued, Phase::Research, 1, at(2), Claim::StaleQueued);
    check(&queued.complete(), Phase::Strategy, 2, at(2), Claim::Ignore);
    let (waiting, _) = running().fail_attempt("bad answer", at(2));
    check(&waiting, Phase::Research, 1, at(3), Claim::Ignore);
    assert!(matches!(waiting.claim(Phase::Research, 1, "b", at(4)), Claim::Take(_)));
}

#[test]
fn an_expired_lease_is_taken_over_and_holder_notices() {
    let state = taken(running().claim(Phase::Research, 1, "b", at(62)));
    assert!(state.is_held_by("b", 2) && !state.is_held_by("a", 1));
}

#[test]
fn attempts_back_off_and_park_at_the_sixth() {
    let mut state = running();
    let mut delays = Vec::new();
    loop {
        let now = at(100);
        let (next, after) = state.fail_attempt("bad answer", now);
        if after == AfterFailure::Parked {
            assert_eq!((next.status(), next.attempt, next.wake_at()), (Status::Parked, 6, None));
            break;
        }
        delays.push(next.wake_at().unwrap().ms_since(now) / 1000);
        state = next;
    }
    assert_eq!(delays, [2, 4, 8, 16, 32]);
}

#[test]
fn a_parked_task_resumes_by_hand_or_when_due() {
    let parked = running().park("budget", Some(at(1_000)));
    assert_eq!(parked.sweep(at(999)), None);
    let woken = parked.sweep(at(1_000)).unwrap();
    assert_eq!((woken.status(), woken.phase_seq), (Status::Queued, 2));
    assert_eq!(running().redrive(at(5)), None);
}

#[test]
fn cancelling_twice_changes_nothing() {
    let cancelled = running().cancel("why").unwrap();
    assert_eq!(
        (cancelled.status(), cancelled.fence, cancelled.wake_at()),
        (Status::Cancelled, 2, None)
    );
    assert_eq!(cancelled.cancel("why"), None);
}

/// What may happen to a task, in any order.
#[derive(Clone, Debug)]
enum Happening {
    /// A wake-up arrives, perhaps late or repeated.
    Wake(Phase, u64),
    /// The holder does its work and moves the task on.
    Advance,
    /// The holder's attempt fails.
    Fail,
    /// The holder gives the lease back.
    Release,
    /// The holder dies; nothing is written.
    Crash,
    /// The sweep runs.
    Sweep,
    /// Time passes.
    Wait(i64),
    /// A client cancels.
    Cancel,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0usize..4, 1u64..12).prop_map(|(phase, seq)| Happening::Wake(Phase::ALL[phase], seq)),
        3 => Just(Happening::Advance),
        2 => Just(Happening::Fail),
        1 => Just(Happening::Release),
        1 => Just(Happening::Crash),
        2 => Just(Happening::Sweep),
        2 => (1i64..120).prop_map(Happening::Wait),
        1 => prop::bool::weighted(0.1).prop_map(|now| if now { Happening::Cancel } else { Happening::Sweep }),
    ]
}

fn advanced(state: &TaskState, now: Time) -> TaskState {
    match state.phase.next() {
        Some(phase) => state.advance(phase, now),
        None => state.complete(),
    }
}

proptest! {
    #[test]
    fn any_message_order_ends_final_or_sweepable(
        happenings in prop::collection::vec(happening(), 0..60),
    ) {
        let (mut state, mut now, mut owner) = (TaskState::submitted(at(0)), at(0), 0u32);
        let mut fence = state.fence;
        for happening in happenings {
            let holds = state.is_leased(now);
            state = match happening {
                Happening::Wake(phase, seq) => {
                    owner += 1;
                    match state.claim(phase, seq, &owner.to_string(), now) {
                        Claim::Take(next) => {
                            prop_assert!(!holds, "two holders");
                            next
                        }
                        Claim::StaleQueued | Claim::Ignore => state,
                    }
                }
                Happening::Advance if holds => advanced(&state, now),
                Happening::Fail if holds => state.fail_attempt("failed", now).0,
                Happening::Release if holds => state.release(now),
                Happening::Sweep => state.sweep(now).unwrap_or(state),
                Happening::Cancel => state.cancel("why").unwrap_or(state),
                Happening::Wait(seconds) => {
                    now = now.plus_seconds(seconds);
                    state
                }
                Happening::Advance | Happening::Fail | Happening::Release | Happening::Crash => state,
            };
            prop_assert!(state.fence >= fence);
            fence = state.fence;
        }
        // Once faults stop, sweeps and their wake-ups alone bring it to an end.
        for _ in 0..200 {
            if state.status().is_final() || (state.status() == Status::Parked && state.wake_at().is_none()) {
                return Ok(());
            }
            prop_assert!(state.wake_at().is_some(), "nobody would wake {state:?}");
            now = now.plus_seconds(60);
            if let Some(swept) = state.sweep(now) {
                state = swept;
                if let Claim::Take(next) = state.claim(state.phase, state.phase_seq, "last", now) {
                    state = advanced(&next, now);
                }
            }
        }
        prop_assert!(false, "never ended: {state:?}");
    }
}

#[test]
fn a_waiting_task_cannot_be_claimed_before_it_starts() {
    let waiting = TaskState::submitted(at(0)).enqueued(at(0));
    for (phase, seq) in [(Phase::Research, 1), (Phase::Strategy, 1)] {
        assert_eq!(waiting.claim(phase, seq, "a", at(500)), Claim::Ignore);
    }
    assert_eq!(
        waiting.sweep(at(QUEUE_CHECK_SECONDS)),
        Some(waiting.enqueued(at(QUEUE_CHECK_SECONDS)))
    );
    let started = waiting.dequeued(at(60)).unwrap();
    assert!(matches!(started.claim(Phase::Research, 1, "a", at(61)), Claim::Take(_)));
    assert_eq!(started.dequeued(at(61)), None);
    // A parked task goes back to the end of its queue.
    assert!(running().park("why", None).redrive(at(5)).unwrap().is_waiting());
}

#[test]
fn a_task_joins_the_end_of_its_queue() {
    let tiers = crate::tier::Tiers::bundled().unwrap();
    let terms = tiers.terms(crate::tier::Tier::Basic);
    assert_eq!(Admission::behind(1, 0, terms), Admission::Starts);
    assert_eq!(Admission::behind(2, 0, terms), Admission::Waits);
    assert_eq!(Admission::behind(1, 1, terms), Admission::Waits);
    assert_eq!(Admission::behind(2, 10, terms), Admission::Refused);
}

#[test]
fn states_are_stored_flat_and_read_back() {
    let parked = running().park("budget", Some(at(9)));
    let backing_off = running().fail_attempt("bad answer", at(2)).0;
    let cancelled = running().cancel("why").unwrap();
    for state in [
        TaskState::submitted(at(0)),
        TaskState::submitted(at(0)).enqueued(at(0)),
        running(),
        backing_off,
        parked,
        cancelled,
        running().complete(),
    ] {
        let stored = serde_json::to_value(&state).unwrap();
        assert_eq!(stored["status"], state.status().as_str());
        assert_eq!(serde_json::from_value::<TaskState>(stored).unwrap(), state);
    }
}

#[test]
fn states_of_the_release_before_are_read() {
    let check = |stored: &str, expect: Result<Stage, ()>| {
        let read: Result<TaskState, _> = serde_json::from_str(stored);
        assert_eq!(read.map(|state| state.stage).map_err(drop), expect, "{stored}");
    };
    let wake_at: Time = "2026-11-30T23:10:40Z".parse().unwrap();
    check(
        r#"{"status":"running","phase":"strategy","phase_seq":2,"attempt":0,"fence":1,
            "lease":{"owner":"w","until":"2026-11-30T23:10:30Z"},"wake_at":"2026-11-30T23:10:40Z"}"#,
        Ok(Stage::Running {
            lease: Lease { owner: "w".into(), until: "2026-11-30T23:10:30Z".parse().unwrap() },
            wake_at,
        }),
    );
    // A process that took over from a dead one removed the lease and nothing else.
    check(
        r#"{"status":"running","phase":"strategy","phase_seq":2,"attempt":0,"fence":1,
            "wake_at":"2026-11-30T23:10:40Z"}"#,
        Ok(Stage::Queued { wake_at, not_before: None, reason: None }),
    );
    check(
        r#"{"status":"queued","phase":"research","phase_seq":1,"attempt":0,"waiting":true,
            "fence":0,"wake_at":"2026-11-30T23:10:40Z"}"#,
        Ok(Stage::Waiting { wake_at }),
    );
    check(
        r#"{"status":"completed","phase":"analytics","phase_seq":4,"attempt":0,"fence":9}"#,
        Ok(Stage::Completed),
    );
    check(r#"{"status":"queued","phase":"research","phase_seq":1,"attempt":0,"fence":0}"#, Err(()));
}
