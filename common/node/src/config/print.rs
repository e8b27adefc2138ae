//! The configuration as `--print-config` shows it: every key with its value and where it came
//! from, in a form that can be used as a file again.

use std::fmt::{Display, Write as _};

use super::Config;
use super::entry::{clearance_word, level_word};
use super::error::Origin;
use crate::access::AccessEntry;

impl Config {
    /// All keys, one a line, each with its origin as a comment; then the access list. It is TOML,
    /// with paths resolved; there are no secrets in it, only the paths of files that hold some.
    pub fn print(&self) -> String {
        let text = |value: &dyn Display| quoted(&value.to_string());
        let authorities = self.tls.authorities.iter().map(|path| quoted(&path.to_string_lossy()));
        let pins = self.server_pins.iter().map(|pin| text(pin));
        let lines = [
            ("listen", text(&self.listen)),
            ("data", text(&self.data.display())),
            ("tls.certificate", text(&self.tls.certificate.display())),
            ("tls.key", text(&self.tls.key.display())),
            ("tls.authorities", list(authorities)),
            ("tls.server_pins", list(pins)),
            ("log.level", text(&self.log_level)),
            ("log.format", text(&self.log_format)),
            ("drain_seconds", self.drain.as_secs().to_string()),
            ("tombstone_age_seconds", self.tombstone_age.as_secs().to_string()),
        ];
        let mut out = String::new();
        for (key, value) in lines {
            let origin = self.origins.get(key).unwrap_or(&Origin::Default);
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{key} = {value}  # {origin}");
        }
        for (entry, origin) in self.access.iter().zip(&self.entry_origins) {
            print_entry(&mut out, entry, origin);
        }
        out
    }
}

fn print_entry(out: &mut String, entry: &AccessEntry, origin: &Origin) {
    let _ = writeln!(out, "\n[[access]]  # {origin}");
    let _ = writeln!(out, "name = {}", quoted(&entry.name));
    let _ = writeln!(out, "thumbprint = \"{}\"", entry.thumbprint);
    let _ = writeln!(out, "clearance = \"{}\"", clearance_word(entry.clearance));
    if !entry.databases.is_empty() {
        let grants = entry.databases.iter();
        let grants = grants.map(|(name, level)| format!("\"{name}\" = \"{}\"", level_word(*level)));
        let _ = writeln!(out, "databases = {{ {} }}", grants.collect::<Vec<_>>().join(", "));
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}
