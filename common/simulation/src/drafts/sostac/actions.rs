//! Thirteen weeks of actions in a feasible order.

use marketing::artefact::sostac::Action;

use super::super::story::Story;

struct Work {
    slug: &'static str,
    task: &'static str,
    owner_role: &'static str,
    /// The first and the last week.
    weeks: (u32, u32),
    /// The action that it depends on.
    needs: &'static str,
    done_when: &'static str,
}

const WORKS: [Work; 9] = [
    Work {
        slug: "baseline",
        task: "Count the baseline of every objective",
        owner_role: "owner",
        weeks: (1, 1),
        needs: "",
        done_when: "Each objective has its figure of today",
    },
    Work {
        slug: "interviews",
        task: "Interview five customers about the day they decided",
        owner_role: "marketing lead",
        weeks: (1, 2),
        needs: "",
        done_when: "Five notes are filed",
    },
    Work {
        slug: "message",
        task: "Put the position into one page that everybody may use",
        owner_role: "marketing lead",
        weeks: (2, 3),
        needs: "interviews",
        done_when: "The page hangs in the office",
    },
    Work {
        slug: "case-one",
        task: "Write up the first case together with its customer",
        owner_role: "marketing lead",
        weeks: (3, 5),
        needs: "interviews",
        done_when: "The customer has approved the text",
    },
    Work {
        slug: "landing",
        task: "Rebuild the landing page around the new promise",
        owner_role: "web editor",
        weeks: (4, 6),
        needs: "message",
        done_when: "The page is live and counted",
    },
    Work {
        slug: "referrals",
        task: "Introduce the referral question into the handover talk",
        owner_role: "account lead",
        weeks: (5, 6),
        needs: "message",
        done_when: "Every handover note holds an answer",
    },
    Work {
        slug: "case-two",
        task: "Record a second success as a short film",
        owner_role: "marketing lead",
        weeks: (6, 8),
        needs: "case-one",
        done_when: "The film is published",
    },
    Work {
        slug: "partner-kit",
        task: "Hand the partner kit to two firms and train their staff",
        owner_role: "account lead",
        weeks: (8, 10),
        needs: "case-one",
        done_when: "Both have sent a first contact",
    },
    Work {
        slug: "review",
        task: "Compare the quarter with its objectives, then decide what stops",
        owner_role: "owner",
        weeks: (12, 13),
        needs: "baseline",
        done_when: "The decision is minuted",
    },
];

pub(super) fn of_quarter(story: &Story<'_>) -> Vec<Action> {
    let capacity = story.context.brief.team_hours_per_week.unwrap_or(10.0);
    let hours = (capacity * 0.8).min(20.0).floor();
    let id = |slug: &str| format!("act_{slug}");
    let action = |work: &Work| Action {
        id: id(work.slug),
        task: work.task.into(),
        owner_role: work.owner_role.into(),
        start_week: work.weeks.0,
        end_week: work.weeks.1,
        hours,
        dependency_refs: if work.needs.is_empty() { Vec::new() } else { vec![id(work.needs)] },
        done_when: work.done_when.into(),
    };
    WORKS.iter().map(action).collect()
}
