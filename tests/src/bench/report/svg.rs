//! Writes a plot of grouped bars: shapes and text only, in colours that show on light and on dark ground.

use std::fmt::Write;

use super::figure;
use crate::bench::stats::Spread;

/// Contrast of 4.5 to white and to black alike.
const INK: &str = "#767676";
/// Told apart also by those who see few colours.
const COLOURS: [&str; 7] = ["#8c8c8c", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9"];
const FONT: &str = "system-ui, sans-serif";
/// Between the edge of a panel and its axes.
const LEFT: f64 = 44.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 30.0;
/// Part of a group's width that stays empty.
const GAP: f64 = 0.25;

/// Bars of one unit over one axis.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) title: String,
    pub(super) groups: Vec<Group>,
    /// A line across, and what it stands for.
    pub(super) mark: Option<(f64, &'static str)>,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: String,
    /// By the number of the series, which is that of its colour.
    pub(super) bars: Vec<(usize, Spread)>,
}

/// Where a panel is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The whole plot: a legend of the series, and the panels in their frames.
pub(super) fn document(title: &str, series: &[&str], size: (f64, f64), panels: &[(Frame, Panel)]) -> String {
    let mut out = String::new();
    let (width, height) = size;
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"{FONT}\" role=\"img\">"
    );
    let _ = writeln!(out, "<title>{}</title>", escaped(title));
    let mut x = LEFT;
    for (number, name) in series.iter().enumerate() {
        rect(&mut out, (x, 8.0), (12.0, 12.0), colour(number));
        text(&mut out, (x + 17.0, 18.0), 12, "start", name);
        // About the width of the text.
        x += 40.0 + 7.0 * f64::from(u32::try_from(name.chars().count()).unwrap_or(0));
    }
    for (frame, panel) in panels {
        draw(&mut out, *frame, panel);
    }
    out.push_str("</svg>\n");
    out
}

fn draw(out: &mut String, frame: Frame, panel: &Panel) {
    let marked = panel.mark.map(|(value, _)| value);
    let values = panel.groups.iter().flat_map(|group| &group.bars).map(|(_, spread)| spread.max);
    let top = axis_end(values.chain(marked).filter(|value| value.is_finite()).fold(0.0, f64::max));
    let (left, right) = (frame.x + LEFT, frame.x + frame.width);
    let (high, low) = (frame.y + TOP, frame.y + frame.height - BOTTOM);
    let at = |value: f64| low - (low - high) * (value / top).clamp(0.0, 1.0);
    text(out, (frame.x + 4.0, frame.y + 14.0), 13, "start", &panel.title);
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let value = top * part;
        line(out, (left, at(value)), (right, at(value)), if part == 0.0 { 1.0 } else { 0.3 });
        text(out, (left - 5.0, at(value) + 4.0), 10, "end", &figure(value));
    }
    let groups = f64::from(u32::try_from(panel.groups.len().max(1)).unwrap_or(1));
    let group_width = (right - left) / groups;
    let mut start = left;
    for group in &panel.groups {
        let count = f64::from(u32::try_from(group.bars.len().max(1)).unwrap_or(1));
        let bar_width = group_width * (1.0 - GAP) / count;
        let mut x = start + group_width * GAP / 2.0;
        for (series, spread) in group.bars.iter().filter(|(_, spread)| spread.median.is_finite()) {
            let y = at(spread.median);
            rect(out, (x + 1.0, y), ((bar_width - 2.0).max(1.0), low - y), colour(*series));
            let middle = x + bar_width / 2.0;
            line(out, (middle, at(spread.min)), (middle, at(spread.max)), 1.0);
            for end in [spread.min, spread.max] {
                line(out, (middle - 3.0, at(end)), (middle + 3.0, at(end)), 1.0);
            }
            text(out, (middle, at(spread.max) - 4.0), 9, "middle", &figure(spread.median));
            x += bar_width;
        }
        text(out, (start + group_width / 2.0, low + 15.0), 11, "middle", &group.title);
        start += group_width;
    }
    if let Some((value, name)) = panel.mark {
        line(out, (left, at(value)), (right, at(value)), 1.0);
        text(out, (right, at(value) - 4.0), 10, "end", name);
    }
}

/// The next number from above that reads well on an axis.
fn axis_end(largest: f64) -> f64 {
    let mut unit = 1e-6;
    while unit < 1e12 {
        for step in [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0] {
            // Room for the figure above the largest bar.
            if unit * step >= largest * 1.08 {
                return unit * step;
            }
        }
        unit *= 10.0;
    }
    unit
}

fn colour(series: usize) -> &'static str {
    COLOURS.get(series % COLOURS.len()).copied().unwrap_or(INK)
}

fn rect(out: &mut String, (x, y): (f64, f64), (width, height): (f64, f64), fill: &str) {
    let _ =
        writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>");
}

fn line(out: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), opacity: f64) {
    let _ = writeln!(
        out,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{INK}\" stroke-opacity=\"{opacity:.1}\"/>"
    );
}

fn text(out: &mut String, (x, y): (f64, f64), size: u32, anchor: &str, content: &str) {
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{}</text>",
        escaped(content)
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_above_its_largest_bar_and_not_far() {
        for largest in [0.0012, 0.3, 1.0, 1.9, 7.3, 950.0, 31_000.0] {
            let end = axis_end(largest);
            assert!(end > largest && end <= largest * 2.3, "{largest}: {end}");
        }
        assert!(axis_end(0.0) > 0.0);
    }

    #[test]
    fn what_a_name_holds_stays_text() {
        let text = document("a<b", &["<script>", "\"&\""], (100.0, 100.0), &[]);
        assert!(
            !text.contains("<script") && text.contains("&lt;script&gt;") && text.contains("&quot;&amp;&quot;"),
            "{text}"
        );
    }
}
