//! What `telemetry` promises, tried out.

use tracing::Level;

use super::*;

#[test]
fn a_filter_is_a_level_and_levels_for_modules() {
    let filter: LogFilter = "warn, jackdaw_sender=debug,h2=off".parse().unwrap();
    assert_eq!(filter.to_string(), "warn, jackdaw_sender=debug,h2=off");
    let enabled = |target, level: Level| filter.targets.would_enable(target, &level);
    assert!(enabled("anything", Level::WARN) && !enabled("anything", Level::INFO));
    assert!(enabled("jackdaw_sender::tail", Level::DEBUG));
    assert!(!enabled("jackdaw_sender::tail", Level::TRACE));
    assert!(!enabled("h2::frame", Level::ERROR));
    assert!("INFO".parse::<LogFilter>().is_ok());
}

#[test]
fn a_mistyped_level_is_a_mistake_and_not_the_name_of_a_module() {
    for (text, part) in
        [("inof", "inof"), ("info,", ""), ("", ""), ("info,h2=loud", "h2=loud"), ("3", "3")]
    {
        let error = text.parse::<LogFilter>().unwrap_err();
        assert_eq!(error, LogFilterError { part: part.to_owned() }, "{text:?}");
    }
}

#[test]
fn formats_are_text_and_json() {
    for text in ["text", "json"] {
        assert_eq!(text.parse::<LogFormat>().unwrap().to_string(), text);
    }
    assert_eq!("xml".parse::<LogFormat>(), Err(LogFormatError));
}
