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
        || matches!(c,
            // Soft hyphen, marks of direction, and letters without a shape.
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{ffa0}'
            // Zero width, separators of lines and paragraphs, and what embeds, overrides or isolates.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            // The byte order mark, annotations, and tags.
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
