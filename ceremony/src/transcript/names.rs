//! What people may be called in a transcript: it is public for ever, and shown in everybody's terminal.

/// Bytes of a ceremony's or circuit's name at most.
pub(super) const MAX_NAME: usize = 64;
/// Bytes of a contributor's label at most.
pub const MAX_LABEL: usize = 64;

/// Fit for a file's name, a table and a URL.
pub fn valid_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && !name.starts_with('-')
        && (name.bytes()).all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Fit to stand in the transcript for ever, and in a terminal: nothing in it hides, breaks the line or
/// turns what follows.
pub fn valid_label(label: &str) -> bool {
    label.len() <= MAX_LABEL && label.trim() == label && !label.is_empty() && shows(label)
}

/// Whether every character shows as what it is.
pub(super) fn shows(text: &str) -> bool {
    !text.chars().any(hides)
}

/// Characters that a reader doesn't see, or that change how others are shown: two labels could look the
/// same, and a line in a terminal like another's.
pub(super) fn hides(c: char) -> bool {
    c.is_control()
        // Of all spaces, one.
        || c.is_whitespace() && c != ' '
        || matches!(c,
            // Soft hyphen, a joiner, marks of direction, and letters without a shape.
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}'
            // Selectors of variants, and marks of shorthand and of music.
            | '\u{fe00}'..='\u{fe0f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            // Zero width, separators of lines and paragraphs, and what embeds, overrides or isolates.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // The byte order mark, annotations, and tags.
            | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_no_character_that_nobody_sees() {
        for c in [
            '\u{a0}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{1680}',
            '\u{17b4}',
            '\u{17b5}',
            '\u{180e}',
            '\u{2003}',
            '\u{200b}',
            '\u{202e}',
            '\u{202f}',
            '\u{205f}',
            '\u{2060}',
            '\u{2066}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{1bca0}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0100}',
            '\u{e0fff}',
            '\n',
        ] {
            assert!(!valid_label(&format!("A{c}da")), "{:x}", c as u32);
        }
        for label in ["Ada Lovelace", "Ада", "艾达", "Zoë 🌍", "עדה", "ஆதா"] {
            assert!(valid_label(label), "{label}");
        }
    }
}
