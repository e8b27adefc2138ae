//! What `time-series` promises, tried out.

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;

fn refused(field: &str) -> Failure {
    let metadata = [("field".to_owned(), field.to_owned())];
    let details = ErrorDetails::with_error_info("FIELD_INVALID", "jackdaw", metadata);
    Status::with_error_details(Code::InvalidArgument, "wrong", details).into()
}

#[test]
fn what_is_refused_of_a_file_is_named_by_its_line() {
    let place = |field, numbers: &[u64]| place(&refused(field), numbers);
    let named = "append_time_series.entries[1].values[3]";
    assert_eq!(place(named, &[4, 7, 8]).unwrap(), "line 7");
    assert_eq!(place("append_time_series.name", &[4, 7, 8]).unwrap(), "lines 4 to 8");
    assert_eq!(place("append_time_series.name", &[4]).unwrap(), "line 4");
    assert_eq!(place("append_time_series.entries[9].time", &[4, 7]).unwrap(), "lines 4 to 7");
    assert_eq!(place(named, &[]), None);
}

#[test]
fn times_that_are_typed_have_an_offset() {
    assert!(time("2000-01-01T00:00:00.250Z").is_ok());
    assert!(time("2000-01-01T00:00:00.250").is_err() && time("2000-01-01").is_err());
}
