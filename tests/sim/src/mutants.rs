/// A protection that is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// Every request to the gateway has a new key, so no call is ever found again.
    CallLedger,
    /// Abandoned calls, grants and notices are never ended.
    LedgerSweep,
    /// Lost wake-ups are never published again.
    Outbox,
    /// Commits ignore document versions.
    Precondition,
    /// Calls are settled and swept without a version check.
    CallVersion,
    /// Calls for embeddings are settled and swept without a version check.
    EmbeddingVersion,
    /// A worker never notices that it has lost its task.
    LeaseFence,
    /// An owner whose settlement's answer was lost does not find the settlement, and settles again.
    SettleIdempotency,
}

impl Mutant {
    /// All mutants.
    pub const ALL: [Self; 8] = [
        Self::CallLedger,
        Self::LedgerSweep,
        Self::Outbox,
        Self::Precondition,
        Self::CallVersion,
        Self::EmbeddingVersion,
        Self::LeaseFence,
        Self::SettleIdempotency,
    ];

    /// The mutant's name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallLedger => "call-ledger",
            Self::LedgerSweep => "ledger-sweep",
            Self::Outbox => "outbox",
            Self::Precondition => "precondition",
            Self::CallVersion => "call-version",
            Self::EmbeddingVersion => "embedding-version",
            Self::LeaseFence => "lease-fence",
            Self::SettleIdempotency => "settle-idempotency",
        }
    }

    /// The mutant with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.as_str() == name)
    }
}
