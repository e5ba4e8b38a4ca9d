//! Archetypes of buyers that exist in every industry: nine organisations and nine kinds of
//! consumers.

pub(super) struct Archetype {
    pub(super) slug: &'static str,
    pub(super) who: &'static str,
    pub(super) role: &'static str,
    pub(super) setting: &'static str,
    /// The conflict between two of their wishes.
    pub(super) tension: &'static str,
    pub(super) job: &'static str,
    /// Events that start the search, each with its visible signal.
    pub(super) triggers: [(&'static str, &'static str); 2],
    pub(super) pains: [&'static str; 3],
    pub(super) objections: [&'static str; 2],
}

pub(super) const BUSINESSES: [Archetype; 9] = [
    Archetype {
        slug: "burned",
        who: "Operators after an expensive failure",
        role: "operations lead",
        setting: "with the bill still on the desk",
        tension: "must not let it happen twice but have no time to rebuild everything",
        job: "When a failure has cost real money, I want to know the cause early, so that it stays the last one",
        triggers: [
            ("A breakdown is reported in the local press", "An article or an apology to customers"),
            (
                "An insurer asks for written measures",
                "A vacancy for somebody who writes procedures",
            ),
        ],
        pains: [
            "The same mistake returns under another name every few months",
            "Causes are argued about because nobody kept records",
            "Customers remind them of it in each negotiation",
        ],
        objections: [
            "We have just spent our reserve on repairs",
            "Our people will not trust another tool",
        ],
    },
    Archetype {
        slug: "new-head",
        who: "Departments under a newly appointed head",
        role: "department head",
        setting: "within their first hundred days",
        tension: "want a visible success yet know too little of the ground",
        job: "When I take over, I want one improvement that everybody sees, so that the team follows me",
        triggers: [
            ("A new head is announced", "A post about the appointment"),
            ("The first reorganisation is presented", "Job titles on the team page change"),
        ],
        pains: [
            "Predecessors left habits instead of documents",
            "Every proposal meets the answer that it was tried before",
            "Quick successes are expected before the budget is released",
        ],
        objections: ["I cannot start with a purchase", "First I have to understand how we work"],
    },
    Archetype {
        slug: "multi-site",
        who: "Groups that run several sites",
        role: "regional manager",
        setting: "with a different custom in each place",
        tension: "need one way of working although every site defends its own",
        job: "When sites differ, I want comparable figures, so that the good ones can teach the others",
        triggers: [
            ("A further site is opened or taken over", "An entry in the trade register"),
            ("A group-wide standard is published", "A tender that names all sites"),
        ],
        pains: [
            "Figures from two sites can never be laid side by side",
            "Staff who move between sites start from nothing",
            "Central purchases gather dust because locals were not asked",
        ],
        objections: [
            "Each site has its own contract",
            "Head office decides such things once a year",
        ],
    },
    Archetype {
        slug: "vendor-fatigue",
        who: "Clients of a vendor that stopped answering",
        role: "procurement lead",
        setting: "months before their renewal",
        tension: "would leave at once if leaving were not work",
        job: "When support goes silent, I want a way out with my data, so that renewal is a choice again",
        triggers: [
            ("The present vendor is sold or raises its prices", "A notice to customers"),
            (
                "A complaint about the vendor finds many supporters",
                "A long thread in a public forum",
            ),
        ],
        pains: [
            "Tickets are closed without anybody having read them",
            "Exports come in a form that no other system accepts",
            "The contract renews itself in the quietest week of the year",
        ],
        objections: [
            "We are bound until the end of the term",
            "The devil we know at least knows us",
        ],
    },
    Archetype {
        slug: "seasonal",
        who: "Firms with one season that decides the year",
        role: "planning lead",
        setting: "preparing between two peaks",
        tension: "have money in autumn but hands only in winter",
        job: "When the peak approaches, I want everything rehearsed, so that temporary staff cannot break it",
        triggers: [
            ("Recruiting for the season begins", "Adverts for temporary staff"),
            ("Opening dates are announced", "A calendar on the website"),
        ],
        pains: [
            "Temporary staff learn on paying guests",
            "Decisions wait until it is too late to carry them out",
            "One rainy month eats the margin of the remaining ones",
        ],
        objections: [
            "Nothing may change before the peak",
            "After the season nobody remembers the trouble",
        ],
    },
    Archetype {
        slug: "audited",
        who: "Companies that are audited for the first time",
        role: "compliance officer",
        setting: "facing questions in writing",
        tension: "do most things right but cannot show it on paper",
        job: "When an auditor asks, I want evidence at hand, so that the visit ends on the same day",
        triggers: [
            ("A large client demands a certificate", "A reference to the standard in a tender"),
            ("A supervisory office announces visits", "A circular of the trade association"),
        ],
        pains: [
            "Proof is collected from private mailboxes the night before",
            "Two departments give two answers to one question",
            "Remarks of the last visit are still open",
        ],
        objections: ["The standard may change again", "Our adviser brings templates along"],
    },
    Archetype {
        slug: "founder-led",
        who: "Young companies whose founder still does it all",
        role: "founder",
        setting: "between the third and the thirtieth employee",
        tension: "have become the bottleneck of what they built",
        job: "When orders outgrow me, I want to hand over a task for good, so that I can work on the company",
        triggers: [
            ("A funding round or a first large order is announced", "A press release"),
            ("The first manager is hired", "A vacancy with the word first in it"),
        ],
        pains: [
            "Every question ends on one desk",
            "New colleagues copy the founder instead of a method",
            "Weekends disappear into work that somebody else could do",
        ],
        objections: ["Nobody does it as I do", "At our size we need no process"],
    },
    Archetype {
        slug: "cost-cutter",
        who: "Established houses with a savings target",
        role: "finance director",
        setting: "after a weak year",
        tension: "have to spend less while nothing may get worse",
        job: "When costs must fall, I want to see which ones buy nothing, so that cuts do not hurt customers",
        triggers: [
            ("A savings programme is published", "Remarks in the annual report"),
            ("Open positions are withdrawn", "Vacancies vanish from the careers page"),
        ],
        pains: [
            "Invoices are known to the cent, their benefit to nobody",
            "Cuts across the board hit the useful and the useless alike",
            "Each department defends its own supplier",
        ],
        objections: ["No new suppliers this year", "Savings on paper do not pay salaries"],
    },
    Archetype {
        slug: "successor",
        who: "Family firms in the middle of a handover",
        role: "successor",
        setting: "with the senior still in the house",
        tension: "may renew everything except what father built",
        job: "When I inherit responsibility, I want to modernise one corner, so that the old guard sees it works",
        triggers: [
            ("The next generation joins the board", "A changed entry in the register"),
            ("An anniversary looks forward instead of back", "An interview with both generations"),
        ],
        pains: [
            "Knowledge leaves with people who retire",
            "Old customers expect the old telephone number",
            "Modern and traditional colleagues work around each other",
        ],
        objections: ["The senior wants to be asked first", "It has worked for forty years"],
    },
];

pub(super) const CONSUMERS: [Archetype; 9] = [
    Archetype {
        slug: "first-timer",
        who: "First-time buyers afraid of choosing wrongly",
        role: "employee in a new position",
        setting: "sharing a first flat",
        tension: "want to do it properly but have nobody to ask",
        job: "When I buy this for the first time, I want a choice I understand, so that I need not regret it",
        triggers: [
            ("They move into a place of their own", "A change of address"),
            ("A friend shows what they bought", "A question in a local group"),
        ],
        pains: [
            "Every comparison page recommends something else",
            "Words on the packaging explain nothing",
            "A wrong choice has to be lived with for years",
        ],
        objections: ["I can start with something cheaper", "Who tells me that I really need this?"],
    },
    Archetype {
        slug: "busy-household",
        who: "Busy households that pay for saved time",
        role: "working parent",
        setting: "with children at school",
        tension: "could do it alone if the week had another day",
        job: "When everybody needs something at once, I want one thing settled, so that the evening is ours",
        triggers: [
            ("A school year begins", "Talk at the school gate"),
            ("Both parents return to full hours", "A search for help in the neighbourhood"),
        ],
        pains: [
            "Appointments fall into office hours only",
            "Half a Saturday goes into errands",
            "Promised call-backs never come",
        ],
        objections: [
            "It is a luxury we managed without",
            "We have no time to explain what we want",
        ],
    },
    Archetype {
        slug: "cooled-regular",
        who: "Regulars of a rival whose loyalty has cooled",
        role: "skilled worker",
        setting: "living nearby for a decade",
        tension: "stay out of habit although the welcome has faded",
        job: "When my usual place lets me down, I want an easy second try, so that I can change without a fuss",
        triggers: [
            ("The usual provider changes hands", "A new name above the door"),
            ("A favourite employee leaves there", "A farewell post"),
        ],
        pains: [
            "Prices rose while attention fell",
            "New clients get the better terms",
            "Complaints are met with a voucher",
        ],
        objections: ["They know how I like it", "In the end all are alike"],
    },
    Archetype {
        slug: "gift-giver",
        who: "People in search of a present with meaning",
        role: "office worker",
        setting: "with a large circle of relatives",
        tension: "wish to give something personal and decide two days before",
        job: "When a birthday comes close, I want something with a story, so that it is not put in a drawer",
        triggers: [
            ("A round birthday or wedding is announced", "An invitation with a date"),
            ("Shops put up their seasonal windows", "Decorated streets"),
        ],
        pains: [
            "Presents arrive after the party",
            "Wrapping looks like an afterthought",
            "Nobody says what suits a person one hardly knows",
        ],
        objections: ["Money in an envelope is simpler", "What if they already have it?"],
    },
    Archetype {
        slug: "careful-spender",
        who: "Careful spenders who plan each month",
        role: "trainee or student",
        setting: "on a fixed monthly sum",
        tension: "would rather buy well once but pay in small steps",
        job: "When money is tight, I want to know the whole cost beforehand, so that the month stays balanced",
        triggers: [
            ("A yearly bill arrives", "Posts about rising costs"),
            ("An old item breaks for good", "A request for repair tips"),
        ],
        pains: [
            "Fees appear on the last page",
            "Cheap ones break right after the warranty",
            "Instalments hide what is really paid",
        ],
        objections: ["Second hand costs half", "I wait for the next sale"],
    },
    Archetype {
        slug: "enthusiast",
        who: "Enthusiasts who want to understand the craft",
        role: "engineer",
        setting: "with a shelf of books on it",
        tension: "know more than most sellers and still long for a master",
        job: "When I go deeper, I want to learn from those who make it, so that I get better myself",
        triggers: [
            ("A course or fair is announced", "Registrations in a club"),
            ("A makers' film is shared widely", "Comments full of technical questions"),
        ],
        pains: [
            "Sellers read aloud what stands on the label",
            "Details that matter are kept secret",
            "Good material is reserved for the trade",
        ],
        objections: ["I could make it on my own", "Masters do not sell to amateurs"],
    },
    Archetype {
        slug: "newcomer",
        who: "Newcomers who have just moved to town",
        role: "specialist hired from elsewhere",
        setting: "still unpacking boxes",
        tension: "look for places to belong but know no street names",
        job: "When I arrive somewhere, I want two or three reliable addresses, so that it becomes home",
        triggers: [
            ("A moving van stands in the street", "A new name at the door bell"),
            ("A large employer hires", "A welcome event of the town"),
        ],
        pains: [
            "Ratings are written by tourists",
            "Opening hours on the net are out of date",
            "Locals take for granted what a stranger cannot know",
        ],
        objections: ["I may move on in a year", "My old provider delivers here as well"],
    },
    Archetype {
        slug: "organiser",
        who: "Organisers who decide for a whole group",
        role: "club secretary",
        setting: "answering for thirty others",
        tension: "get the blame when it fails and no thanks when it works",
        job: "When a group relies on me, I want one contact who keeps dates, so that I can enjoy it too",
        triggers: [
            ("The yearly programme is printed", "Dates on a notice board"),
            ("A new committee is elected", "Minutes of a meeting"),
        ],
        pains: [
            "Numbers change until the morning itself",
            "Three wishes contradict each other",
            "Deposits are asked for before anybody has paid",
        ],
        objections: ["The group votes on the price", "Last time we did it ourselves"],
    },
    Archetype {
        slug: "returner",
        who: "Former customers who drifted away",
        role: "freelancer",
        setting: "working from the kitchen table",
        tension: "remember it fondly and never found a reason to return",
        job: "When routine bores me, I want to pick up what once did me good, so that it becomes a habit again",
        triggers: [
            ("A new year or the end of a holiday", "Posts about resolutions"),
            ("An old photograph is shared", "Likes from former companions"),
        ],
        pains: [
            "Old log-ins no longer work",
            "Returning feels like explaining oneself",
            "Offers are for new members only",
        ],
        objections: ["I will stop after a month again", "It was better in the old days"],
    },
];
