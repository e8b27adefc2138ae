//! Logs of one copy, and what is told of them where something is not as it has to be.

use anyhow::Result;

use super::Told;

/// A session that goes on behind this etag and sends these batches: last etag and bytes.
fn session(cursor: u64, batches: &[(u64, u64)]) -> String {
    let task = r#""spans":[{"name":"task","task":3}"#;
    let accepted = format!(r#"{{"message":"session accepted","cursor":{cursor},{task}]}}"#);
    let mut after = cursor;
    let sent = batches.iter().map(|&(last, bytes)| {
        let batch = format!(
            r#"{{"name":"batch","after":{after},"last":{last},"items":{},"bytes":{bytes}}}"#,
            last - after,
        );
        after = last;
        format!(r#"{{"message":"sent",{task},{batch}]}}"#)
    });
    [accepted].into_iter().chain(sent).map(|line| line + "\n").collect()
}

/// That a batch was applied: all of it but so many items, which were there.
fn durable(after: u64, last: u64, present: u64) -> String {
    format!(
        "{{\"message\":\"batch durable\",\"applied\":{},\"already_present\":{present},\
         \"merged\":0,\"conflicted\":0,\
         \"spans\":[{{\"name\":\"session\",\"destination\":\"c\"}},\
         {{\"name\":\"batch\",\"after\":{after},\"last\":{last}}}]}}\n",
        last - after - present,
    )
}

fn told(sender: &[String], receiver: &[String]) -> Result<Told> {
    Told::read(&sender.concat(), &receiver.concat(), 3, "c")
}

#[test]
fn what_a_kill_swallowed_is_counted_and_what_is_sent_again_is_found() -> Result<()> {
    // Up to 30 it was durable, up to 20 told of; 30 to 50 is sent again, cut otherwise.
    let sender =
        [session(0, &[(10, 1), (20, 1), (30, 1), (40, 1), (50, 1)]), session(30, &[(60, 3)])];
    let receiver = [durable(0, 10, 0), durable(10, 20, 0)];
    let all = told(&sender, &receiver)?;
    assert!(!all.is_complete());
    let all = told(&sender, &[receiver.concat(), durable(30, 60, 0)])?;
    assert!(all.is_complete());
    assert_eq!((all.applied(), all.swallowed(), all.sessions()), (50, 10, 2));
    assert_eq!(all.sent_again()?, [0, 1]);
    Ok(())
}

#[test]
fn more_than_a_window_and_what_was_there_already_is_refused() -> Result<()> {
    let five = [(10, 1), (20, 1), (30, 1), (40, 1), (50, 1)];
    let again = told(&[session(0, &five), session(0, &five[..4])], &[])?;
    assert_eq!(again.sent_again()?, [0, 4]);
    let again = told(&[session(0, &five), session(0, &five)], &[])?;
    again.sent_again().unwrap_err();
    let large = [(10, 20 << 20), (20, 20 << 20)];
    let again = told(&[session(0, &large), session(0, &large)], &[])?;
    again.sent_again().unwrap_err();
    assert!(told(&[], &[durable(0, 10, 1)]).is_err(), "an item that was there is sent again");
    assert!(told(&[], &[durable(0, 10, 0), durable(0, 10, 0)]).is_err(), "acknowledged twice");
    Ok(())
}
