//! Bounds the memory that a PDF takes while it is loaded.
//!
//! The parser bounds each stream, but not the number of streams, nor how often the same bytes
//! become objects: a few kilobytes of object streams, or a table whose entries all point to one
//! object, could fill any memory. The parser offers one hook, a filter that sees every object, and
//! it can only be stopped by unwinding through it.

use std::{
    cell::Cell,
    fmt::Write as _,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use lopdf::{Object, ObjectId, Stream};
use tokio_util::sync::CancellationToken;

use super::{super::Unreadable, is_too_large};

/// The most objects of a document. Each number in a list counts as one: about forty bytes of
/// memory. The bytes of streams and texts count in the same unit.
const MOST_OBJECTS: usize = 4_000_000;
const OBJECT_BYTES: usize = 40;
/// The most bytes that all object streams may inflate to: as much as a file without any may hold.
const OBJECT_STREAMS_BYTES: usize = 16 * 1024 * 1024;

thread_local! {
    /// What is left for the file that this thread loads; a filter is a plain function without
    /// state.
    static LEFT: Cell<Allowance> = const { Cell::new(Allowance { objects: 0, bytes: 0 }) };
    static STOP: Cell<Option<CancellationToken>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Allowance {
    objects: usize,
    bytes: usize,
}

/// Loads with a full allowance; loading ends when the allowance is used up.
pub(super) fn within<T>(
    stop: &CancellationToken,
    load: impl FnOnce() -> T,
) -> Result<T, Unreadable> {
    LEFT.set(Allowance { objects: MOST_OBJECTS, bytes: OBJECT_STREAMS_BYTES });
    STOP.set(Some(stop.clone()));
    let loaded = catch_unwind(AssertUnwindSafe(load));
    STOP.set(None);
    loaded.map_err(|reason| match reason.downcast::<Unreadable>() {
        Ok(reason) => *reason,
        Err(_panicked) => Unreadable::Malformed("its parser gave up".into()),
    })
}

/// Counts an object, and removes from an object stream whatever is not a sequence of objects.
pub(super) fn count(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let stop = STOP.take();
    let is_stopped = stop.as_ref().is_some_and(CancellationToken::is_cancelled);
    STOP.set(stop);
    if is_stopped {
        resume_unwind(Box::new(Unreadable::TooSlow));
    }
    let mut left = LEFT.get();
    let Some(objects) = left.objects.checked_sub(weight(object)) else {
        give_up(format!("it holds more than {MOST_OBJECTS} objects"));
    };
    left.objects = objects;
    if let Object::Stream(stream) = object
        && stream.dict.has_type(b"ObjStm")
    {
        match stream.get_plain_content_with_limit(left.bytes) {
            Ok(content) => left.bytes -= content.len(),
            Err(error) if is_too_large(&error) => {
                give_up(format!("its objects inflate to more than {OBJECT_STREAMS_BYTES} bytes"));
            }
            Err(_) => return None,
        }
        separate(stream)?;
    }
    LEFT.set(left);
    // Only the presence of a stream matters; the objects in an object stream are taken from here.
    Some((id, if matches!(object, Object::Stream(_)) { Object::Null } else { object.clone() }))
}

fn give_up(reason: String) -> ! {
    resume_unwind(Box::new(Unreadable::TooLarge(reason)))
}

/// Terminates because the parser bounds the depth.
fn weight(object: &Object) -> usize {
    match object {
        Object::Array(items) => 1 + items.iter().map(weight).sum::<usize>(),
        Object::Dictionary(entries) => {
            1 + entries.iter().map(|(_, value)| 1 + weight(value)).sum::<usize>()
        }
        Object::Stream(stream) => {
            let entries = stream.dict.iter().map(|(_, value)| 1 + weight(value)).sum::<usize>();
            1 + entries + stream.content.len() / OBJECT_BYTES
        }
        Object::Name(bytes) | Object::String(bytes, _) => 1 + bytes.len() / OBJECT_BYTES,
        Object::Null
        | Object::Boolean(_)
        | Object::Integer(_)
        | Object::Real(_)
        | Object::Reference(_) => 1,
    }
}

/// Inserts between the members of an object stream a separator that no list, dictionary or text can
/// span: the parser reads each member from its offset on, so overlapping members would multiply
/// what they hold.
fn separate(stream: &mut Stream) -> Option<()> {
    let content = stream.get_plain_content().ok()?;
    let first = usize::try_from(stream.dict.get(b"First").ok()?.as_i64().ok()?).ok()?;
    let (index, body) = content.split_at_checked(first)?;
    let mut numbers = std::str::from_utf8(index)
        .ok()?
        .split_ascii_whitespace()
        .map_while(|text| text.parse().ok());
    let mut members: Vec<(usize, usize)> = Vec::new();
    while let (Some(id), Some(offset)) = (numbers.next(), numbers.next()) {
        members.push((offset, id));
    }
    members.sort_unstable();
    members.dedup_by_key(|member| member.0);
    let ends = members.iter().skip(1).map(|member| member.0).chain([body.len()]);
    let (mut index, mut apart) = (String::new(), Vec::with_capacity(body.len()));
    for ((offset, id), end) in members.iter().zip(ends) {
        let Some(member) = body.get(*offset..end) else { break };
        write!(index, "{id} {} ", apart.len()).ok()?;
        apart.extend_from_slice(member);
        apart.extend_from_slice(b"\n)\n");
    }
    let count = i64::try_from(members.len()).ok()?;
    stream.dict.set("First", i64::try_from(index.len()).ok()?);
    stream.dict.set("N", count);
    stream.set_plain_content([index.into_bytes(), apart].concat());
    Some(())
}
