//! Triggers: monotone expressions over public counts.
//!
//! ```text
//! expr  = chain | "any(" expr {"," expr} ")" | "all(" expr {"," expr} ")"
//! chain = term {"and" term}  |  term {"or" term}          (mixing needs parentheses)
//! term  = atom | "(" expr ")" | any(…) | all(…)
//! atom  = "count" ["(" class ")"] ">=" ( N | P "% of members" )
//! ```
//!
//! There is no "not" and no upper bound, so a trigger that holds once would hold for every larger count.

use std::fmt;

use thiserror::Error;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::group::ClassName;

/// Longest trigger text.
pub const MAX_TEXT: usize = 4096;
/// Deepest nesting.
pub const MAX_DEPTH: usize = 16;
/// Most atoms.
pub const MAX_ATOMS: usize = 64;

/// What an atom asks of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threshold {
    /// At least so many.
    AtLeast(u32),
    /// At least so many per cent of the group's members as frozen: `100 * count >= percent * members`.
    Percent(u8),
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// `count >= …` or `count(class) >= …`.
    Count {
        /// Whose count: everybody's or a class's.
        class: Option<ClassName>,
        /// The bound.
        threshold: Threshold,
    },
    /// All of these.
    All(Vec<Trigger>),
    /// Any of these.
    Any(Vec<Trigger>),
}

/// Why a text isn't a trigger, or a trigger can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TriggerError {
    /// Text that the grammar doesn't know.
    #[error("at character {at}: expected {expected}, found {found}")]
    Syntax {
        /// 1-based position.
        at: usize,
        /// What would be right here.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// `not`, `<`, `==` and their like.
    #[error(
        "at character {at}: {found} is not monotone: a trigger may only ask for at least so many"
    )]
    NotMonotone {
        /// 1-based position.
        at: usize,
        /// The offending word.
        found: String,
    },
    /// `and` beside `or` without parentheses.
    #[error("at character {at}: \"and\" and \"or\" are mixed without parentheses")]
    Mixed {
        /// 1-based position.
        at: usize,
    },
    /// A bound of zero holds from the start.
    #[error("a bound of zero would hold before anybody signs")]
    Zero,
    /// Over 100 %.
    #[error("{0} % is more than everybody")]
    OverAll(u32),
    /// Too long, deep or wide.
    #[error("the trigger is too large: {0}")]
    TooLarge(&'static str),
    /// A class that the group doesn't have.
    #[error("the group has no class \"{class}\"")]
    UnknownClass {
        /// Its name.
        class: ClassName,
    },
    /// Could never hold on this roster.
    #[error("unreachable: it asks for {needs} of {whom}, and there are {have}")]
    Unreachable {
        /// How many it asks for.
        needs: u64,
        /// Of whom.
        whom: String,
        /// How many there are.
        have: u64,
    },
}

/// Where counts and sizes come from when a trigger is evaluated.
pub trait Counts {
    /// Signatures counted for the class, or for everybody.
    fn count(&self, class: Option<&ClassName>) -> u64;
    /// Members as frozen at opening, of a class or of the whole group; `None` if there is no such class.
    fn members(&self, class: Option<&ClassName>) -> Option<u64>;
}

impl Trigger {
    /// Parses the text form.
    pub fn parse(text: &str) -> Result<Self, TriggerError> {
        if text.len() > MAX_TEXT {
            return Err(TriggerError::TooLarge("the text has over 4096 bytes"));
        }
        let tokens = tokenize(text)?;
        let mut parser = Parser {
            tokens,
            next: 0,
            atoms: 0,
        };
        let trigger = parser.expr(0)?;
        parser.end()?;
        Ok(trigger)
    }

    /// Does it hold on these counts?
    pub fn holds(&self, counts: &impl Counts) -> bool {
        match self {
            Trigger::Count { class, threshold } => {
                let count = counts.count(class.as_ref());
                match threshold {
                    Threshold::AtLeast(n) => count >= u64::from(*n),
                    Threshold::Percent(p) => {
                        let members = counts.members(None).unwrap_or(0);
                        members > 0 && 100 * count >= u64::from(*p) * members
                    }
                }
            }
            Trigger::All(parts) => parts.iter().all(|t| t.holds(counts)),
            Trigger::Any(parts) => parts.iter().any(|t| t.holds(counts)),
        }
    }

    /// Checks that it names only classes that exist and could hold if everybody signed.
    pub fn check_reachable(&self, counts: &impl Counts) -> Result<(), TriggerError> {
        match self {
            Trigger::Count { class, .. } => {
                let have = match counts.members(class.as_ref()) {
                    Some(have) => have,
                    None => {
                        // Only a named class can be missing.
                        return class.as_ref().map_or(Ok(()), |class| {
                            Err(TriggerError::UnknownClass {
                                class: class.clone(),
                            })
                        });
                    }
                };
                let needs = self.needs(counts);
                if needs > have {
                    let whom = class
                        .as_ref()
                        .map_or("members".to_string(), ToString::to_string);
                    return Err(TriggerError::Unreachable { needs, whom, have });
                }
                Ok(())
            }
            Trigger::All(parts) => parts.iter().try_for_each(|t| t.check_reachable(counts)),
            // One reachable way is enough, but every class must exist.
            Trigger::Any(parts) => {
                let mut first = Ok(());
                let mut reachable = false;
                for part in parts {
                    match part.check_reachable(counts) {
                        Ok(()) => reachable = true,
                        Err(e @ TriggerError::UnknownClass { .. }) => return Err(e),
                        Err(e) => first = first.and(Err(e)),
                    }
                }
                if reachable { Ok(()) } else { first }
            }
        }
    }

    fn needs(&self, counts: &impl Counts) -> u64 {
        match self {
            Trigger::Count {
                threshold: Threshold::AtLeast(n),
                ..
            } => u64::from(*n),
            Trigger::Count {
                threshold: Threshold::Percent(p),
                ..
            } => (u64::from(*p) * counts.members(None).unwrap_or(0))
                .div_ceil(100)
                .max(1),
            _ => 0,
        }
    }

    /// The smallest list this trigger can open, in names: what a signer must expect. Someone signs
    /// under one class at most, so bounds of different classes add up; a bound on everybody covers them.
    pub fn smallest_list(&self, counts: &impl Counts) -> u64 {
        // Each way to satisfy the trigger is a set of atoms; the text's bounds keep their number small,
        // and past MAX_WAYS the lower bound of what was seen is still a lower bound if we keep the least.
        const MAX_WAYS: usize = 4096;
        type Way = std::collections::BTreeMap<Option<ClassName>, u64>;
        fn ways(t: &Trigger, counts: &impl Counts) -> Vec<Way> {
            match t {
                Trigger::Count { class, .. } => vec![Way::from([(class.clone(), t.needs(counts))])],
                Trigger::Any(parts) => {
                    let mut all: Vec<Way> = parts.iter().flat_map(|p| ways(p, counts)).collect();
                    all.sort_by_key(size);
                    all.truncate(MAX_WAYS);
                    all
                }
                Trigger::All(parts) => parts.iter().fold(vec![Way::new()], |acc, p| {
                    let right = ways(p, counts);
                    let mut merged: Vec<Way> = acc
                        .iter()
                        .flat_map(|a| {
                            right.iter().map(move |b| {
                                let mut m = a.clone();
                                for (class, n) in b {
                                    let e = m.entry(class.clone()).or_default();
                                    *e = (*e).max(*n);
                                }
                                m
                            })
                        })
                        .collect();
                    merged.sort_by_key(size);
                    merged.truncate(MAX_WAYS);
                    merged
                }),
            }
        }
        fn size(way: &Way) -> u64 {
            let everybody = way.get(&None).copied().unwrap_or(0);
            let classes: u64 = way
                .iter()
                .filter(|(c, _)| c.is_some())
                .map(|(_, n)| *n)
                .sum();
            everybody.max(classes)
        }
        ways(self, counts).iter().map(size).min().unwrap_or(0)
    }

    /// Every class it names.
    pub fn classes(&self) -> Vec<&ClassName> {
        match self {
            Trigger::Count { class, .. } => class.iter().collect(),
            Trigger::All(parts) | Trigger::Any(parts) => {
                parts.iter().flat_map(Trigger::classes).collect()
            }
        }
    }

    fn decode_at(r: &mut Reader<'_>, depth: usize, atoms: &mut usize) -> Result<Self, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::Invalid("a trigger this deep"));
        }
        match r.u8()? {
            0 => {
                *atoms += 1;
                if *atoms > MAX_ATOMS {
                    return Err(DecodeError::Invalid("a trigger with so many parts"));
                }
                let class = r.option()?;
                let threshold = match r.u8()? {
                    0 => match r.u32()? {
                        0 => return Err(DecodeError::Invalid("a bound of zero")),
                        n => Threshold::AtLeast(n),
                    },
                    1 => match r.u8()? {
                        p @ 1..=100 => Threshold::Percent(p),
                        _ => return Err(DecodeError::Invalid("a percentage")),
                    },
                    _ => return Err(DecodeError::Invalid("a threshold")),
                };
                Ok(Trigger::Count { class, threshold })
            }
            tag @ (1 | 2) => {
                let len = r.length("a trigger's parts", MAX_ATOMS)?;
                if len == 0 {
                    return Err(DecodeError::Invalid("an empty trigger"));
                }
                let mut parts = Vec::with_capacity(len);
                for _ in 0..len {
                    parts.push(Self::decode_at(r, depth + 1, atoms)?);
                }
                Ok(if tag == 1 {
                    Trigger::All(parts)
                } else {
                    Trigger::Any(parts)
                })
            }
            _ => Err(DecodeError::Invalid("a trigger")),
        }
    }
}

impl Encode for Trigger {
    fn encode(&self, w: &mut Writer) {
        match self {
            Trigger::Count { class, threshold } => {
                w.u8(0);
                w.option(class);
                match threshold {
                    Threshold::AtLeast(n) => {
                        w.u8(0);
                        w.u32(*n);
                    }
                    Threshold::Percent(p) => {
                        w.u8(1);
                        w.u8(*p);
                    }
                }
            }
            Trigger::All(parts) => {
                w.u8(1);
                w.list(parts);
            }
            Trigger::Any(parts) => {
                w.u8(2);
                w.list(parts);
            }
        }
    }
}

impl Decode for Trigger {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::decode_at(r, 0, &mut 0)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn parts(f: &mut fmt::Formatter<'_>, word: &str, parts: &[Trigger]) -> fmt::Result {
            if let [only] = parts {
                return write!(f, "{word}({only})").map(|()| ());
            }
            let glue = if word == "all" { " and " } else { " or " };
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    f.write_str(glue)?;
                }
                match part {
                    Trigger::Count { .. } => write!(f, "{part}")?,
                    Trigger::All(p) | Trigger::Any(p) if p.len() == 1 => write!(f, "{part}")?,
                    _ => write!(f, "({part})")?,
                }
            }
            Ok(())
        }
        match self {
            Trigger::Count { class, threshold } => {
                f.write_str("count")?;
                if let Some(class) = class {
                    write!(f, "({class})")?;
                }
                match threshold {
                    Threshold::AtLeast(n) => write!(f, " >= {n}"),
                    Threshold::Percent(p) => write!(f, " >= {p}% of members"),
                }
            }
            Trigger::All(p) => parts(f, "all", p),
            Trigger::Any(p) => parts(f, "any", p),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Number(u32),
    AtLeast,
    Open,
    Close,
    Comma,
    Percent,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(w) => write!(f, "\"{w}\""),
            Token::Number(n) => write!(f, "{n}"),
            Token::AtLeast => f.write_str("\">=\""),
            Token::Open => f.write_str("\"(\""),
            Token::Close => f.write_str("\")\""),
            Token::Comma => f.write_str("\",\""),
            Token::Percent => f.write_str("\"%\""),
        }
    }
}

fn tokenize(text: &str) -> Result<Vec<(usize, Token)>, TriggerError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        let at = i + 1;
        let take = |from: usize, pred: fn(char) -> bool| {
            chars
                .iter()
                .skip(from)
                .take_while(|c| pred(**c))
                .collect::<String>()
        };
        match c {
            c if c.is_whitespace() => i += 1,
            '(' => {
                tokens.push((at, Token::Open));
                i += 1;
            }
            ')' => {
                tokens.push((at, Token::Close));
                i += 1;
            }
            ',' => {
                tokens.push((at, Token::Comma));
                i += 1;
            }
            '%' => {
                tokens.push((at, Token::Percent));
                i += 1;
            }
            '>' if chars.get(i + 1) == Some(&'=') => {
                tokens.push((at, Token::AtLeast));
                i += 2;
            }
            '≥' => {
                tokens.push((at, Token::AtLeast));
                i += 1;
            }
            '<' | '=' | '!' | '>' | '≤' => {
                let found = take(i, |c| matches!(c, '<' | '=' | '!' | '>' | '≤'));
                return Err(TriggerError::NotMonotone {
                    at,
                    found: format!("\"{found}\""),
                });
            }
            c if c.is_ascii_digit() => {
                let digits = take(i, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                i += digits.chars().count();
                let n = digits.parse().map_err(|_| TriggerError::Syntax {
                    at,
                    expected: "a whole number up to 4294967295",
                    found: format!("\"{digits}\""),
                })?;
                tokens.push((at, Token::Number(n)));
            }
            c if c.is_alphabetic() || c == '_' => {
                let word = take(i, |c| c.is_alphanumeric() || c == '_' || c == '-');
                i += word.chars().count();
                tokens.push((at, Token::Word(word)));
            }
            other => {
                return Err(TriggerError::Syntax {
                    at,
                    expected: "a count, a bound or a parenthesis",
                    found: format!("\"{other}\""),
                });
            }
        }
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    atoms: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|(_, t)| t)
    }

    fn at(&self) -> usize {
        self.tokens
            .get(self.next)
            .or(self.tokens.last())
            .map_or(1, |(at, _)| *at)
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, TriggerError> {
        let found = self
            .peek()
            .map_or("the end".to_string(), ToString::to_string);
        Err(TriggerError::Syntax {
            at: self.at(),
            expected,
            found,
        })
    }

    fn expect(&mut self, token: &Token, expected: &'static str) -> Result<(), TriggerError> {
        if self.peek() == Some(token) {
            self.next += 1;
            Ok(())
        } else {
            self.fail(expected)
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let hit = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        if hit {
            self.next += 1;
        }
        hit
    }

    fn end(&self) -> Result<(), TriggerError> {
        if self.peek().is_none() {
            Ok(())
        } else {
            self.fail("\"and\", \"or\" or the end")
        }
    }

    fn expr(&mut self, depth: usize) -> Result<Trigger, TriggerError> {
        if depth > MAX_DEPTH {
            return Err(TriggerError::TooLarge(
                "parentheses are nested over 16 deep",
            ));
        }
        let first = self.term(depth)?;
        let mut parts = vec![first];
        let mut glue: Option<bool> = None;
        loop {
            let at = self.at();
            let and = if self.word("and") {
                true
            } else if self.word("or") {
                false
            } else {
                break;
            };
            if glue.is_some_and(|g| g != and) {
                return Err(TriggerError::Mixed { at });
            }
            glue = Some(and);
            parts.push(self.term(depth)?);
        }
        Ok(match glue {
            Some(true) => Trigger::All(parts),
            Some(false) => Trigger::Any(parts),
            None => parts.swap_remove(0),
        })
    }

    fn term(&mut self, depth: usize) -> Result<Trigger, TriggerError> {
        let at = self.at();
        if self.peek() == Some(&Token::Open) {
            self.next += 1;
            let inner = self.expr(depth + 1)?;
            self.expect(&Token::Close, "\")\"")?;
            return Ok(inner);
        }
        for all in [true, false] {
            if self.word(if all { "all" } else { "any" }) {
                self.expect(&Token::Open, "\"(\"")?;
                let mut parts = vec![self.expr(depth + 1)?];
                while self.peek() == Some(&Token::Comma) {
                    self.next += 1;
                    parts.push(self.expr(depth + 1)?);
                }
                self.expect(&Token::Close, "\",\" or \")\"")?;
                return Ok(if all {
                    Trigger::All(parts)
                } else {
                    Trigger::Any(parts)
                });
            }
        }
        if matches!(self.peek(), Some(Token::Word(w)) if w == "not") {
            return Err(TriggerError::NotMonotone {
                at,
                found: "\"not\"".into(),
            });
        }
        if !self.word("count") {
            return self.fail("\"count\"");
        }
        self.atom()
    }

    fn atom(&mut self) -> Result<Trigger, TriggerError> {
        self.atoms += 1;
        if self.atoms > MAX_ATOMS {
            return Err(TriggerError::TooLarge("it has over 64 parts"));
        }
        let mut class = None;
        if self.peek() == Some(&Token::Open) {
            self.next += 1;
            let Some(Token::Word(name)) = self.peek().cloned() else {
                return self.fail("a class's name");
            };
            let Ok(name) = ClassName::new(&name) else {
                return self.fail("a class's name (a-z, 0-9, - and _)");
            };
            self.next += 1;
            class = Some(name);
            self.expect(&Token::Close, "\")\"")?;
        }
        self.expect(&Token::AtLeast, "\">=\"")?;
        let Some(Token::Number(n)) = self.peek().cloned() else {
            return self.fail("a whole number");
        };
        self.next += 1;
        if n == 0 {
            return Err(TriggerError::Zero);
        }
        let threshold = if self.peek() == Some(&Token::Percent) {
            self.next += 1;
            if !(self.word("of") && self.word("members")) {
                return self.fail("\"of members\"");
            }
            let percent = u8::try_from(n)
                .ok()
                .filter(|p| *p <= 100)
                .ok_or(TriggerError::OverAll(n))?;
            Threshold::Percent(percent)
        } else {
            Threshold::AtLeast(n)
        };
        Ok(Trigger::Count { class, threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sizes {
        counts: (u64, u64),
        members: (u64, u64),
    }

    impl Counts for Sizes {
        fn count(&self, class: Option<&ClassName>) -> u64 {
            if class.is_some() {
                self.counts.1
            } else {
                self.counts.0
            }
        }

        fn members(&self, class: Option<&ClassName>) -> Option<u64> {
            match class {
                None => Some(self.members.0),
                Some(c) if c.as_str() == "senators" => Some(self.members.1),
                Some(_) => None,
            }
        }
    }

    fn with(count: u64, senators: u64) -> Sizes {
        Sizes {
            counts: (count, senators),
            members: (30, 6),
        }
    }

    #[test]
    fn the_whole_language_parses_prints_and_encodes_back_to_itself() {
        for text in [
            "count >= 100",
            "count >= 30% of members",
            "count(senators) >= 5 and count >= 100",
            "any(count >= 3, all(count(senators) >= 2, count >= 10% of members))",
            "(count >= 3 and count(senators) >= 1) or count >= 20",
            "all(count >= 3)",
        ] {
            let t = Trigger::parse(text).unwrap();
            assert_eq!(Trigger::parse(&t.to_string()).unwrap(), t, "{text} -> {t}");
            assert_eq!(Trigger::from_bytes(&t.to_bytes()).unwrap(), t);
        }
    }

    #[test]
    fn triggers_hold_exactly_at_their_bounds() {
        let t = Trigger::parse("count(senators) >= 2 and count >= 10").unwrap();
        assert!(!t.holds(&with(9, 2)));
        assert!(!t.holds(&with(10, 1)));
        assert!(t.holds(&with(10, 2)));
        let p = Trigger::parse("count >= 34% of members").unwrap(); // 10.2 of 30
        assert!(!p.holds(&with(10, 0)));
        assert!(p.holds(&with(11, 0)));
    }

    #[test]
    fn what_is_not_monotone_zero_mixed_or_misspelt_is_refused_by_name() {
        let bad = |text: &str| Trigger::parse(text).unwrap_err();
        assert!(matches!(
            bad("not count >= 3"),
            TriggerError::NotMonotone { .. }
        ));
        assert!(matches!(bad("count < 3"), TriggerError::NotMonotone { .. }));
        assert!(matches!(
            bad("count == 3"),
            TriggerError::NotMonotone { .. }
        ));
        assert!(matches!(bad("count > 3"), TriggerError::NotMonotone { .. }));
        assert_eq!(bad("count >= 0"), TriggerError::Zero);
        assert_eq!(bad("count >= 0% of members"), TriggerError::Zero);
        assert_eq!(bad("count >= 101% of members"), TriggerError::OverAll(101));
        assert!(matches!(
            bad("count >= 1 and count >= 2 or count >= 3"),
            TriggerError::Mixed { .. }
        ));
        assert!(matches!(
            bad("cout >= 1"),
            TriggerError::Syntax { at: 1, .. }
        ));
        assert!(matches!(bad("count >= "), TriggerError::Syntax { .. }));
        assert!(matches!(
            bad("count >= 1 count"),
            TriggerError::Syntax { .. }
        ));
        assert!(matches!(
            bad("count >= 99999999999"),
            TriggerError::Syntax { .. }
        ));
        assert!(matches!(bad("count >= 10%"), TriggerError::Syntax { .. }));
        assert!(matches!(bad(""), TriggerError::Syntax { .. }));
        assert!(matches!(bad(&"(".repeat(40)), TriggerError::TooLarge(_)));
        assert!(matches!(
            bad(&vec!["count >= 1"; 70].join(" and ")),
            TriggerError::TooLarge(_)
        ));
    }

    #[test]
    fn what_the_roster_can_never_reach_is_refused() {
        let reach = |text: &str| Trigger::parse(text).unwrap().check_reachable(&with(0, 0));
        assert_eq!(reach("count >= 30"), Ok(()));
        assert!(matches!(
            reach("count >= 31"),
            Err(TriggerError::Unreachable {
                needs: 31,
                have: 30,
                ..
            })
        ));
        assert!(matches!(
            reach("count(senators) >= 7"),
            Err(TriggerError::Unreachable { .. })
        ));
        assert!(matches!(
            reach("count(judges) >= 1"),
            Err(TriggerError::UnknownClass { .. })
        ));
        assert!(matches!(
            reach("count >= 1 or count(judges) >= 1"),
            Err(TriggerError::UnknownClass { .. })
        ));
        assert_eq!(reach("count >= 31 or count >= 2"), Ok(()));
        assert!(matches!(
            reach("count >= 31 or count >= 32"),
            Err(TriggerError::Unreachable { needs: 31, .. })
        ));
        assert!(matches!(
            reach("count(senators) >= 50% of members"),
            Err(TriggerError::Unreachable {
                needs: 15,
                have: 6,
                ..
            })
        ));
    }

    #[test]
    fn the_smallest_list_counts_what_a_signer_must_expect() {
        let smallest = |text: &str| Trigger::parse(text).unwrap().smallest_list(&with(0, 0));
        assert_eq!(smallest("count >= 10"), 10);
        assert_eq!(smallest("count >= 10 or count(senators) >= 3"), 3);
        assert_eq!(smallest("count(senators) >= 5 and count >= 10"), 10);
        assert_eq!(smallest("count(senators) >= 5 and count >= 2"), 5);
        assert_eq!(smallest("count >= 1% of members"), 1);
    }
}
