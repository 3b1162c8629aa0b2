//! Appointments: times that come again each week or each day.
//!
//! A class that reads together each Tuesday at nine keeps one appointment, however many Tuesdays there are; so
//! does a team that looks at its board each noon. To have met on all of these days is one coincidence, and not
//! many. Accounts that act when one of them has written come together at any time.

/// A day, in milliseconds.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// A week.
const WEEK_MS: u64 = 7 * DAY_MS;
/// So far from the same time of the day or the week the beginning of a sitting is still the same.
pub(crate) const SITTINGS_MS: u64 = 30 * 60 * 1000;
/// The same for votes, of which one sitting has many.
pub(crate) const VOTES_MS: u64 = 10 * 60 * 1000;
/// So many weeks at the same time make a weekly appointment.
const LEAST_WEEKS: usize = 2;
/// So many days at the same time make a daily appointment, if most of all moments keep it.
const LEAST_DAYS: usize = 5;
/// What share of all moments that is: honest people and rings alike are often there in the evening.
const MOST: f64 = 0.8;

/// Which of these moments, in milliseconds, keep an appointment: two of them or more lie no more than `near_ms`
/// from the same time of the week, in different weeks; or four in five of all, on five days or more, from the
/// same time of the day. Their order changes nothing.
pub(crate) fn kept(moments: &[i64], near_ms: u64) -> Vec<bool> {
    let weekly = again(moments, near_ms, WEEK_MS);
    let daily = again(moments, near_ms, DAY_MS);
    let most = LEAST_DAYS.max((MOST * moments.len() as f64).ceil() as usize);
    let both = weekly.into_iter().zip(daily);
    both.map(|(weeks, days)| weeks >= LEAST_WEEKS || days >= most)
        .collect()
}

/// For each moment, the number of periods in which one lies at the same time of the period, its own included.
fn again(moments: &[i64], near_ms: u64, period_ms: u64) -> Vec<usize> {
    let period = i128::from(period_ms);
    let mut by_phase: Vec<(i128, i128)> = Vec::with_capacity(2 * moments.len());
    for at in moments.iter().map(|at| i128::from(*at)) {
        let phase = at.rem_euclid(period);
        // Twice, so that what is near the end of a period finds what is near the beginning.
        by_phase.extend([(phase, at), (phase + period, at)]);
    }
    by_phase.sort_unstable();
    let near = i128::from(near_ms);
    let count = |at: &i64| {
        let at = i128::from(*at);
        let own = at.rem_euclid(period);
        let phase = if own < near { own + period } else { own };
        let from = by_phase.partition_point(|(p, _)| *p < phase - near);
        let to = by_phase.partition_point(|(p, _)| *p <= phase + near);
        let others = by_phase.get(from..to).unwrap_or_default().iter();
        // Rounded: half an hour before the same time a week later is a week later.
        let mut periods: Vec<i128> = others
            .map(|(_, other)| (other - at + period / 2).div_euclid(period))
            .collect();
        periods.sort_unstable();
        periods.dedup();
        periods.len()
    };
    moments.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    const WEEK: i64 = 7 * DAY;

    const NEAR: u64 = SITTINGS_MS;

    #[test]
    fn a_class_that_meets_each_week_keeps_an_appointment_and_other_times_do_not() {
        let mut moments: Vec<i64> = (0..4)
            .map(|week| week * WEEK + 9 * HOUR + week * 600_000)
            .collect();
        moments.extend([2 * DAY, WEEK + 3 * DAY, 2 * WEEK + 5 * DAY + HOUR]);
        let found = kept(&moments, NEAR);
        assert_eq!(found, [true, true, true, true, false, false, false]);
        // Ten minutes more each week: the first and the last are half an hour apart, and no more.
        assert_eq!(again(&moments, NEAR, WEEK_MS)[0], 4);
        assert_eq!(again(&moments, NEAR / 3, WEEK_MS)[0], 2);
    }

    #[test]
    fn two_weeks_are_an_appointment_and_twice_in_an_hour_is_none() {
        assert_eq!(kept(&[0, WEEK], NEAR), [true, true]);
        assert_eq!(kept(&[0, HOUR / 2], NEAR), [false, false]);
    }

    #[test]
    fn a_daily_appointment_is_most_of_what_somebody_does() {
        let noons: Vec<i64> = (0..5).map(|day| day * DAY + 12 * HOUR).collect();
        assert_eq!(kept(&noons, NEAR), [true; 5]);
        assert_eq!(kept(&noons[..4], NEAR), [false; 4]);
        let mut busy = noons.clone();
        busy.extend((0..5).map(|day| day * DAY + (3 + 2 * day) * HOUR + HOUR));
        assert_eq!(kept(&busy, NEAR)[..5], [false; 5]);
    }

    #[test]
    fn half_an_hour_is_near_and_more_is_not_also_across_the_end_of_a_week() {
        let near = NEAR as i64;
        for start in [0, WEEK - 1, WEEK - near / 2, 123_456_789] {
            let moments = [start, start + WEEK + near, start + 2 * WEEK - near];
            assert_eq!(again(&moments, NEAR, WEEK_MS)[0], 3, "{start}");
            let moments = [start, start + WEEK + near + 1];
            assert_eq!(again(&moments, NEAR, WEEK_MS)[0], 1, "{start}");
        }
    }

    proptest! {
        #[test]
        fn neither_order_nor_the_beginning_of_the_clock_changes_anything(
            moments in prop::collection::vec(0..(60 * DAY), 0..40),
            shift in -(400 * DAY)..(400 * DAY),
        ) {
            let found = kept(&moments, NEAR);
            let shifted: Vec<i64> = moments.iter().map(|at| at + shift).collect();
            prop_assert_eq!(&kept(&shifted, NEAR), &found);
            let mut backwards: Vec<i64> = moments.clone();
            backwards.reverse();
            let mut found_backwards = kept(&backwards, NEAR);
            found_backwards.reverse();
            prop_assert_eq!(found_backwards, found);
        }

        #[test]
        fn comparing_all_with_all_finds_the_same(
            moments in prop::collection::vec(0..(20 * DAY), 0..30),
        ) {
            for period in [DAY, WEEK] {
                let plain: Vec<usize> = moments.iter().map(|at| {
                    let near = moments.iter().filter_map(|other| {
                        let periods = (other - at + period / 2).div_euclid(period);
                        let off = (other - at - periods * period).unsigned_abs();
                        (off <= NEAR).then_some(periods)
                    });
                    near.collect::<std::collections::BTreeSet<i64>>().len()
                }).collect();
                prop_assert_eq!(again(&moments, NEAR, period.unsigned_abs()), plain);
            }
        }
    }
}
