use std::sync::{Arc, LazyLock};

use domain::{Time, catalog::Catalog, rulebook::Rulebook};
use marketing::brief::Brief;

/// Data that does not depend on the seed.
pub(crate) struct Data {
    pub(crate) rules: Arc<Rulebook>,
    pub(crate) brief: Arc<Brief>,
    pub(crate) noon: Time,
}

/// The data, loaded at first use.
pub(crate) static DATA: LazyLock<Data> = LazyLock::new(|| {
    // Without tokenizers nothing is counted: counting runs on another thread, and its timing does
    // not follow from the seed.
    let models = include_str!("../../../common/domain/data/models.toml");
    let lines: Vec<&str> = models.lines().filter(|line| !line.starts_with("tokenizer")).collect();
    let catalog = Catalog::parse(&lines.join("\n")).unwrap();
    let brief = include_str!("../../../common/marketing/src/artefact/testdata/brief.json");
    Data {
        rules: Arc::new(Rulebook::new(catalog, Rulebook::LEAD_DAYS).unwrap()),
        brief: Arc::new(serde_json::from_str(brief).unwrap()),
        noon: "2026-11-25T12:00:00Z".parse().unwrap(),
    }
});
