//! Of which collections revisions are kept, within the row of a database's origin.

use jackdaw_common::item::{RevisionsConfiguration, RevisionsRule};

use crate::tables::codec::{RowError, RowReader, RowWriter};

const DISABLED: u8 = 1;
const PURGE: u8 = 2;
const COUNT: u8 = 4;
const AGE: u8 = 8;

pub(super) fn write(row: &mut RowWriter, configuration: &RevisionsConfiguration) {
    let default = configuration.default_rule();
    row.byte(u8::from(default.is_some()));
    default.into_iter().for_each(|rule| write_rule(row, rule));
    let rules: Vec<_> = configuration.collections().collect();
    row.varint(rules.len() as u64);
    for (collection, rule) in rules {
        row.string(collection.as_str().as_bytes());
        write_rule(row, rule);
    }
}

pub(super) fn read(row: &mut RowReader) -> Result<RevisionsConfiguration, RowError> {
    let default = if row.byte()? != 0 { Some(read_rule(row)?) } else { None };
    let mut rules = Vec::new();
    for _ in 0..row.varint()? {
        rules.push((row.parsed()?, read_rule(row)?));
    }
    RevisionsConfiguration::new(default, rules).map_err(|error| RowError(error.to_string()))
}

fn write_rule(row: &mut RowWriter, rule: &RevisionsRule) {
    let bit = |is: bool, bit| if is { bit } else { 0 };
    let (count, age) = (rule.minimum_to_keep, rule.minimum_age_micros);
    let has = bit(count.is_some(), COUNT) | bit(age.is_some(), AGE);
    row.byte(bit(rule.disabled, DISABLED) | bit(rule.purge_on_delete, PURGE) | has);
    count.into_iter().chain(age).for_each(|number| row.varint(number));
}

fn read_rule(row: &mut RowReader) -> Result<RevisionsRule, RowError> {
    let bits = row.byte()?;
    let mut number = |bit| if bits & bit != 0 { row.varint().map(Some) } else { Ok(None) };
    let (minimum_to_keep, minimum_age_micros) = (number(COUNT)?, number(AGE)?);
    let (disabled, purge_on_delete) = (bits & DISABLED != 0, bits & PURGE != 0);
    Ok(RevisionsRule { disabled, minimum_to_keep, minimum_age_micros, purge_on_delete })
}
