//! The text form of triggers: the grammar of the [module](super), read and written.

use std::fmt;

use super::{MAX_ATOMS, MAX_DEPTH, MAX_TEXT, Threshold, Trigger, TriggerError};
use crate::group::ClassName;

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
