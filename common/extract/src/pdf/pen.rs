//! Follows the text operators of a page (ISO 32000-1, 9.4) and writes the text they show.

use std::collections::BTreeMap;

use lopdf::{Document, Encoding, Object, content::Operation};

/// A horizontal gap, in thousandths of the font size, that counts as a space.
const SPACE: f32 = 200.0;
/// A line distance, in font sizes, that counts as a new paragraph.
const PARAGRAPH: f32 = 1.8;

/// The text position and the font.
///
/// Only the vertical position is tracked: it separates lines and paragraphs, and every other move
/// is at most a space.
/// move is at most a space.
pub(super) struct Pen<'a> {
    text: &'a mut String,
    fonts: BTreeMap<Vec<u8>, Encoding<'a>>,
    font: Vec<u8>,
    font_size: f32,
    leading: f32,
    scale: f32,
    height: f32,
    /// The vertical position of the last written text.
    written_at: Option<f32>,
    moved: bool,
}

impl<'a> Pen<'a> {
    /// A pen at the top of a page that appends to `text`.
    pub(super) fn new(text: &'a mut String, fonts: BTreeMap<Vec<u8>, Encoding<'a>>) -> Self {
        Self {
            text,
            fonts,
            font: Vec::new(),
            font_size: 1.0,
            leading: 0.0,
            scale: 1.0,
            height: 0.0,
            written_at: None,
            moved: false,
        }
    }

    /// Executes an operator; operators that do not concern text change nothing.
    pub(super) fn apply(&mut self, operation: &Operation) {
        let operands = operation.operands.as_slice();
        let number = |index: usize| {
            operands.get(index).and_then(|operand| operand.as_float().ok()).unwrap_or(0.0)
        };
        match operation.operator.as_str() {
            "BT" => (self.scale, self.height, self.moved) = (1.0, 0.0, true),
            "Tf" => {
                self.font = operands
                    .first()
                    .and_then(|name| name.as_name().ok())
                    .unwrap_or_default()
                    .to_vec();
                self.font_size = number(1);
            }
            "TL" => self.leading = number(0),
            "Td" => self.step(number(1)),
            "TD" => {
                self.leading = -number(1);
                self.step(number(1));
            }
            "Tm" => {
                (self.scale, self.height, self.moved) =
                    (number(3).abs().max(f32::MIN_POSITIVE), number(5), true);
            }
            "T*" => self.step(-self.leading),
            "Tj" | "TJ" => self.show(operands),
            "'" => {
                self.step(-self.leading);
                self.show(operands);
            }
            "\"" => {
                self.step(-self.leading);
                self.show(operands.get(2..).unwrap_or_default());
            }
            _ => {}
        }
    }

    fn step(&mut self, down: f32) {
        self.height += down * self.scale;
        self.moved = true;
    }

    fn show(&mut self, operands: &[Object]) {
        if self.moved {
            self.separate();
        }
        for operand in operands {
            let parts = operand.as_array().map_or(std::slice::from_ref(operand), Vec::as_slice);
            for part in parts {
                if let Ok(bytes) = part.as_str() {
                    self.write(bytes);
                } else if part.as_float().is_ok_and(|gap| gap <= -SPACE) {
                    self.space();
                }
            }
        }
    }

    /// Inserts the separator that the positions of the last and the next text imply.
    fn separate(&mut self) {
        self.moved = false;
        let Some(before) = self.written_at.replace(self.height) else { return };
        let size = (self.font_size * self.scale).abs();
        let distance = (before - self.height).abs();
        // Superscripts and subscripts belong to their line.
        if distance <= size * 0.5 {
            self.space();
        } else if distance > size * PARAGRAPH {
            self.text.push_str("\n\n");
        } else {
            self.text.push('\n');
        }
    }

    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(char::is_whitespace) {
            self.text.push(' ');
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // Text in an unknown font is a list of glyph numbers without meaning here.
        if let Some(text) =
            self.fonts.get(&self.font).and_then(|font| Document::decode_text(font, bytes).ok())
        {
            self.text.push_str(&text);
        }
    }
}
