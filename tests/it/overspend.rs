//! Seven ways to overspend. Two hundred concurrent clients request several times what the budget
//! allows from a stub provider that counts what it really served. In every case the real cost stays
//! within the limit and equals our counter.
//!
//! | way | what would go wrong |
//! |---|---|
//! | bounded answers | many calls pass one check before the first of them is booked |
//! | answers without a bound | a hold that guesses their length is too small |
//! | streams | usage comes at the end, or is never read |
//! | no price | usage without a price is booked as free |
//! | clients that disconnect | generated tokens are charged to nobody |
//! | a provider that fails | holds of failed attempts stay, or paid ones are released |
//! | a dearer fallback | the hold was for the cheaper model |

mod books;
mod clients;
mod rows;
mod world;

use std::sync::Arc;

use domain::{NanoUsd, budget::Counter};

pub(crate) use books::calls;
use clients::{Reply, small_call, wave};
pub(crate) use rows::Row;
pub(crate) use world::{BUSINESS, World, catalog, catalogue};

/// Concurrent clients.
const CLIENTS: u64 = 200;
/// Calls that fit into the budget.
const AFFORDED: i64 = 40;

/// Sends calls until none is served any more, and compares the provider's real cost with our books.
pub(crate) async fn check(row: Row, world: World) {
    let (begun, world) = (std::time::Instant::now(), Arc::new(world));
    let bound = row.bound();
    let limit = bound.scaled(2 * AFFORDED + 1, 2);
    world.set_limit(limit).await;
    let (mut clients, mut refused) = (CLIENTS, 0);
    let (counter, truth) = loop {
        let replies = wave(&world, row, clients).await;
        let counter = world.settled().await;
        let truth = world.compare(counter).await;
        refused += replies.iter().filter(|reply| **reply == Reply::Refused).count();
        match replies.as_slice() {
            [Reply::Refused] => break (counter, truth),
            // The released holds allow further calls: twice as many clients as could be served.
            _ if replies.iter().any(Reply::is_served) => {
                clients = 2 * u64::try_from(counter.remaining().0 / bound.0).unwrap() + 1;
            }
            // Each may have held money that another needed, so the last check is with a single
            // client.
            _ => clients = 1,
        }
    };
    let free = counter.remaining();
    assert!(
        free < bound,
        "{free} is free, a call needs {bound} at most, and a client alone was refused"
    );
    assert!(refused > 0, "the budget was never short");
    let percent = truth.percent_of(limit);
    assert!(percent >= row.used_percent, "only {percent:.1} % was used");
    report(&row, percent, counter, refused, begun.elapsed());
    world.upstream.recover();
    let room = row.dearest_price().bound(small_call::INPUT, small_call::OUTPUT, 0);
    if counter.remaining() >= room {
        small_call::passes(&world).await;
        world.compare(world.settled().await).await;
    }
}

#[expect(clippy::print_stdout, reason = "figures for runs with --no-capture")]
fn report(row: &Row, percent: f64, counter: Counter, refused: usize, took: std::time::Duration) {
    let booked = counter.spent.percent_of(counter.limit);
    println!(
        "{:24} truth {percent:5.1} %, booked {booked:5.1} %, {refused} refused, {took:.1?}",
        row.name
    );
}

/// One test per row for a store, each with a system of its own.
macro_rules! every_way {
    ($world:path) => {
        $crate::overspend::every_way! { $world;
            bounded_answers, answers_nobody_bounded, streams, an_answer_without_a_price, clients_that_disconnect,
            a_provider_that_fails, a_dearer_fallback
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn a_model_without_a_price_is_never_asked() {
            let world = $world($crate::overspend::Row::bounded_answers().behaviour).await;
            $crate::overspend::refuses_what_has_no_price(world).await;
        }
    };
    ($world:path; $($way:ident),+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $way() {
            let row = $crate::overspend::Row::$way();
            $crate::overspend::check(row, $world(row.behaviour).await).await;
        })+
    };
}
pub(crate) use every_way;

/// Two hundred calls of a model without a price: none is sent, none is booked.
pub(crate) async fn refuses_what_has_no_price(world: World) {
    let world = Arc::new(world);
    world.set_limit(NanoUsd(1_000_000_000)).await;
    let replies = wave(&world, Row::unknown_model(), CLIENTS).await;
    assert!(replies.iter().all(|reply| *reply == Reply::Failed("unknown_model")), "{replies:?}");
    assert_eq!((world.upstream.asked(), world.settled().await.spent), (0, NanoUsd::ZERO));
}

mod on_sqlite {
    use super::world::on_sqlite;

    super::every_way!(on_sqlite);
}
