//! The tasks that send a database, as part of its header: what they have not passed is kept.
//!
//! A follower begins with its task and ends with it, whether the task is enabled or not; a disabled
//! one holds history and deletions like any other (invariant I16).

use jackdaw_common::Etag;

use super::codec::{RowError, RowReader, RowWriter};

/// A task that sends this database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Id of the task.
    pub task: u64,
    /// Which destination that is, a number that the task's keeper gives it; zero for none yet.
    pub destination: u64,
    /// Its destination durably has everything up to here, as far as was written down.
    pub acknowledged: Etag,
}

/// All tasks that send this database, by ascending id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followers(Vec<Follower>);

impl Followers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a task stands towards `destination`; `None` where nothing of that is written down.
    pub fn acknowledged_by(&self, task: u64, destination: u64) -> Option<Etag> {
        let follower = self.place(task).ok().map(|at| self.0[at]);
        follower.filter(|it| it.destination == destination).map(|it| it.acknowledged)
    }

    /// Where a task stands, whichever its destination; `None` for one that does not follow.
    pub fn acknowledged(&self, task: u64) -> Option<Etag> {
        self.place(task).ok().map(|at| self.0[at].acknowledged)
    }

    /// Etag that every task has passed: the greatest there is where there is none.
    pub fn passed(&self) -> Etag {
        self.0.iter().map(|follower| follower.acknowledged).min().unwrap_or(Etag::MAX)
    }

    /// A task begins to follow, from before the first change; one that follows stays where it is.
    pub(crate) fn begin(&mut self, task: u64) {
        if let Err(at) = self.place(task) {
            self.0.insert(at, Follower { task, destination: 0, acknowledged: Etag::ZERO });
        }
    }

    /// A task follows no longer.
    pub(crate) fn end(&mut self, task: u64) {
        if let Ok(at) = self.place(task) {
            self.0.remove(at);
        }
    }

    /// A task's destination stands here now, further or less far than before, or another one does;
    /// nothing for a task that does not follow.
    pub(crate) fn advance(&mut self, follower: Follower) {
        if let Ok(at) = self.place(follower.task) {
            self.0[at] = follower;
        }
    }

    /// What lies behind `common` is another incarnation's now: nobody has passed that.
    pub(crate) fn go_back(&mut self, common: Etag) {
        for follower in &mut self.0 {
            follower.acknowledged = follower.acknowledged.min(common);
        }
    }

    fn place(&self, task: u64) -> Result<usize, usize> {
        self.0.binary_search_by_key(&task, |follower| follower.task)
    }

    pub(crate) fn write(&self, row: &mut RowWriter) {
        row.varint(self.0.len() as u64);
        for follower in &self.0 {
            row.varint(follower.task);
            row.varint(follower.destination);
            row.etag(follower.acknowledged);
        }
    }

    pub(crate) fn read(row: &mut RowReader) -> Result<Self, RowError> {
        let mut all = Vec::new();
        for _ in 0..row.varint()? {
            all.push(Follower {
                task: row.varint()?,
                destination: row.varint()?,
                acknowledged: row.etag()?,
            });
        }
        if !all.is_sorted_by(|one, other| one.task < other.task) {
            return Err(RowError("followers are not in order".to_owned()));
        }
        Ok(Self(all))
    }
}
