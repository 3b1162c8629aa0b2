//! The curves of a validation as one picture: recall against the rate of false positives, for each kind of
//! ring. A file of its own that needs nothing from elsewhere.

use super::detection::Part;
use super::results::{KindFound, Study};

const WIDTH: f64 = 940.0;
const HEIGHT: f64 = 570.0;
/// Left, top, right and bottom of the plane.
const PLANE: [f64; 4] = [70.0, 50.0, 620.0, 490.0];
/// Colours that people with any kind of sight tell apart (Okabe and Ito: "Color universal design", 2008).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];
/// Lines after the last colour begin again, dashed.
const DASHES: [&str; 3] = ["none", "7 4", "2 3"];

/// The picture. Its axis is a cut of the score, and no flags.
pub fn curves(study: &Study) -> String {
    let part = match study.part {
        Part::Tuning => "seeds and boards kept for tuning",
        Part::HeldBack => "seeds and boards held back",
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>Ring members above a score, by the share of the others above it, {part}</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    text(
        &mut svg,
        (PLANE[0], 28.0),
        "start",
        &format!("Ring members above a score, by the share of the others above it ({part})"),
    );
    axes(&mut svg);
    for (place, kind) in study.kinds.iter().enumerate() {
        line(&mut svg, place, kind, &study.rates);
    }
    svg.push_str("</svg>\n");
    svg
}

fn x(rate: f64) -> f64 {
    let share = (rate.max(1e-3).log10() + 3.0) / 3.0;
    PLANE[0] + share * (PLANE[2] - PLANE[0])
}

fn y(recall: f64) -> f64 {
    PLANE[3] - recall.clamp(0.0, 1.0) * (PLANE[3] - PLANE[1])
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = escaped(words);
    svg.push_str(&format!(
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#222\">{words}</text>\n"
    ));
}

fn stroke(svg: &mut String, from: (f64, f64), to: (f64, f64), style: &str) {
    svg.push_str(&format!(
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" {style}/>\n",
        from.0, from.1, to.0, to.1
    ));
}

fn axes(svg: &mut String) {
    let grid = "stroke=\"#ddd\"";
    for (rate, label) in [
        (0.001, "0.1 %"),
        (0.01, "1 %"),
        (0.1, "10 %"),
        (1.0, "100 %"),
    ] {
        stroke(svg, (x(rate), PLANE[1]), (x(rate), PLANE[3]), grid);
        text(svg, (x(rate), PLANE[3] + 20.0), "middle", label);
    }
    for tenths in [0, 2, 4, 6, 8, 10] {
        let recall = f64::from(tenths) / 10.0;
        stroke(svg, (PLANE[0], y(recall)), (PLANE[2], y(recall)), grid);
        let label = format!("{} %", tenths * 10);
        text(svg, (PLANE[0] - 8.0, y(recall) + 4.0), "end", &label);
    }
    // What a score finds that knows nothing.
    let blind: Vec<String> = (0..=30)
        .map(|step| 10_f64.powf(f64::from(step) / 10.0 - 3.0))
        .map(|rate| format!("{:.1},{:.1}", x(rate), y(rate)))
        .collect();
    svg.push_str(&format!(
        "<polyline fill=\"none\" stroke=\"#999\" stroke-dasharray=\"1 4\" points=\"{}\"/>\n",
        blind.join(" ")
    ));
    let below = PLANE[3] + 44.0;
    text(
        svg,
        ((PLANE[0] + PLANE[2]) / 2.0, below),
        "middle",
        "share of the others above the score",
    );
    text(
        svg,
        (PLANE[0], HEIGHT - 10.0),
        "start",
        "The score is chosen on each board by who is of the ring, which no user knows: what the audit flags is not drawn.",
    );
    text(
        svg,
        (PLANE[2] + 24.0, PLANE[3] + 44.0),
        "start",
        "circles: what is aimed at; dotted: chance",
    );
}

fn line(svg: &mut String, place: usize, kind: &KindFound, rates: &[f64]) {
    let colour = COLOURS[place % COLOURS.len()];
    let dash = DASHES[place / COLOURS.len() % DASHES.len()];
    let style = format!("stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"");
    let points: Vec<String> = rates
        .iter()
        .zip(&kind.curve)
        .map(|(rate, recall)| format!("{:.1},{:.1}", x(*rate), y(*recall)))
        .collect();
    if kind.boards > 0 {
        svg.push_str(&format!(
            "<polyline fill=\"none\" {style} points=\"{}\"/>\n",
            points.join(" ")
        ));
    }
    if let Some(recall) = kind.aim.and_then(|aim| aim.recall) {
        svg.push_str(&format!(
            "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"5\" fill=\"#fff\" stroke=\"{colour}\" stroke-width=\"2\"/>\n",
            x(0.01),
            y(recall)
        ));
    }
    let (left, top) = (PLANE[2] + 24.0, PLANE[1] + 14.0 + 24.0 * place as f64);
    stroke(svg, (left, top - 4.0), (left + 28.0, top - 4.0), &style);
    text(svg, (left + 36.0, top), "start", kind.name);
}

fn escaped(words: &str) -> String {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    words.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_lie_evenly_by_their_logarithm() {
        assert_eq!((x(0.001), x(1.0)), (PLANE[0], PLANE[2]));
        assert!((x(0.01) - x(0.001) - (x(1.0) - x(0.1))).abs() < 1e-9);
        assert_eq!((y(0.0), y(1.0)), (PLANE[3], PLANE[1]));
    }

    #[test]
    fn words_are_no_marks() {
        assert_eq!(escaped("<a & \"b\">"), "&lt;a &amp; &quot;b&quot;&gt;");
    }
}
