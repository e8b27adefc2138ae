//! The second row of `header`: where a database comes from, and where it lies.
//!
//! Seldom written, unlike the first one: with the first change of each run, and when somebody
//! declares a restore, an adoption or a retirement. Durable with whatever goes along.

mod rules;

use bytes::Bytes;
use jackdaw_common::{
    Etag, IncarnationId, Lineage, RunId,
    item::RevisionsConfiguration,
    lineage::{Life, Run},
};

use super::codec::{RowError, RowReader, RowWriter};

/// Where a database comes from, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its incarnations and runs.
    pub lineage: Lineage,
    /// Incarnations that nothing new will ever come from, as somebody has declared; ascending.
    pub retired: Vec<IncarnationId>,
    /// What tells the folder it lies in from every other; `None` for an engine without one.
    pub place: Option<String>,
    /// A declaration that is not carried out to the end: what these incarnations issued, each
    /// behind an etag, is being made the current one's. The database does not open meanwhile.
    pub reissuing: Vec<Life>,
    /// Of which collections revisions are kept.
    pub revisions: RevisionsConfiguration,
}

impl Origin {
    /// That of a new database.
    pub(crate) fn new(incarnation: IncarnationId, place: Option<String>) -> Self {
        let lineage = Lineage::new(incarnation);
        let revisions = RevisionsConfiguration::default();
        Self { lineage, retired: Vec::new(), place, reissuing: Vec::new(), revisions }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let (lives, runs) = (self.lineage.lives(), self.lineage.runs());
        let mut row = RowWriter::new(64 + 24 * (lives.len() + runs.len() + self.retired.len()));
        write_lives(&mut row, lives);
        row.varint(runs.len() as u64);
        for run in runs {
            row.fixed(run.id.as_bytes());
            row.etag(run.first);
        }
        row.varint(self.retired.len() as u64);
        for incarnation in &self.retired {
            row.fixed(incarnation.as_bytes());
        }
        row.string(self.place.as_deref().unwrap_or_default().as_bytes());
        write_lives(&mut row, &self.reissuing);
        rules::write(&mut row, &self.revisions);
        row.seal()
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, RowError> {
        let mut row = RowReader::open(bytes)?;
        let lives = read_lives(&mut row)?;
        let mut runs = Vec::new();
        for _ in 0..row.varint()? {
            runs.push(Run { id: RunId::from_bytes(row.fixed()?), first: row.etag()? });
        }
        let mut retired = Vec::new();
        for _ in 0..row.varint()? {
            retired.push(IncarnationId::from_bytes(row.fixed()?));
        }
        let place: String = row.parsed()?;
        let reissuing = read_lives(&mut row)?;
        let revisions = rules::read(&mut row)?;
        row.close()?;
        let lineage =
            Lineage::from_logs(lives, runs).map_err(|error| RowError(error.to_string()))?;
        let place = (!place.is_empty()).then_some(place);
        Ok(Self { lineage, retired, place, reissuing, revisions })
    }

    /// Whether an incarnation is retired.
    pub fn is_retired(&self, incarnation: IncarnationId) -> bool {
        self.retired.contains(&incarnation)
    }
}

/// Writes incarnations and the etags behind which they begin.
pub(super) fn write_lives(row: &mut RowWriter, lives: &[Life]) {
    row.varint(lives.len() as u64);
    for life in lives {
        row.fixed(life.incarnation.as_bytes());
        row.etag(life.after);
    }
}

pub(super) fn read_lives(row: &mut RowReader) -> Result<Vec<Life>, RowError> {
    let mut lives = Vec::new();
    for _ in 0..row.varint()? {
        let incarnation = IncarnationId::from_bytes(row.fixed()?);
        let after: Etag = row.etag()?;
        lives.push(Life { incarnation, after });
    }
    Ok(lives)
}
