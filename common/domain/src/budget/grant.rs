//! A task's share of its business's budget, reserved when the task starts, so that an admitted task
//! does not run out of money halfway.
//!
//! Calls of the task move money only inside the grant; [`Grant::flush`] then updates the business's
//! counters. Spending is attributed to the slices in the order they were granted, so an amount
//! settled after midnight is booked in the period whose money it used.

use serde::{Deserialize, Serialize};

use super::Period;
use crate::NanoUsd;

/// The state of a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Calls may hold money.
    Open,
    /// The task is over: new holds are refused, free money goes back, live calls may still settle.
    Closing,
    /// Nothing is held, and all free money went back.
    Closed,
}

/// A slice: the part of a grant that one budget period granted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slice {
    /// The period that granted the slice.
    #[serde(flatten)]
    pub period: Period,
    /// The amount granted, less what went back.
    pub granted: NanoUsd,
    /// The amount spent from the slice and already booked in the period's counters.
    pub moved: NanoUsd,
}

/// The money of one task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Grant {
    /// Whether calls may hold.
    pub state: GrantState,
    /// The slices, oldest first.
    pub slices: Vec<Slice>,
    /// Money held by calls in flight.
    pub reserved: NanoUsd,
    /// Money spent by settled calls.
    pub spent: NanoUsd,
    /// Ids of the top-ups that were made, so that each is made once.
    #[serde(default)]
    pub top_ups: Vec<String>,
}

/// Why the grant refuses a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantShort {
    /// A top-up of this amount is needed first.
    Missing(NanoUsd),
    /// The task is over.
    NotOpen,
}

/// What the counters of one period must book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Movement {
    /// The period to book in.
    pub period: Period,
    /// Amount to add to `spent`.
    pub spent: NanoUsd,
    /// Amount to take from `reserved`.
    pub released: NanoUsd,
}

impl Grant {
    /// A grant of `amount` from the given period, whose counters must already hold it in
    /// `reserved`.
    pub fn open(period: Period, amount: NanoUsd) -> Self {
        let slice = Slice { period, granted: amount, moved: NanoUsd::ZERO };
        Self {
            state: GrantState::Open,
            slices: vec![slice],
            reserved: NanoUsd::ZERO,
            spent: NanoUsd::ZERO,
            top_ups: Vec::new(),
        }
    }

    /// The total amount granted that has not gone back.
    pub fn granted(&self) -> NanoUsd {
        self.slices.iter().map(|slice| slice.granted).sum()
    }

    /// The amount that calls can still hold.
    pub fn free(&self) -> NanoUsd {
        (self.granted() - self.spent - self.reserved).or_zero()
    }

    /// Holds an amount for a call.
    pub fn hold(mut self, amount: NanoUsd) -> Result<Self, GrantShort> {
        if self.state != GrantState::Open {
            return Err(GrantShort::NotOpen);
        }
        // Negative after an overrun, which the next top-up covers first.
        let free = self.granted() - self.spent - self.reserved;
        if amount > free {
            return Err(GrantShort::Missing(amount - free));
        }
        self.reserved += amount;
        Ok(self)
    }

    /// Ends a call's hold and books its cost; a cost above its hold is booked in full.
    #[must_use]
    pub fn settle(mut self, hold: NanoUsd, cost: NanoUsd) -> Self {
        self.reserved = (self.reserved - hold).or_zero();
        self.spent += cost;
        self
    }

    /// Adds `amount` from the given period, once per `id`; `None` if it was added before or the
    /// grant is not open.
    pub fn top_up(mut self, period: &Period, id: &str, amount: NanoUsd) -> Option<Self> {
        if self.state != GrantState::Open || self.top_ups.iter().any(|known| known == id) {
            return None;
        }
        self.top_ups.push(id.into());
        match self.slices.last_mut() {
            Some(slice) if slice.period == *period => slice.granted += amount,
            _ => self.slices.push(Slice {
                period: period.clone(),
                granted: amount,
                moved: NanoUsd::ZERO,
            }),
        }
        Some(self)
    }

    /// Closes the grant for new holds.
    #[must_use]
    pub fn close(mut self) -> Self {
        if self.state == GrantState::Open {
            self.state = GrantState::Closing;
        }
        self
    }

    /// Books what was spent since the last flush, oldest slice first. A grant that is not open also
    /// gives back what no live call holds, and is closed once nothing is held.
    pub fn flush(mut self) -> (Self, Vec<Movement>) {
        let mut movements = self.book_spent();
        // Also for a closed grant: a late correction frees money again.
        if self.state != GrantState::Open {
            self.give_back(&mut movements);
            if self.reserved == NanoUsd::ZERO {
                self.state = GrantState::Closed;
            }
        }
        movements.retain(|movement| {
            movement.spent != NanoUsd::ZERO || movement.released != NanoUsd::ZERO
        });
        (self, movements)
    }

    /// Books what was spent and gives back what no call holds, without closing the grant: for a
    /// parked task.
    pub fn return_free(mut self) -> (Self, Vec<Movement>) {
        let mut movements = self.book_spent();
        self.give_back(&mut movements);
        movements.retain(|movement| {
            movement.spent != NanoUsd::ZERO || movement.released != NanoUsd::ZERO
        });
        (self, movements)
    }

    fn book_spent(&mut self) -> Vec<Movement> {
        let booked: NanoUsd = self.slices.iter().map(|slice| slice.moved).sum();
        let mut left = self.spent - booked;
        let last = self.slices.len().saturating_sub(1);
        let mut movements = Vec::new();
        for (index, slice) in self.slices.iter_mut().enumerate() {
            let room = (slice.granted - slice.moved).or_zero();
            // An overrun fits into no slice: it is booked in the newest one, as if that had granted
            // it.
            let spent = if index == last { left } else { left.min(room) }.or_zero();
            slice.moved += spent;
            slice.granted = slice.granted.max(slice.moved);
            left -= spent;
            movements.push(Movement {
                period: slice.period.clone(),
                spent,
                released: spent.min(room),
            });
        }
        // A correction reverses the newest bookings. What it frees belongs to the grant again, so
        // it is reserved again too.
        for (slice, movement) in self.slices.iter_mut().zip(&mut movements).rev() {
            let undone = (-left).min(slice.moved).or_zero();
            slice.moved -= undone;
            left += undone;
            movement.spent -= undone;
            movement.released -= undone;
        }
        movements
    }

    fn give_back(&mut self, movements: &mut [Movement]) {
        let mut held = self.reserved;
        for (slice, movement) in self.slices.iter_mut().zip(movements) {
            let room = (slice.granted - slice.moved).or_zero();
            let kept = held.min(room);
            held -= kept;
            slice.granted -= room - kept;
            movement.released += room - kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(day: &str) -> Period {
        Period { day: day.into(), month: day[..7].into() }
    }

    fn grant() -> Grant {
        Grant::open(period("2026-11-30"), NanoUsd(100))
    }

    fn moved(day: &str, spent: i64, released: i64) -> Movement {
        Movement { period: period(day), spent: NanoUsd(spent), released: NanoUsd(released) }
    }

    #[test]
    fn calls_beyond_the_grant_report_the_shortfall() {
        let held = grant().hold(NanoUsd(70)).unwrap();
        assert_eq!(held.clone().hold(NanoUsd(50)), Err(GrantShort::Missing(NanoUsd(20))));
        assert_eq!(held.close().hold(NanoUsd(1)), Err(GrantShort::NotOpen));
    }

    #[test]
    fn a_top_up_is_idempotent_and_opens_a_slice() {
        let topped = grant().top_up(&period("2026-12-01"), "t1", NanoUsd(40)).unwrap();
        assert_eq!(topped.clone().top_up(&period("2026-12-01"), "t1", NanoUsd(40)), None);
        assert_eq!(topped.free(), NanoUsd(140));
        // 120 spent: first the 100 of the old period, then 20 of the new one.
        let (_, movements) =
            topped.hold(NanoUsd(120)).unwrap().settle(NanoUsd(120), NanoUsd(120)).flush();
        assert_eq!(movements, [moved("2026-11-30", 100, 100), moved("2026-12-01", 20, 20)]);
    }

    #[test]
    fn closing_waits_for_the_holds_of_live_calls() {
        let held = grant()
            .hold(NanoUsd(30))
            .unwrap()
            .settle(NanoUsd(30), NanoUsd(10))
            .hold(NanoUsd(40))
            .unwrap();
        let (closing, movements) = held.close().flush();
        assert_eq!(closing.state, GrantState::Closing);
        assert_eq!(movements, [moved("2026-11-30", 10, 60)]);
        let (closed, movements) = closing.settle(NanoUsd(40), NanoUsd(25)).flush();
        assert_eq!(closed.state, GrantState::Closed);
        assert_eq!(movements, [moved("2026-11-30", 25, 40)]);
        assert_eq!(closed.flush().1, []);
    }

    #[test]
    fn a_parked_task_keeps_only_its_calls_holds() {
        let (set_aside, movements) =
            grant().hold(NanoUsd(30)).unwrap().settle(NanoUsd(0), NanoUsd(10)).return_free();
        assert_eq!((set_aside.state, set_aside.free()), (GrantState::Open, NanoUsd(0)));
        assert_eq!(movements, [moved("2026-11-30", 10, 70)]);
    }

    #[test]
    fn an_overrun_is_booked_in_full() {
        let (_, movements) =
            grant().hold(NanoUsd(100)).unwrap().settle(NanoUsd(100), NanoUsd(130)).flush();
        assert_eq!(movements, [moved("2026-11-30", 130, 100)]);
    }

    #[test]
    fn the_next_top_up_covers_an_overrun() {
        let overrun = grant().hold(NanoUsd(100)).unwrap().settle(NanoUsd(100), NanoUsd(130));
        assert_eq!(overrun.clone().hold(NanoUsd(20)), Err(GrantShort::Missing(NanoUsd(50))));
        let topped = overrun.clone().top_up(&period("2026-11-30"), "t1", NanoUsd(50)).unwrap();
        assert!(topped.hold(NanoUsd(20)).is_ok());
        // Once the overrun is booked in full, the counters have covered it.
        assert_eq!(overrun.flush().0.hold(NanoUsd(20)), Err(GrantShort::Missing(NanoUsd(20))));
    }

    #[test]
    fn a_correction_returns_spending_to_the_grant() {
        let (booked, _) = grant().settle(NanoUsd(0), NanoUsd(50)).flush();
        let (corrected, movements) = booked.settle(NanoUsd(0), NanoUsd(-20)).flush();
        assert_eq!(
            (movements, corrected.free()),
            (vec![moved("2026-11-30", -20, -20)], NanoUsd(70))
        );
        let (_, movements) = corrected.return_free();
        assert_eq!(movements, [moved("2026-11-30", 0, 70)]);
    }

    #[test]
    fn a_correction_after_the_end_releases_its_money() {
        let (closed, _) = grant().settle(NanoUsd(0), NanoUsd(50)).close().flush();
        let (closed, movements) = closed.settle(NanoUsd(0), NanoUsd(-20)).flush();
        assert_eq!(
            (closed.state, movements),
            (GrantState::Closed, vec![moved("2026-11-30", -20, 0)])
        );
    }

    #[test]
    fn a_correction_credits_the_periods_that_were_charged() {
        let topped = grant().top_up(&period("2026-12-01"), "t1", NanoUsd(40)).unwrap();
        let (booked, _) = topped.settle(NanoUsd(0), NanoUsd(110)).flush();
        let (_, movements) = booked.settle(NanoUsd(0), NanoUsd(-30)).flush();
        assert_eq!(movements, [moved("2026-11-30", -20, -20), moved("2026-12-01", -10, -10)]);
    }
}
