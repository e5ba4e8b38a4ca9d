//! Ways to break the protocol at its ports, each of which the invariants must notice.

/// A protection that is taken away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mutant {
    /// Every request to the gateway has a key of its own: no call is ever found again.
    CallLedger,
    /// Nobody ends calls, grants and notices that were left behind.
    LedgerSweep,
    /// Nobody publishes lost wake-ups again: a task is only as safe as its message.
    Outbox,
    /// Commits hold under any version.
    Precondition,
    /// Calls are settled and swept under any version.
    CallVersion,
    /// Calls for embeddings are settled and swept under any version.
    EmbeddingVersion,
    /// A worker goes on believing that the task it once claimed is its own.
    LeaseFence,
    /// An owner whose settlement's answer was lost does not see that it stands, and settles again.
    SettleIdempotency,
}

impl Mutant {
    /// All of them.
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

    /// What is removed, as the command names it.
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

    /// The mutant of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mutant| mutant.as_str() == name)
    }
}
