//! Nodes whose clocks are wrong.

use std::time::Duration;

use commonware_runtime::Clock as _;
use tacit_node::{simulated::run, time::ClockOffset};

use crate::{
    members::{LONG, agreed, founded},
    toy::plain,
};

#[test]
fn a_proposer_whose_clock_is_five_seconds_fast_slows_the_log_and_does_not_stop_it() {
    run(13, LONG, |context| async move {
        let (_, members) = founded(&context, |member| {
            if member.index == 2 {
                member.clock = ClockOffset { ms: 5_000 };
            }
        })
        .await;
        members[0].reached(2).await;
        let start = context.current();
        for n in 0..20 {
            members[0].accepted(plain(n)).await;
        }
        let took = context.current().duration_since(start).expect("forward");
        assert!(took < Duration::from_secs(40), "{took:?}");
        // No honest clock ever sees a time beyond its skew.
        let disk = members[0].disk.lock();
        let now = tacit_node::time::millis(context.current());
        let latest = disk.blocks.last().expect("some").header.timestamp_ms;
        assert!(latest <= now + 500, "{latest} > {now}");
        drop(disk);
        agreed(&members);
    });
}

#[test]
fn a_proposer_whose_clock_is_slow_still_proposes_in_time() {
    run(15, LONG, |context| async move {
        let (_, members) = founded(&context, |member| {
            if member.index == 1 {
                member.clock = ClockOffset { ms: -5_000 };
            }
        })
        .await;
        members[0].reached(4).await;
        let before = members[0].height();
        context.sleep(Duration::from_secs(20)).await;
        let blocks = members[0].height() - before;
        assert!(blocks >= 18, "{blocks} blocks in 20 s");
        agreed(&members);
    });
}
