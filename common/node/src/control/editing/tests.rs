//! What calls that edit have in common, tried out.

use jackdaw_proto::control::ConnectionString;

use super::*;

const ID: &str = "7b0b4f3c-1111-4a0e-9d6f-0123456789ab";

fn what(database: &str) -> ConnectionString {
    ConnectionString { database: database.to_owned(), ..ConnectionString::default() }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

#[test]
fn the_same_id_stands_for_one_call() {
    let one = asked(ID, &what("a")).unwrap();
    let upper = asked(&ID.to_uppercase(), &what("a")).unwrap();
    let other = asked(ID, &what("b")).unwrap();
    let another = asked("00000000-0000-0000-0000-000000000001", &what("a")).unwrap();
    assert!(repeats(one.as_ref(), upper.as_ref()).unwrap());
    assert!(!repeats(one.as_ref(), another.as_ref()).unwrap());
    assert!(!repeats(one.as_ref(), None).unwrap());
    assert!(!repeats(None, one.as_ref()).unwrap());
    let error = repeats(one.as_ref(), other.as_ref()).unwrap_err();
    assert_eq!(error.reason(), Reason::RequestIdReused);
    assert_eq!(asked("", &what("a")).unwrap(), None);
    let error = asked("7", &what("a")).unwrap_err();
    assert_eq!(error.violations()[0].path, "request_id");
}

#[test]
fn an_etag_is_checked_where_one_is_given() {
    let (one, other) = (etag(["a", "bc"]), etag(["ab", "c"]));
    assert_ne!(one, other);
    assert_eq!(one, etag(["a", "bc"]));
    check_etag("", &one, "kind", "name").unwrap();
    check_etag(&one, &one, "kind", "name").unwrap();
    let error = check_etag(&other, &one, "kind", "name").unwrap_err();
    assert_eq!(error.reason(), Reason::EtagMismatch);
}

#[test]
fn a_mask_names_what_is_written() {
    let read = |mask| Mask::read(mask, &["a", "b"], &["c"]);
    let absent = read(None).unwrap();
    assert!(absent.takes("a", true) && !absent.takes("a", false));
    let all = read(mask(&["*"])).unwrap();
    assert!(all.takes("a", false) && all.takes("b", true) && !all.takes("c", true));
    let one = read(mask(&["b", "c"])).unwrap();
    assert!(one.takes("b", false) && !one.takes("a", true));
    for wrong in [&["d"][..], &["a", "*"], &["A"], &[""]] {
        let error = read(mask(wrong)).unwrap_err();
        assert_eq!(error.violations()[0].path, "update_mask", "{wrong:?}");
    }
    // A mask of nothing is about nothing.
    assert!(!read(mask(&[])).unwrap().takes("a", true));
}
