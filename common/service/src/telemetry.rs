//! Logs: one line of JSON per event for Cloud Logging, one readable line on a laptop.
//!
//! `tracing-stackdriver` was tried: it renames keys and turns numbers into strings. This layer is
//! small enough to maintain here.

use std::{fmt, io::Write as _};

use domain::Time;
use ports::Clock as _;
use serde_json::{Map, Value, json};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::{
    Layer, filter::Targets, layer::Context, prelude::*, registry::LookupSpan,
};

use crate::{Mode, WallClock};

/// A tracing layer that writes events to a sink.
pub struct Log<W> {
    readable: bool,
    sink: W,
}

impl<W: Fn(&str)> Log<W> {
    /// Writes lines of JSON to a sink.
    pub fn json(sink: W) -> Self {
        Self { readable: false, sink }
    }
}

/// Installs the log as the process's global subscriber.
pub(crate) fn start(mode: Mode, filter: Targets) {
    let readable = mode == Mode::Local;
    let sink = move |line: &str| {
        let _ = if readable {
            writeln!(std::io::stderr(), "{line}")
        } else {
            writeln!(std::io::stdout(), "{line}")
        };
    };
    let _ = tracing_subscriber::registry().with(filter).with(Log { readable, sink }).try_init();
}

/// Fields of a span, stored for the events inside it.
struct SpanFields(Vec<(&'static str, Value)>);

#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG | Level::TRACE => "DEBUG",
    }
}

impl<S, W> Layer<S> for Log<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Fn(&str) + 'static,
{
    fn on_new_span(
        &self,
        attributes: &span::Attributes<'_>,
        id: &span::Id,
        context: Context<'_, S>,
    ) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(SpanFields(fields.0));
        }
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = context.span(id)
            && let Some(SpanFields(of_span)) = span.extensions_mut().get_mut()
        {
            of_span.extend(fields.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Map::new();
        for span in context
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root)
        {
            if let Some(SpanFields(of_span)) = span.extensions().get() {
                fields.extend(
                    of_span.iter().map(|(name, value)| ((*name).to_owned(), value.clone())),
                );
            }
        }
        let mut own = Fields::default();
        event.record(&mut own);
        fields.extend(own.0.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let line = line(
            self.readable,
            *event.metadata().level(),
            event.metadata().target(),
            fields,
            WallClock.now(),
        );
        (self.sink)(&line);
    }
}

fn line(
    readable: bool,
    level: Level,
    target: &str,
    mut fields: Map<String, Value>,
    now: Time,
) -> String {
    let message = fields.remove("message").unwrap_or_default();
    let message = message.as_str().unwrap_or_default().to_owned();
    if readable {
        let rest: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        return format!("{now} {:<7} {message} {}", severity(level), rest.join(" "));
    }
    if let Some(trace) = fields.remove("trace_id") {
        fields.insert("logging.googleapis.com/trace".into(), trace);
    }
    let mut line =
        json!({ "severity": severity(level), "time": now, "message": message, "target": target });
    if let Value::Object(line) = &mut line {
        for (name, value) in fields {
            line.entry(name).or_insert(value);
        }
    }
    line.to_string()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_log_line_carries_its_spans_fields() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        let log = Log::json(move |line: &str| sink.lock().unwrap().push(line.to_owned()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            let span = tracing::info_span!("request", trace_id = "abc", task.id = "t1");
            span.record("trace_id", "def");
            span.in_scope(|| tracing::warn!(cost.nano_usd = 12_345_678_901_i64, "task t1 coped"));
        });
        let mut line: Value = serde_json::from_str(&lines.lock().unwrap()[0]).unwrap();
        line["time"] = Value::Null;
        let expect = json!({
            "severity": "WARNING", "time": null, "message": "task t1 coped", "target": "service::telemetry::tests",
            "logging.googleapis.com/trace": "def", "task.id": "t1", "cost.nano_usd": 12_345_678_901_i64,
        });
        assert_eq!(line, expect);
    }
}
