//! Compares a provider's own list of models with the catalogue, to find models that vanished or
//! that end earlier than expected.
//!
//! `OpenAI`'s `GET /v1/models` gives a `shutdown_date` for each model, so a daily check finds an
//! announced end early. Only models that a role relies on are compared; providers list hundreds of
//! models.

use std::{collections::BTreeSet, fmt};

use jiff::civil::Date;

use super::{Catalog, Model, Role};

/// Something that a person should look at before a role loses its model.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Warning {
    /// A model that a role relies on is no longer listed.
    Vanished {
        /// The model's id in the catalogue.
        model: String,
    },
    /// The provider announces an end that the catalogue does not have.
    NewShutdown {
        /// The model's id in the catalogue.
        model: String,
        /// The announced last day.
        listed: Date,
    },
    /// The provider ends the model before the day in the catalogue.
    EarlierShutdown {
        /// The model's id in the catalogue.
        model: String,
        /// The announced last day.
        listed: Date,
        /// The last day in the catalogue.
        ours: Date,
    },
    /// The provider keeps the model longer than the catalogue says, so the role changes models
    /// earlier than needed.
    LaterShutdown {
        /// The model's id in the catalogue.
        model: String,
        /// The announced last day.
        listed: Date,
        /// The last day in the catalogue.
        ours: Date,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vanished { model } => {
                write!(f, "`{model}` is not listed by its provider any more")
            }
            Self::NewShutdown { model, listed } => {
                write!(f, "`{model}` ends on {listed}; the catalogue knows of no end")
            }
            Self::EarlierShutdown { model, listed, ours } => {
                write!(f, "`{model}` ends on {listed}, before the {ours} of the catalogue")
            }
            Self::LaterShutdown { model, listed, ours } => {
                write!(f, "`{model}` ends on {listed}, after the {ours} of the catalogue")
            }
        }
    }
}

impl Catalog {
    /// The models that roles rely on: those that serve today, and their successors.
    pub fn relied_on(&self, today: Date) -> Vec<&Model> {
        let mut ids = BTreeSet::new();
        for role in [Role::Nano, Role::Mini, Role::Full, Role::Embedding] {
            for model in self.chain(role, today, 0) {
                let mut next = Some(model);
                // Loading checked that replacements form no cycle.
                while let Some(model) = next {
                    ids.insert(model.id.as_str());
                    let replacement =
                        model.lifecycle.as_ref().and_then(|it| it.replacement.as_deref());
                    next = replacement.and_then(|id| self.model(id));
                }
            }
        }
        ids.into_iter().filter_map(|id| self.model(id).map(AsRef::as_ref)).collect()
    }

    /// The models relied on that end within [`WARN_DAYS`](super::WARN_DAYS), with the days left.
    pub fn ending(&self, today: Date) -> Vec<(&Model, i64)> {
        self.relied_on(today)
            .into_iter()
            .filter_map(|model| Some((model, model.ending_in(today)?)))
            .collect()
    }

    /// The warning for owners of vectors that `model` made, if it ends within
    /// [`WARN_DAYS`](super::WARN_DAYS) or has ended. Vectors of different models cannot be
    /// compared.
    pub fn vectors_warning(&self, model: &str, today: Date) -> Option<String> {
        let model = self.model(model)?;
        let end = match model.ending_in(today)? {
            days if days > 0 => format!("ends in {days} days"),
            _ => "has ended".into(),
        };
        let replacement = model.lifecycle.as_ref().and_then(|it| it.replacement.as_deref());
        let next = replacement
            .map_or_else(|| "another embedding model".into(), |next| format!("`{next}`"));
        Some(format!(
            "the vectors were made with `{}`, which {end}: move them to {next} with `reembed`",
            model.id
        ))
    }

    /// Compares a provider's list of ids, each with its announced end, with the catalogue as of
    /// `today`.
    ///
    /// An id is listed if it is named exactly, with or without Gemini's prefix `models/`. A listed
    /// model without a date gives no information about its end: most providers publish none.
    pub fn compare(
        &self,
        provider: &str,
        listed: &[(String, Option<Date>)],
        today: Date,
    ) -> Vec<Warning> {
        let bare = |id: &str| id.strip_prefix("models/").unwrap_or(id).to_owned();
        let mut warnings = Vec::new();
        for model in self.relied_on(today).into_iter().filter(|model| model.provider == provider) {
            let id = || model.id.clone();
            let Some((_, end)) = listed.iter().find(|(name, _)| bare(name) == model.id) else {
                warnings.push(Warning::Vanished { model: id() });
                continue;
            };
            match (*end, model.lifecycle.as_ref().map(|it| it.shutdown)) {
                (Some(listed), None) => warnings.push(Warning::NewShutdown { model: id(), listed }),
                (Some(listed), Some(ours)) if listed < ours => {
                    warnings.push(Warning::EarlierShutdown { model: id(), listed, ours });
                }
                (Some(listed), Some(ours)) if listed > ours => {
                    warnings.push(Warning::LaterShutdown { model: id(), listed, ours });
                }
                (None, _) | (Some(_), Some(_)) => {}
            }
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAI: [&str; 7] = [
        "gpt-5",
        "gpt-5-mini",
        "gpt-5-nano",
        "gpt-6.1-sol",
        "gpt-6.1-terra",
        "gpt-6-luna",
        "text-embedding-3-small",
    ];

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    /// Lists `OpenAI`'s models with the catalogue's dates and some changes: the end `gone` removes
    /// the model, an empty one removes its date.
    fn check(today: &str, changes: &[(&str, &str)], expect: &[&str]) {
        let catalog = Catalog::bundled().unwrap();
        let listed: Vec<(String, Option<Date>)> = OPENAI
            .iter()
            .filter_map(|id| {
                let ours = catalog.model(id).unwrap().lifecycle.as_ref().map(|it| it.shutdown);
                match changes.iter().find(|(changed, _)| changed == id) {
                    None => Some(((*id).to_owned(), ours)),
                    Some((_, "gone")) => None,
                    Some((_, "")) => Some(((*id).to_owned(), None)),
                    Some((_, end)) => Some(((*id).to_owned(), Some(date(end)))),
                }
            })
            .collect();
        let warnings = catalog.compare("openai", &listed, date(today));
        assert_eq!(
            warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            expect,
            "{changes:?}"
        );
    }

    #[test]
    fn a_matching_listing_reports_nothing() {
        check("2026-11-22", &[], &[]);
        check("2026-11-22", &[("gpt-5", "")], &[]);
    }

    #[test]
    fn vanished_shortened_and_new_models_are_reported() {
        let now = "2026-11-22";
        check(
            now,
            &[("gpt-5-mini", "gone")],
            &["`gpt-5-mini` is not listed by its provider any more"],
        );
        // Roles rely on successors before these serve.
        check(
            now,
            &[("gpt-6.1-sol", "gone")],
            &["`gpt-6.1-sol` is not listed by its provider any more"],
        );
        let early = "`gpt-5` ends on 2026-12-01, before the 2026-12-11 of the catalogue";
        check(now, &[("gpt-5", "2026-12-01")], &[early]);
        let late = "`gpt-5` ends on 2027-01-15, after the 2026-12-11 of the catalogue";
        check(now, &[("gpt-5", "2027-01-15")], &[late]);
        let news = "`gpt-6-luna` ends on 2027-06-30; the catalogue knows of no end";
        check(now, &[("gpt-6-luna", "2027-06-30")], &[news]);
    }

    #[test]
    fn an_unused_model_may_vanish_without_a_warning() {
        check(
            "2026-12-11",
            &[("gpt-5", "gone"), ("gpt-5-mini", "gone"), ("gpt-5-nano", "gone")],
            &[],
        );
    }

    #[test]
    fn a_listing_covers_only_its_own_providers_models() {
        let catalog = Catalog::bundled().unwrap();
        let today = date("2026-12-11");
        let ids =
            ["models/gemini-2.5-flash-lite", "models/gemini-3.5-flash-lite", "gemini-3.8-flash"];
        let listed: Vec<_> = ids.map(|id| (id.to_owned(), None)).into();
        assert_eq!(catalog.compare("gemini", &listed, today), []);
        assert_eq!(catalog.compare("gemini", &listed[1..], today).len(), 1);
    }

    #[test]
    fn vectors_of_an_ending_model_raise_a_warning() {
        let catalog = Catalog::bundled().unwrap();
        let check = |today: &str, expect: Option<&str>| {
            let told = catalog.vectors_warning("gemini-embedding-001", date(today));
            let whole = expect.map(|end| {
                format!(
                    "the vectors were made with `gemini-embedding-001`, which {end}: move them to another \
                    embedding model with `reembed`"
                )
            });
            assert_eq!(told, whole, "{today}");
        };
        check("2028-04-13", None);
        check("2028-04-14", Some("ends in 30 days"));
        check("2028-05-13", Some("ends in 1 days"));
        check("2028-05-14", Some("has ended"));
        assert_eq!(catalog.vectors_warning("house-blend", date("2030-01-01")), None);
    }

    #[test]
    fn models_in_use_warn_thirty_days_ahead() {
        let catalog = Catalog::bundled().unwrap();
        let ending = |today: &str| -> Vec<_> {
            catalog
                .ending(date(today))
                .into_iter()
                .map(|(model, days)| (model.id.clone(), days))
                .collect()
        };
        assert_eq!(ending("2026-11-10").len(), 2, "the Gemini models of 1 December");
        assert!(ending("2026-11-22").contains(&("gpt-5".into(), 19)));
        assert_eq!(ending("2026-12-11"), []);
    }
}
