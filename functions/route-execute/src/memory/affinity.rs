//! Which model served a session last: the next call goes there too, for its prompt is in that
//! provider's cache.

use std::sync::{Mutex, PoisonError};

use domain::{Time, routing::Candidate};
use lru::LruCache;

/// Providers keep a prompt cached for about this long, in seconds.
const KEPT_SECONDS: i64 = 300;
/// Sessions remembered at most; the one that was served longest ago is forgotten first.
const SESSIONS: usize = 4096;

/// Sessions and the models that served them.
pub(crate) struct Affinity(Mutex<LruCache<String, Served>>);

struct Served {
    models: Vec<String>,
    at: Time,
}

impl Default for Affinity {
    fn default() -> Self {
        Self(Mutex::new(LruCache::unbounded()))
    }
}

impl Affinity {
    /// Moves the model that served the session last to the front of the chain, if it is in it.
    pub(crate) fn prefer(&self, session: &str, chain: &mut [Candidate], now: Time) {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(served) =
            sessions.peek(session).filter(|served| now < served.at.plus_seconds(KEPT_SECONDS))
        else {
            return;
        };
        chain.sort_by_key(|candidate| !served.models.contains(&candidate.model.id));
    }

    /// Notes the model that served a session. Models of other roles stay noted: a session's steps
    /// need several.
    pub(crate) fn note(&self, session: &str, chain: &[Candidate], model: &str, now: Time) {
        if chain.iter().all(|candidate| candidate.model.id != model) {
            return;
        }
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let served =
            sessions.get_or_insert_mut_ref(session, || Served { models: Vec::new(), at: now });
        served.models.retain(|known| chain.iter().all(|candidate| candidate.model.id != *known));
        served.models.push(model.to_owned());
        served.at = now;
        if sessions.len() > SESSIONS {
            sessions.pop_lru();
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{NanoUsd, catalog::ServiceTier, rulebook::Rulebook};

    use super::*;

    fn chain(models: &[&str]) -> Vec<Candidate> {
        let rules = Rulebook::bundled().unwrap();
        let candidate = |id: &&str| Candidate {
            model: rules.catalog.model(id).unwrap().clone(),
            effort: None,
            input_tokens: 1,
            max_output_tokens: 1,
            service_tier: ServiceTier::Standard,
            bound: NanoUsd(1),
        };
        models.iter().map(candidate).collect()
    }

    fn preferred(affinity: &Affinity, session: &str, seconds: i64) -> String {
        let mut chain = chain(&["gpt-5-mini", "gemini-2.5-flash"]);
        affinity.prefer(session, &mut chain, at(seconds));
        chain[0].model.id.clone()
    }

    fn at(seconds: i64) -> Time {
        Time::from_unix_ms(1_800_000_000_000).plus_seconds(seconds)
    }

    #[test]
    fn a_session_keeps_its_model_while_prompt_is_cached() {
        let affinity = Affinity::default();
        affinity.note("t1", &chain(&["gpt-5-mini", "gemini-2.5-flash"]), "gemini-2.5-flash", at(0));
        affinity.note("t1", &chain(&["gpt-5", "gemini-2.5-pro"]), "gpt-5", at(0));
        assert_eq!(preferred(&affinity, "t1", 299), "gemini-2.5-flash");
        assert_eq!(preferred(&affinity, "t2", 0), "gpt-5-mini");
        assert_eq!(preferred(&affinity, "t1", 300), "gpt-5-mini");
        affinity.note("t1", &chain(&["gpt-5-mini", "gemini-2.5-flash"]), "gpt-5-mini", at(10));
        assert_eq!(preferred(&affinity, "t1", 11), "gpt-5-mini");
    }

    #[test]
    fn a_full_memory_forgets_its_oldest_session() {
        let affinity = Affinity::default();
        let chain = chain(&["gpt-5-mini", "gemini-2.5-flash"]);
        for session in 0..=SESSIONS {
            let seconds = i64::try_from(session).unwrap() / 100;
            affinity.note(&session.to_string(), &chain, "gemini-2.5-flash", at(seconds));
        }
        assert_eq!(affinity.0.lock().unwrap().len(), SESSIONS);
        assert_eq!(preferred(&affinity, &SESSIONS.to_string(), 50), "gemini-2.5-flash");
    }
}
