//! What to try next: commands that work as they are printed.

use std::path::Path;

use super::home::Home;
use super::pair::Ends;
use super::{DESTINATION, SOURCE};

/// What to try while the pair runs.
pub(super) fn while_running(urls: &Ends, home: &Home) -> String {
    let jackdaw = program();
    let certificates = quoted(&home.certificates().to_string_lossy());
    let Ends { sender, receiver } = urls;
    let sender_config = quoted(&home.config("sender").to_string_lossy());
    format!(
        "
Both services run until you press Ctrl-C. In another terminal, try:

  export JACKDAW_CERTIFICATES={certificates} JACKDAW_URL={sender}
  {jackdaw} document list --database {SOURCE} --limit 5
  echo '{{\"Hello\":\"there\",\"@metadata\":{{\"@collection\":\"Greetings\"}}}}' |
    {jackdaw} document put --database {SOURCE} greetings/1
  {jackdaw} document get --database {DESTINATION} greetings/1 --url {receiver}
  {jackdaw} document delete --database {SOURCE} greetings/1 --yes
  {jackdaw} task list --database {SOURCE}
  {jackdaw} task disable --database {SOURCE} 1
  {jackdaw} task enable --database {SOURCE} 1
  {jackdaw} task watch --database {SOURCE} 1 --until-copied
  {jackdaw} compare --source-url {sender} --source-database {SOURCE} \\
    --destination-url {receiver} --destination-database {DESTINATION}
  {jackdaw} serve --role sender --config {sender_config} --print-config
"
    )
}

/// What to try after `--once`.
pub(super) fn after_once() -> String {
    let jackdaw = program();
    format!(
        "
Try next:

  {jackdaw} quickstart                       the same pair, running until you press Ctrl-C
  {jackdaw} quickstart --documents 100000    more to copy
  {jackdaw} --help                           everything else
"
    )
}

/// This program as it can be typed.
fn program() -> String {
    let path = std::env::current_exe().ok();
    let path = path.as_deref().unwrap_or(Path::new("jackdaw"));
    quoted(&path.to_string_lossy())
}

/// A word for a shell, in quotes where it needs them.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
