//! Writes markup in which text can only be text: whatever comes from outside goes through
//! [`Markup::text`] or an attribute's value, and is escaped there. Tags, names of attributes and everything
//! that is written as it is are constants of the program.

use crate::words;

/// HTML or SVG while it is being written.
#[derive(Debug, Default)]
pub struct Markup {
    written: String,
    open: Vec<&'static str>,
}

/// The names and values of a tag's attributes.
pub type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Markup {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a tag, until [`Markup::close`].
    pub fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.tag(tag, attributes);
        self.written.push('>');
        self.open.push(tag);
    }

    /// Closes the tag that was opened last.
    pub fn close(&mut self) {
        if let Some(tag) = self.open.pop() {
            self.written.push_str("</");
            self.written.push_str(tag);
            self.written.push('>');
            if matches!(
                tag,
                "p" | "tr" | "section" | "svg" | "table" | "li" | "h2" | "h3"
            ) {
                self.written.push('\n');
            }
        }
    }

    /// A tag with nothing inside.
    pub fn empty(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.tag(tag, attributes);
        self.written.push_str("/>");
    }

    /// A tag with text inside.
    pub fn leaf(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.open(tag, attributes);
        self.text(text);
        self.close();
    }

    /// Text, escaped.
    pub fn text(&mut self, text: &str) {
        escape(text, &mut self.written);
    }

    /// A name that others chose: made safe to show, and kept from turning the text around it.
    pub fn name(&mut self, name: &str) {
        self.leaf("bdi", &[], &words::name(name));
    }

    /// As [`Markup::name`], of what is no name of the table, such as a file's.
    pub fn file(&mut self, name: &str) {
        self.leaf("bdi", &[], &words::id(name));
    }

    /// As it is.
    pub fn fixed(&mut self, markup: &'static str) {
        self.written.push_str(markup);
    }

    /// All of it; what is still open is closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.written
    }

    fn tag(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.written.push('<');
        self.written.push_str(tag);
        for (name, value) in attributes {
            self.written.push(' ');
            self.written.push_str(name);
            self.written.push_str("=\"");
            escape(value, &mut self.written);
            self.written.push('"');
        }
    }
}

/// Text without any character that means something in markup, or that markup can't hold.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            c if c.is_control() && c != '\n' => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

/// A length or place in a picture, to a tenth.
pub fn at(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_never_markup() {
        let mut markup = Markup::new();
        let hostile = "</p><script>alert(\"1\" + '&')</script>\u{0}";
        markup.open("p", &[("title", hostile)]);
        markup.text(hostile);
        markup.name("\u{202e}<b>");
        let written = markup.finish();
        let escaped =
            "&lt;/p&gt;&lt;script&gt;alert(&quot;1&quot; + &#39;&amp;&#39;)&lt;/script&gt;\u{fffd}";
        assert_eq!(
            written,
            format!("<p title=\"{escaped}\">{escaped}<bdi>%E2%80%AE&lt;b&gt;</bdi></p>\n")
        );
    }

    #[test]
    fn what_is_open_is_closed_in_order() {
        let mut markup = Markup::new();
        markup.open("svg", &[]);
        markup.open("g", &[]);
        markup.empty("circle", &[("r", &at(2.0))]);
        assert_eq!(markup.finish(), "<svg><g><circle r=\"2\"/></g></svg>\n");
        assert_eq!([at(0.04), at(f64::NAN), at(-1.26)], ["0", "0", "-1.3"]);
    }
}
