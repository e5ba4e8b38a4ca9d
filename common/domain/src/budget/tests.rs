//! The budget invariant under any interleaving of the ledger's operations on counters and grants.

use proptest::prelude::*;

use super::*;
use crate::NanoUsd;

#[derive(Clone, Copy, Debug)]
enum Action {
    OpenGrant(i64),
    TopUp(usize, i64),
    Hold(usize, i64),
    Settle(usize, i64),
    Flush(usize),
    Close(usize),
    DirectReserve(i64),
    DirectSettle(usize, i64),
    NextDay,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => (1i64..600).prop_map(Action::OpenGrant),
        2 => (0usize..4, 1i64..300).prop_map(|(g, a)| Action::TopUp(g, a)),
        4 => (0usize..4, 1i64..200).prop_map(|(g, a)| Action::Hold(g, a)),
        4 => (0usize..8, 0i64..200).prop_map(|(c, a)| Action::Settle(c, a)),
        3 => (0usize..4).prop_map(Action::Flush),
        1 => (0usize..4).prop_map(Action::Close),
        3 => (1i64..400).prop_map(Action::DirectReserve),
        3 => (0usize..8, 0i64..400).prop_map(|(c, a)| Action::DirectSettle(c, a)),
        1 => Just(Action::NextDay),
    ]
}

/// A business's counters by day, its grants, and the holds in flight.
struct World {
    days: Vec<Counter>,
    grants: Vec<Grant>,
    holds: Vec<(usize, NanoUsd)>,
    direct: Vec<(usize, NanoUsd)>,
}

fn period(day: usize) -> Period {
    Period { day: format!("2026-11-{:02}", day + 1), month: "2026-11".into() }
}

impl World {
    fn today(&self) -> usize {
        self.days.len() - 1
    }

    fn book(&mut self, movements: Vec<Movement>) {
        for movement in movements {
            let day = (0..self.days.len()).find(|day| period(*day) == movement.period).unwrap();
            self.days[day] = self.days[day].book(movement.spent, movement.released);
        }
    }

    fn act(&mut self, action: Action) {
        let today = self.today();
        match action {
            Action::OpenGrant(amount) => {
                if let Ok(counter) = self.days[today].reserve(NanoUsd(amount)) {
                    self.days[today] = counter;
                    self.grants.push(Grant::open(period(today), NanoUsd(amount)));
                }
            }
            Action::TopUp(grant, amount) => {
                let id = format!("{}", self.holds.len());
                let Some(old) = self.grants.get(grant).cloned() else { return };
                let Ok(counter) = self.days[today].reserve(NanoUsd(amount)) else { return };
                if let Some(topped) = old.top_up(&period(today), &id, NanoUsd(amount)) {
                    (self.days[today], self.grants[grant]) = (counter, topped);
                }
            }
            Action::Hold(grant, amount) => {
                let Some(old) = self.grants.get(grant).cloned() else { return };
                if let Ok(held) = old.hold(NanoUsd(amount)) {
                    self.grants[grant] = held;
                    self.holds.push((grant, NanoUsd(amount)));
                }
            }
            Action::Settle(call, cost) if call < self.holds.len() => {
                let (grant, hold) = self.holds.swap_remove(call);
                self.grants[grant] =
                    self.grants[grant].clone().settle(hold, NanoUsd(cost).min(hold));
            }
            Action::Flush(grant) if grant < self.grants.len() => {
                let (flushed, movements) = self.grants[grant].clone().flush();
                self.grants[grant] = flushed;
                self.book(movements);
            }
            Action::Close(grant) if grant < self.grants.len() => {
                self.grants[grant] = self.grants[grant].clone().close();
            }
            Action::DirectReserve(amount) => {
                if let Ok(counter) = self.days[today].reserve(NanoUsd(amount)) {
                    self.days[today] = counter;
                    self.direct.push((today, NanoUsd(amount)));
                }
            }
            Action::DirectSettle(call, cost) if call < self.direct.len() => {
                let (day, hold) = self.direct.swap_remove(call);
                self.days[day] = self.days[day].book(NanoUsd(cost).min(hold), hold);
            }
            Action::NextDay => self.days.push(Counter::new(NanoUsd(1_000))),
            Action::Settle(..) | Action::Flush(_) | Action::Close(_) | Action::DirectSettle(..) => {
            }
        }
    }
}

proptest! {
    #[test]
    fn any_interleaving_keeps_spent_and_reserved_within_the_limit(actions in prop::collection::vec(action(), 0..200)) {
        let mut world = World { days: vec![Counter::new(NanoUsd(1_000))], grants: vec![], holds: vec![], direct: vec![] };
        for action in actions {
            world.act(action);
            for counter in &world.days {
                prop_assert!(counter.spent + counter.reserved <= counter.limit, "{counter:?}");
                prop_assert!(counter.reserved >= NanoUsd::ZERO && counter.spent >= NanoUsd::ZERO);
            }
        }
        // After everything has ended, every hold is returned and the spending equals the cost of
        // the calls.
        while !world.holds.is_empty() {
            world.act(Action::Settle(0, 50));
        }
        while !world.direct.is_empty() {
            world.act(Action::DirectSettle(0, 50));
        }
        for grant in 0..world.grants.len() {
            world.act(Action::Close(grant));
            world.act(Action::Flush(grant));
            prop_assert_eq!(world.grants[grant].state, GrantState::Closed);
        }
        prop_assert!(world.days.iter().all(|counter| counter.reserved == NanoUsd::ZERO));
    }
}
