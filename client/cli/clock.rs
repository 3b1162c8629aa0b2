//! The person's clock: deadlines as they write them, times as they read them.

use std::time::{SystemTime, UNIX_EPOCH};

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// Unix time in milliseconds.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Reads a deadline: `2026-12-01T12:00Z`, `2026-12-01T13:00:00+01:00`, or from now on `+90s`, `+15m`,
/// `+2h`, `+3d`, `+4w`. Unix time in milliseconds.
pub fn parse_deadline(text: &str, now_ms: u64) -> Result<u64, String> {
    const HOW: &str =
        "Write it like 2026-12-01T12:00Z, or from now on like +90s, +15m, +2h, +3d or +4w.";
    if let Some(span) = text.strip_prefix('+') {
        let unit = span.chars().last().ok_or(HOW)?;
        let number = span.strip_suffix(unit).unwrap_or_default();
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(HOW.into()),
        };
        let number: u64 = number.parse().map_err(|_| HOW)?;
        let span = number.checked_mul(seconds * 1000).ok_or(HOW)?;
        return now_ms.checked_add(span).ok_or_else(|| HOW.into());
    }
    let minutes = format_description!("[year]-[month]-[day]T[hour]:[minute]");
    let short = text
        .strip_suffix('Z')
        .and_then(|t| PrimitiveDateTime::parse(t, minutes).ok());
    let when = match short {
        Some(when) => when.assume_utc(),
        None => OffsetDateTime::parse(text, &Rfc3339).map_err(|_| HOW)?,
    };
    let ms = when.unix_timestamp_nanos() / 1_000_000;
    u64::try_from(ms).map_err(|_| HOW.into())
}

/// A time in UTC, such as `2026-12-01T12:00:00Z`: what a machine reads.
pub fn utc(ms: u64) -> String {
    let when = at(ms).and_then(|t| t.format(&Rfc3339).ok());
    when.unwrap_or_else(|| format!("{ms} ms"))
}

/// A time on the person's own clock, such as `2026-12-01 13:00:00 +01:00`, in UTC where their zone isn't known.
pub fn local(ms: u64) -> String {
    let format = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second] [offset_hour sign:mandatory]:[offset_minute]"
    );
    on_local_clock(ms, format)
}

/// The same to the minute and without the zone, such as `2026-12-01 13:00`: for tables.
pub fn local_short(ms: u64) -> String {
    on_local_clock(
        ms,
        format_description!("[year]-[month]-[day] [hour]:[minute]"),
    )
}

fn on_local_clock(ms: u64, format: &[BorrowedFormatItem<'_>]) -> String {
    let local = at(ms).map(|t| {
        let offset = UtcOffset::local_offset_at(t).unwrap_or(UtcOffset::UTC);
        t.to_offset(offset)
    });
    let text = local.and_then(|t| t.format(format).ok());
    text.unwrap_or_else(|| format!("{ms} ms"))
}

fn at(ms: u64) -> Option<OffsetDateTime> {
    let span = Duration::milliseconds(i64::try_from(ms).ok()?);
    OffsetDateTime::UNIX_EPOCH.checked_add(span)
}

/// How far away a time is, in words.
pub fn distance(ms: u64, now_ms: u64) -> String {
    let seconds = ms.abs_diff(now_ms) / 1000;
    let (number, unit) = match seconds {
        0 if ms > now_ms => return "in a moment".into(),
        0 => return "just now".into(),
        1 => (1, "second"),
        2..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    if ms >= now_ms {
        format!("in {number} {unit}")
    } else {
        format!("{number} {unit} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    #[test]
    fn a_deadline_is_a_moment_or_a_span() {
        assert_eq!(
            parse_deadline("2026-12-01T12:00Z", NOW),
            Ok(1_796_126_400_000)
        );
        assert_eq!(
            parse_deadline("2026-12-01T13:00:00+01:00", NOW),
            Ok(1_796_126_400_000)
        );
        assert_eq!(
            parse_deadline("2026-12-01T12:00:30Z", NOW),
            Ok(1_796_126_430_000)
        );
        assert_eq!(parse_deadline("+90s", NOW), Ok(NOW + 90_000));
        assert_eq!(parse_deadline("+15m", NOW), Ok(NOW + 900_000));
        assert_eq!(parse_deadline("+2h", NOW), Ok(NOW + 7_200_000));
        assert_eq!(parse_deadline("+3d", NOW), Ok(NOW + 259_200_000));
    }

    #[test]
    fn what_is_no_deadline_is_refused() {
        for bad in [
            "",
            "+",
            "+m",
            "+5",
            "+-5m",
            "+5y",
            "+99999999999999999999m",
            "+18446744073709551615w",
            "tomorrow",
            "2026-12-01",
            "2026-13-01T12:00Z",
            "2026-12-01T12:00",
            "1960-01-01T00:00Z",
            "+5é",
        ] {
            assert!(parse_deadline(bad, NOW).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_distance_has_a_fitting_unit() {
        assert_eq!(distance(NOW + 45_000, NOW), "in 45 seconds");
        assert_eq!(distance(NOW + 600_000, NOW), "in 10 minutes");
        assert_eq!(distance(NOW, NOW), "just now");
        assert_eq!(distance(NOW, NOW + 999), "just now");
        assert_eq!(distance(NOW + 1, NOW), "in a moment");
        assert_eq!(distance(NOW, NOW + 1000), "1 second ago");
        assert_eq!(distance(NOW, NOW + 10_800_000), "3 hours ago");
        assert_eq!(distance(NOW + 864_000_000, NOW), "in 10 days");
        assert_eq!(utc(1_796_126_400_000), "2026-12-01T12:00:00Z");
    }
}
