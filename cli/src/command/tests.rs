//! What `command` promises, tried out.

use super::*;

#[test]
fn databases_are_named_by_their_last_part_or_in_full() {
    assert_eq!(database_resource("demo"), "databases/demo");
    assert_eq!(database_resource("databases/demo"), "databases/demo");
}

/// A service that has so many numbers and answers at most three a page.
async fn numbers(have: usize, limit: usize) -> (Vec<usize>, bool, usize) {
    let mut asked = 0;
    let (numbers, more) = pages(limit, async |token, wanted| {
        asked += 1;
        let first: usize = token.parse().unwrap_or(0);
        let next = have.min(first + wanted.min(3));
        let token = if next < have { next.to_string() } else { String::new() };
        Ok(((first..next).collect(), token))
    })
    .await
    .unwrap();
    (numbers, more, asked)
}

#[tokio::test]
async fn pages_are_asked_for_until_there_is_enough() {
    assert_eq!(numbers(0, 10).await, (vec![], false, 1));
    assert_eq!(numbers(7, usize::MAX).await, ((0..7).collect(), false, 3));
    assert_eq!(numbers(7, 7).await, ((0..7).collect(), false, 3));
    assert_eq!(numbers(7, 6).await, ((0..6).collect(), true, 2));
    assert_eq!(numbers(7, 4).await, ((0..4).collect(), true, 2));
}

#[tokio::test]
async fn a_page_that_gives_too_much_is_cut() {
    let page = async |_, _| Ok((vec![1, 2, 3], String::new()));
    assert_eq!(pages(2, page).await.unwrap(), (vec![1, 2], true));
}

#[test]
fn a_page_has_a_size_that_services_take() {
    assert_eq!(page_size(5), 5);
    assert_eq!(page_size(usize::MAX), 1000);
}

#[test]
fn a_dry_run_deletes_nothing_and_yes_does_not_ask() {
    let options = |yes, dry_run| DeletionOptions { yes, dry_run };
    assert!(!options(false, true).confirmed("x").unwrap());
    assert!(!options(true, true).confirmed("x").unwrap());
    assert!(options(true, false).confirmed("x").unwrap());
}
