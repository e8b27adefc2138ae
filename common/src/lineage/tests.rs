//! Lineages and what is made of them: the histories of pitfalls 1 to 3, and others like them.

use super::*;

fn etag(number: u64) -> Etag {
    Etag::new(number).unwrap()
}

fn incarnation(number: u8) -> IncarnationId {
    IncarnationId::from_bytes([number; 16])
}

fn run(number: u8) -> RunId {
    RunId::from_bytes([number; 16])
}

/// Incarnation 1, whose runs are numbered and begin where it is said.
fn lineage(runs: &[(u8, u64)]) -> Lineage {
    let mut lineage = Lineage::new(incarnation(1));
    for (id, first) in runs {
        lineage.begin_run(run(*id), etag(*first));
    }
    lineage
}

/// What a destination knows that has everything of `source` up to `at`.
fn received(source: &Lineage, at: u64) -> Position {
    Position {
        etag: etag(at),
        run: source.run_of(etag(at)),
        newest_run: source.newest_run(),
        lives: source.lives().to_vec(),
        former: Vec::new(),
    }
}

#[test]
fn a_source_that_went_on_is_the_same() {
    let before = lineage(&[(1, 1), (2, 500)]);
    for at in [0, 1, 499, 500, 900] {
        let known = received(&before, at);
        assert_eq!(judge(&known, &before, etag(900)), Ok(Kinship::Same), "{at}");
        let mut later = before.clone();
        later.begin_run(run(3), etag(901));
        assert_eq!(judge(&known, &later, etag(950)), Ok(Kinship::Same), "{at}");
    }
}

#[test]
fn a_source_that_has_written_nothing_is_the_same() {
    let new = Lineage::new(incarnation(1));
    assert_eq!(judge(&received(&new, 0), &new, Etag::ZERO), Ok(Kinship::Same));
    let written = lineage(&[(1, 1)]);
    assert_eq!(judge(&received(&new, 0), &written, etag(7)), Ok(Kinship::Same));
}

#[test]
fn a_source_that_is_behind_has_forked() {
    let known = received(&lineage(&[(1, 1)]), 1000);
    let fork = judge(&known, &lineage(&[(1, 1)]), etag(800));
    assert_eq!(fork, Err(Fork::Behind { last: etag(800), received: etag(1000) }));
}

#[test]
fn pitfall_3_a_source_that_went_back_and_wrote_past_has_forked() {
    let known = received(&lineage(&[(1, 1)]), 1000);
    // Back at 800 it was opened again, and wrote 300 changes.
    let source = lineage(&[(1, 1), (2, 801)]);
    let fork = judge(&known, &source, etag(1100));
    assert_eq!(fork, Err(Fork::OtherRun { received: etag(1000), common: Some(etag(800)) }));
}

#[test]
fn pitfall_3_a_copy_that_was_started_while_the_original_was_off_makes_the_original_fork() {
    let original = lineage(&[(1, 1)]);
    let copy = lineage(&[(1, 1), (2, 1001)]);
    assert_eq!(judge(&received(&original, 1000), &copy, etag(1100)), Ok(Kinship::Same));
    let known = received(&copy, 1100);
    let again = lineage(&[(1, 1), (3, 1001)]);
    let fork = judge(&known, &again, etag(1200));
    assert_eq!(fork, Err(Fork::OtherRun { received: etag(1100), common: None }));
    // The same before the copy has sent what it wrote.
    let known = received(&copy, 900);
    let fork = judge(&known, &again, etag(1200));
    assert_eq!(fork, Err(Fork::OtherRun { received: etag(900), common: Some(etag(1000)) }));
    // And before the original has written anything.
    assert!(judge(&known, &original, etag(1000)).is_err());
}

#[test]
fn pitfall_2_a_declared_restore_goes_on_at_the_end_of_what_is_common() {
    let known = received(&lineage(&[(1, 1)]), 1000);
    let mut restored = lineage(&[(1, 1)]);
    restored.begin_life(incarnation(2), etag(800));
    let kinship = Ok(Kinship::Restored { common: etag(800) });
    assert_eq!(judge(&known, &restored, etag(800)), kinship);
    restored.begin_run(run(2), etag(801));
    assert_eq!(judge(&known, &restored, etag(1100)), kinship);
    // A destination that is not that far goes on where it is.
    let known = received(&lineage(&[(1, 1)]), 700);
    let kinship = Ok(Kinship::Restored { common: etag(700) });
    assert_eq!(judge(&known, &restored, etag(1100)), kinship);
}

#[test]
fn what_was_restored_has_taken_the_place_of_what_it_was_restored_from() {
    let original = lineage(&[(1, 1)]);
    let mut restored = original.clone();
    restored.begin_life(incarnation(2), etag(800));
    restored.begin_run(run(2), etag(801));
    let known = received(&restored, 850);
    let old = Fork::OldIncarnation { offered: incarnation(1), known: incarnation(2) };
    assert_eq!(judge(&known, &original, etag(1000)), Err(old));
    assert_eq!(judge(&known, &restored, etag(900)), Ok(Kinship::Same));
}

#[test]
fn a_second_restore_from_an_older_copy_goes_on_where_all_three_are_common() {
    let mut first = lineage(&[(1, 1)]);
    first.begin_life(incarnation(2), etag(800));
    first.begin_run(run(2), etag(801));
    let known = received(&first, 850);
    let mut second = lineage(&[(1, 1)]);
    second.begin_life(incarnation(3), etag(790));
    assert_eq!(judge(&known, &second, etag(790)), Ok(Kinship::Restored { common: etag(790) }));
    // From a later copy than the first was restored from: what the first wrote is not in it.
    let mut second = lineage(&[(1, 1)]);
    second.begin_life(incarnation(3), etag(900));
    assert_eq!(judge(&known, &second, etag(900)), Ok(Kinship::Restored { common: etag(800) }));
    // From a copy of the first.
    let mut third = first.clone();
    third.begin_life(incarnation(4), etag(830));
    assert_eq!(judge(&known, &third, etag(830)), Ok(Kinship::Restored { common: etag(830) }));
}

/// The first restore, set back to by nobody's declaration, is not new: it was accepted before the
/// second one took its place, though that one's log does not know it.
#[test]
fn a_restore_that_another_one_has_taken_the_place_of_is_not_taken_for_new() {
    let original = lineage(&[(1, 1)]);
    let mut first = original.clone();
    first.begin_life(incarnation(2), etag(800));
    first.begin_run(run(2), etag(801));
    let mut second = original.clone();
    second.begin_life(incarnation(3), etag(790));
    let mut known = received(&original, 1000);
    for accepted in [&first, &second] {
        assert!(matches!(judge(&known, accepted, etag(850)), Ok(Kinship::Restored { .. })));
        known.accept(accepted);
        known.etag = etag(790);
        known.run = accepted.run_of(etag(790));
    }
    let old = Fork::OldIncarnation { offered: incarnation(2), known: incarnation(3) };
    assert_eq!(judge(&known, &first, etag(900)), Err(old));
    assert_eq!(judge(&known, &second, etag(900)), Ok(Kinship::Same));
    // Restored from a copy of the first, it is new.
    let mut third = first.clone();
    third.begin_life(incarnation(4), etag(840));
    assert_eq!(judge(&known, &third, etag(840)), Ok(Kinship::Restored { common: etag(790) }));
}

#[test]
fn a_restore_that_declares_a_later_point_than_it_went_back_to_has_forked() {
    let known = received(&lineage(&[(1, 1)]), 1000);
    // It went back to 800 and wrote, but somebody says that it is a copy of 1100.
    let mut source = lineage(&[(1, 1), (2, 801)]);
    source.begin_life(incarnation(2), etag(1100));
    let fork = judge(&known, &source, etag(1100));
    assert_eq!(fork, Err(Fork::OtherRun { received: etag(1000), common: Some(etag(800)) }));
}

#[test]
fn also_when_that_point_is_before_what_was_received() {
    let known = received(&lineage(&[(1, 1), (2, 600)]), 1000);
    let mut source = lineage(&[(1, 1), (2, 600), (3, 801)]);
    source.begin_life(incarnation(2), etag(900));
    let fork = judge(&known, &source, etag(1100));
    assert_eq!(fork, Err(Fork::OtherRun { received: etag(900), common: Some(etag(800)) }));
    // To the very point, and to earlier ones, it may be declared.
    for (at, id) in [(800, 2), (700, 2), (600, 2), (599, 1), (1, 1)] {
        let mut source = lineage(&[(1, 1), (2, 600), (3, 801)]);
        source.begin_life(incarnation(2), etag(at));
        assert_eq!(judge(&known, &source, etag(1100)), Ok(Kinship::Restored { common: etag(at) }));
        assert_eq!(source.run_of(etag(at)), run(id));
    }
}

#[test]
fn without_a_common_incarnation_everything_is_looked_at_again() {
    let known = received(&lineage(&[(1, 1)]), 1000);
    let other = Lineage::new(incarnation(9));
    assert_eq!(judge(&known, &other, etag(5)), Ok(Kinship::Restored { common: Etag::ZERO }));
}

#[test]
fn a_life_that_begins_before_others_takes_their_place() {
    let mut lineage = lineage(&[(1, 1)]);
    lineage.begin_life(incarnation(2), etag(800));
    lineage.begin_life(incarnation(3), etag(700));
    let lives: Vec<_> = lineage.lives().iter().map(|life| life.incarnation).collect();
    assert_eq!(lives, [incarnation(1), incarnation(3)]);
    assert_eq!(lineage.current(), incarnation(3));
}

#[test]
fn logs_are_bounded_and_forget_the_oldest() {
    let mut long = Lineage::new(incarnation(1));
    for number in 0..RUNS_MAX as u64 + 10 {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number + 1).to_be_bytes());
        long.begin_run(RunId::from_bytes(id), etag(number * 10 + 1));
    }
    assert_eq!(long.runs().len(), RUNS_MAX);
    assert_eq!(long.run_of(etag(50)), RunId::NONE);
    assert_ne!(long.run_of(etag(101)), RunId::NONE);
    assert_eq!(Lineage::from_logs(long.lives().to_vec(), long.runs().to_vec()), Ok(long));
}

#[test]
fn logs_that_no_database_has_are_refused() {
    let life = |id: u8, after: u64| Life { incarnation: incarnation(id), after: etag(after) };
    let begins = |id: u8, first: u64| Run { id: run(id), first: etag(first) };
    assert_eq!(Lineage::from_logs(Vec::new(), Vec::new()), Err(LineageError::Empty));
    for (lives, runs) in [
        (vec![life(1, 0), life(2, 5), life(3, 4)], vec![]),
        (vec![life(1, 0), life(1, 5)], vec![]),
        (vec![life(1, 0)], vec![begins(1, 5), begins(2, 5)]),
    ] {
        assert_eq!(Lineage::from_logs(lives, runs), Err(LineageError::Order));
    }
    let many = vec![begins(1, 1); RUNS_MAX + 1];
    let long = Lineage::from_logs(vec![life(1, 0)], many);
    assert_eq!(long, Err(LineageError::TooLong { max: RUNS_MAX }));
}
