//! The import: read, check, send in batches, compare.

use domain::digest;

use crate::{
    ImportError, order::Order, progress::Sent, record::Record, report::Report, source::Source,
    target::Target, verify,
};

/// The most vectors in one request.
const BATCH_ITEMS: usize = 200;
/// The most bytes in one request; `vector-upsert` accepts twice as many.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// Runs an import; `notify` gets the number of finished vectors and the total.
pub async fn import(
    order: &Order,
    target: &Target,
    notify: &mut dyn FnMut(usize, usize),
) -> Result<Report, ImportError> {
    let source = Source::open(order)?;
    let total = source.len();
    let mut report = Report { dry_run: order.dry_run, ..Report::default() };
    report.other_space = source.other_space().map(Into::into);
    let progress = order.progress.as_deref().filter(|_| !order.dry_run);
    let mut sender =
        Sender { order, target, sent: Sent::open(progress)?, batch: Vec::new(), bytes: 0 };
    for record in source.records() {
        report.read += 1;
        match record.and_then(|record| record.fitted(order.embed_texts)) {
            Ok(record) => {
                let count = if record.embedding.is_some() {
                    &mut report.with_embedding
                } else {
                    &mut report.to_embed
                };
                *count += 1;
                if !order.dry_run {
                    sender.add(record, &mut report).await?;
                }
            }
            Err(flaw) => report.leave_out(&flaw),
        }
        notify(report.read, total);
    }
    sender.flush(&mut report).await?;
    if let Some(answers) = order.verify.as_deref().filter(|_| !order.dry_run) {
        report.verified = Some(verify::verify(answers, &order.business, target).await?);
    }
    Ok(report)
}

/// Collects records into batches and sends them.
struct Sender<'a> {
    order: &'a Order,
    target: &'a Target,
    sent: Sent,
    batch: Vec<Record>,
    bytes: usize,
}

impl Sender<'_> {
    async fn add(&mut self, record: Record, report: &mut Report) -> Result<(), ImportError> {
        if self.batch.len() == BATCH_ITEMS || self.bytes + record.bytes() > BATCH_BYTES {
            self.flush(report).await?;
        }
        self.bytes += record.bytes();
        self.batch.push(record);
        Ok(())
    }

    async fn flush(&mut self, report: &mut Report) -> Result<(), ImportError> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let model = self.order.embedding_model.as_deref();
        let contents: Vec<String> = batch.iter().map(Record::content_hash).collect();
        // The same vectors for another business or model are another batch.
        let name =
            digest(&[self.order.business.as_str(), model.unwrap_or_default(), &contents.join(",")]);
        if self.sent.contains(&name) {
            report.sent_before += batch.len();
            return Ok(());
        }
        let items = batch.iter().map(Record::body).collect();
        let stored = self.target.store(&self.order.business, model, items).await?;
        report.upserted += stored.upserted;
        report.unchanged += stored.unchanged;
        report.embedded += stored.embedded;
        report.cost_usd += stored.cost_usd;
        self.sent.add(&name)
    }
}
