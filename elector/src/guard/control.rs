//! The values by which the guard steers the loop that drives kube-lease-manager.

/// The state of the guard, as far as the loop that drives kube-lease-manager has to follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManagerControl {
    /// The current generation. A manager that was built in an earlier one has to be built anew.
    pub generation: u64,
    /// The relation of the record in the Lease to this process.
    pub record_held: RecordHeld,
}

/// The relation of the record in the Lease to this process: whether there is something to give back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordHeld {
    /// This process has written no record, or its record has been replaced. An earlier process of this instance may have
    /// written one.
    Nothing,
    /// This process wrote the record in the Lease.
    Ours,
    /// This process wrote the record in the Lease and is giving it back.
    Releasing,
}
