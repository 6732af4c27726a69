//! A QR code of half blocks: two modules, one above the other, in each character.

use qrcode::{Color, EcLevel, QrCode, types::QrError};

use crate::output::{Palette, Role};

/// Light modules around the code, as readers need them.
const QUIET: usize = 4;

/// The text as a QR code. A reader needs dark modules on light ones, so with colour both are set and the terminal's own
/// do not matter. Without colour the light modules are the drawn ones: right on a terminal with light text on dark.
pub(crate) fn qr(text: &str, palette: Palette) -> Result<String, QrError> {
    // Capitals take two thirds of the room, and an invite means the same in them.
    let code = QrCode::with_error_correction_level(text.to_ascii_uppercase(), EcLevel::L)?;
    let (width, modules) = (code.width(), code.to_colors());
    let side = width + 2 * QUIET;
    let is_light = |x: usize, y: usize| {
        let module = |x: usize, y: usize| (x < width).then(|| modules.get(y * width + x)).flatten();
        x.checked_sub(QUIET).zip(y.checked_sub(QUIET)).and_then(|(x, y)| module(x, y)) != Some(&Color::Dark)
    };
    let mut drawn = String::new();
    for y in (0..side).step_by(2) {
        let line: String = (0..side).map(|x| half_blocks(is_light(x, y), y + 1 < side && is_light(x, y + 1))).collect();
        drawn.push_str(&palette.paint(Role::Code, &line));
        drawn.push('\n');
    }
    Ok(drawn)
}

fn half_blocks(upper: bool, lower: bool) -> char {
    match (upper, lower) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_the_code_within_a_light_frame() {
        let text = "ray1aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibae";
        let code = QrCode::with_error_correction_level(text.to_ascii_uppercase(), EcLevel::L).unwrap();
        let side = code.width() + 2 * QUIET;
        let drawn = qr(text, Palette::PLAIN).unwrap();
        let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        assert_eq!(lines.len(), side.div_ceil(2));
        for (y, x) in (0..side).flat_map(|y| (0..side).map(move |x| (y, x))) {
            let upper_is_asked = y % 2 == 0;
            let light = match lines[y / 2][x] {
                '█' => true,
                '▀' => upper_is_asked,
                '▄' => !upper_is_asked,
                other => {
                    assert_eq!(other, ' ');
                    false
                }
            };
            let inside = (QUIET..side - QUIET).contains(&x) && (QUIET..side - QUIET).contains(&y);
            let expected = !inside || code[(x - QUIET, y - QUIET)] == Color::Light;
            assert_eq!(light, expected, "module {x}, {y}");
        }
    }

    #[test]
    fn the_longest_invite_fits_eighty_columns() {
        let drawn = qr(&format!("ray1{}", "a".repeat(317)), Palette::PLAIN).unwrap();
        assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    }
}
