//! Figures and names as people read them. Names come from a table that strangers wrote: none may move a
//! cursor, turn a line around, or fill a page.

use crate::votes::escaped;

/// Characters of a name that are shown.
const SHOWN: usize = 48;

/// A number with its noun: "1 vote", "2 votes".
pub fn counted(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{} {noun}s", grouped(number)),
    }
}

/// A whole number with its thousands apart: "118,295".
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What is expected, to the precision that means something: "0.04", "1.2", "35".
pub fn expected(value: f64) -> String {
    match value {
        v if v < 0.005 => "0.00".to_owned(),
        v if v < 0.95 => format!("{v:.2}"),
        v if v < 9.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A share in percent: "43 %"; a small one isn't nothing.
pub fn percent(share: f64) -> String {
    match share {
        s if s > 0.0 && s < 0.01 => "under 1 %".to_owned(),
        s => format!("{:.0} %", 100.0 * s),
    }
}

/// What a discount takes off: "-22 %", or "none".
pub fn taken_off(discount: f64) -> String {
    match discount {
        d if d <= 0.0 => "none".to_owned(),
        d if d < 0.01 => "under -1 %".to_owned(),
        d => format!("-{}", percent(d)),
    }
}

/// A span in the unit that fits: "40 seconds", "12 minutes", "3 hours", "9 days".
pub fn span(ms: i64) -> String {
    let seconds = ms.unsigned_abs() / 1_000;
    match seconds {
        0..120 => counted(seconds, "second"),
        120..7_200 => counted(seconds / 60, "minute"),
        7_200..172_800 => counted(seconds / 3_600, "hour"),
        _ => counted(seconds / 86_400, "day"),
    }
}

/// What stands behind every p-value of a group.
pub const IF_CHANCE: &str =
    "if votes depended only on how much people vote and how well a post is liked";

/// What must stand beside every such p-value, or it reads as the chance of innocence. The boards are the five public
/// Polis conversations.
pub const NO_GUILT: &str = "Honest groups of friends have such figures too, so this says nothing about guilt: on five real boards \
                            with nothing planted, five groups were rarer than one board in a thousand million.";

/// How many boards like the one at hand would have a group with this p-value, [`IF_CHANCE`].
pub fn rarity(p_value: f64) -> String {
    if p_value >= 0.5 {
        return "most boards".to_owned();
    }
    let one_in = 1.0 / p_value.max(f64::MIN_POSITIVE);
    let shown = match one_in {
        n if n >= 1e9 => "a thousand million".to_owned(),
        n if n >= 1e6 => "a million".to_owned(),
        n => {
            // Two digits: more would claim more than is known.
            let step = 10_f64.powi(n.log10().floor() as i32 - 1).max(1.0);
            grouped(((n / step).floor() * step) as u64)
        }
    };
    format!("less than one board in {shown}")
}

/// A sentence's beginning.
pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// A name that is safe to show among others: as [`escaped`], so that it can't read as several or hide text, and
/// not too long.
pub fn name(text: &str) -> String {
    id(&escaped(text))
}

/// As [`name`], of what is escaped already or is no name of the table: on one line, without characters that hide
/// or turn text, and not too long.
pub fn id(text: &str) -> String {
    let mut shown = String::new();
    for (place, c) in text.chars().enumerate() {
        if place == SHOWN {
            shown.push('…');
            break;
        }
        shown.push(if hides(c) { '\u{fffd}' } else { c });
    }
    shown
}

/// Control characters, and those that have no width or change the direction of what follows.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// A time in UTC to the second, as people and machines read it: "2026-11-21 22:24:30 UTC".
pub fn utc(at_ms: i64) -> String {
    let (year, month, day) = date(at_ms.div_euclid(86_400_000));
    let second = at_ms.rem_euclid(86_400_000) / 1_000;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The day of a time in UTC: "2026-11-21".
pub fn day(at_ms: i64) -> String {
    let (year, month, day) = date(at_ms.div_euclid(86_400_000));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day of the week of a time in UTC.
pub fn weekday(at_ms: i64) -> &'static str {
    match at_ms.div_euclid(86_400_000).rem_euclid(7) {
        0 => "Thursday",
        1 => "Friday",
        2 => "Saturday",
        3 => "Sunday",
        4 => "Monday",
        5 => "Tuesday",
        _ => "Wednesday",
    }
}

/// The time of the day in UTC: "22:24".
pub fn clock(at_ms: i64) -> String {
    let minute = at_ms.rem_euclid(86_400_000) / 60_000;
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar (Hinnant:
/// "chrono-compatible low-level date algorithms", `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_noun_and_their_thousands() {
        assert_eq!(counted(1, "member"), "1 member");
        assert_eq!(counted(0, "member"), "0 members");
        assert_eq!(counted(118_295, "vote"), "118,295 votes");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }

    #[test]
    fn an_expectation_keeps_the_digits_that_mean_something() {
        let shown = [0.0, 0.004, 0.044, 1.23, 9.96, 35.4].map(expected);
        assert_eq!(shown, ["0.00", "0.00", "0.04", "1.2", "10", "35"]);
        assert_eq!(
            [0.0, 0.004, 0.434].map(percent),
            ["0 %", "under 1 %", "43 %"]
        );
    }

    #[test]
    fn a_discount_is_told_as_what_it_takes_off() {
        let shown = [0.0, 0.004, 0.22].map(taken_off);
        assert_eq!(shown, ["none", "under -1 %", "-22 %"]);
    }

    #[test]
    fn a_rarity_claims_no_more_than_is_known() {
        assert_eq!(rarity(1.0), "most boards");
        assert!(rarity(0.01).ends_with("one board in 100"));
        assert!(rarity(1.0 / 3_456.0).ends_with("one board in 3,400"));
        assert!(rarity(1e-7).ends_with("a million"));
        assert!(rarity(0.0).ends_with("a thousand million"));
    }

    #[test]
    fn a_name_can_neither_hide_text_nor_fill_a_page() {
        assert_eq!(
            id("a\u{1b}[2J\u{202e}b\nc"),
            "a\u{fffd}[2J\u{fffd}b\u{fffd}c"
        );
        assert_eq!(name("a\u{1b}[2J\u{202e}b\nc"), "a%1B[2J%E2%80%AEb%0Ac");
        assert_eq!(name("<script>"), "<script>");
        assert_eq!(name(&"é".repeat(128)).chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_name_can_not_read_as_several() {
        assert_eq!(name("12, 81, 40"), "12%2C%2081%2C%2040");
        assert_eq!(name("8 and 40 more"), "8%20and%2040%20more");
        assert_eq!(
            name("a\u{2800}b\u{ff0c}c\"d'e"),
            "a%E2%A0%80b%EF%BC%8Cc%22d%27e"
        );
        assert_ne!(name("a b"), name("a%20b"));
    }

    #[test]
    fn times_are_in_utc_whatever_they_are() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(1_651_045_821_288), "2022-04-27 07:50:21 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59:59 UTC");
        assert_eq!(day(951_782_400_000), "2000-02-29");
        assert_eq!(utc(1_796_126_400_000), "2026-12-01 12:00:00 UTC");
        assert_eq!(
            (weekday(1_796_126_400_000), weekday(-1)),
            ("Tuesday", "Wednesday")
        );
        assert_eq!(
            (clock(1_651_045_821_288).as_str(), clock(-1).as_str()),
            ("07:50", "23:59")
        );
        for extreme in [i64::MIN, i64::MAX] {
            assert!(utc(extreme).ends_with("UTC"));
        }
        assert_eq!(span(40_000), "40 seconds");
        assert_eq!(span(60_000), "60 seconds");
        assert_eq!(span(600_000), "10 minutes");
        assert_eq!(span(1_000), "1 second");
        assert_eq!(span(9 * 86_400_000), "9 days");
    }
}
