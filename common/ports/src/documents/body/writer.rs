//! Writes a value as JSON text and notes where the fields of its outermost object lie: a store that
//! keeps a few of them apart need not read the text again for them.

use std::{cell::Cell, io, ops::Range};

use serde::{Serialize, ser::Error as _};
use serde_json::{Error, Serializer, ser::Formatter};

/// Where a field lies in the text: its name between the quotes, as it is escaped there, and its
/// value.
#[derive(Default)]
pub(super) struct Place {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

/// A value as text.
pub(super) struct Written {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
    /// How deep its arrays and objects are nested.
    pub(super) depth: usize,
}

/// What most documents take.
const TEXT_BYTES: usize = 1024;
const FIELDS: usize = 32;

pub(super) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Written, Error> {
    let length = Cell::new(0);
    let mut places =
        Places { length: &length, depth: 0, deepest: 0, found: Vec::with_capacity(FIELDS) };
    let mut text = Vec::with_capacity(TEXT_BYTES);
    value.serialize(&mut Serializer::with_formatter(
        Counted { text: &mut text, length: &length },
        &mut places,
    ))?;
    let (places, depth) = (places.found, places.deepest);
    Ok(Written { text: String::from_utf8(text).map_err(Error::custom)?, places, depth })
}

/// Bytes, and how many there are for whoever looks while they are written.
struct Counted<'a> {
    text: &'a mut Vec<u8>,
    length: &'a Cell<usize>,
}

impl io::Write for Counted<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.text.extend_from_slice(bytes);
        self.length.set(self.text.len());
        Ok(())
    }

    #[inline]
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compact JSON whose outermost fields are noted.
struct Places<'a> {
    length: &'a Cell<usize>,
    depth: usize,
    deepest: usize,
    found: Vec<Place>,
}

impl Places<'_> {
    #[inline]
    fn enter(&mut self) {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
    }

    #[inline]
    fn outermost(&mut self) -> Option<&mut Place> {
        self.found.last_mut().filter(|_| self.depth == 1)
    }
}

impl Formatter for &mut Places<'_> {
    #[inline]
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter();
        writer.write_all(b"[")
    }

    #[inline]
    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"]")
    }

    #[inline]
    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.enter();
        writer.write_all(b"{")
    }

    #[inline]
    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth -= 1;
        writer.write_all(b"}")
    }

    #[inline]
    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth == 1 {
            // Behind the quote that comes now.
            let start = self.length.get() + 1;
            self.found.push(Place { name: start..start, ..Place::default() });
        }
        Ok(())
    }

    #[inline]
    fn end_object_key<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        let end = self.length.get() - 1;
        if let Some(place) = self.outermost() {
            place.name.end = end;
        }
        Ok(())
    }

    #[inline]
    fn begin_object_value<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b":")?;
        let start = self.length.get();
        if let Some(place) = self.outermost() {
            place.value.start = start;
        }
        Ok(())
    }

    #[inline]
    fn end_object_value<W: io::Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        let end = self.length.get();
        if let Some(place) = self.outermost() {
            place.value.end = end;
        }
        Ok(())
    }
}
