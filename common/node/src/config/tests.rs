//! What `config` promises, tried out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::source::{environment_name, flag_name, keys};
use super::*;
use crate::access::{Clearance, Level};

const GOOD: &str = r#"
listen = "0.0.0.0:9000"
data = "data"
drain_seconds = 30

[tls]
certificate = "sender.pem"
key = "/etc/jackdaw/sender.key"
authorities = ["ca.pem", "other.pem"]
server_pins = ["00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"]

[log]
level = "warn,jackdaw_sender=debug"
format = "json"

[[access]]
name = "admin"
thumbprint = "AA112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
clearance = "cluster-admin"

[[access]]
name = "the other side \"north\""
thumbprint = "bb112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
clearance = "user"
databases = { shop = "read-write", "shop.old" = "read", x = "admin" }
"#;

/// A file, variables and flags.
struct Given {
    folder: TempDir,
    sources: Sources,
}

impl Given {
    fn file(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("jackdaw.toml");
        fs::write(&path, text).unwrap();
        Self { folder, sources: Sources { file: Some(path), ..Sources::default() } }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &'static str, value: &str, name: &'static str) -> Self {
        self.sources.flags.push(Flag { key, value: value.to_owned(), name });
        self
    }

    fn load(&self) -> Config {
        Config::load(&self.sources).unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// The mistakes as a person reads them, with the folder's name left out.
    fn mistakes(&self) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let errors = Config::load(&self.sources).unwrap_err();
        errors.0.iter().map(|error| error.to_string().replace(&folder, "")).collect()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

#[test]
fn a_whole_file_is_read() {
    let given = Given::file(GOOD);
    let config = given.load();
    assert_eq!(config.listen, "0.0.0.0:9000".parse().unwrap());
    assert_eq!(config.data, given.path("data"));
    assert_eq!(config.tls.certificate, given.path("sender.pem"));
    assert_eq!(config.tls.key, Path::new("/etc/jackdaw/sender.key"));
    assert_eq!(config.tls.authorities, [given.path("ca.pem"), given.path("other.pem")]);
    assert_eq!(config.server_pins.len(), 1);
    assert_eq!(config.log_level.to_string(), "warn,jackdaw_sender=debug");
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.drain, Duration::from_secs(30));
    let [admin, user] = config.access.as_slice() else { panic!("{:?}", config.access) };
    assert_eq!((admin.name.as_str(), admin.clearance), ("admin", Clearance::ClusterAdmin));
    assert!(admin.databases.is_empty() && admin.thumbprint.to_string().starts_with("aa1122"));
    assert_eq!(user.clearance, Clearance::User);
    let grants: Vec<_> = user.databases.iter().map(|(name, it)| (name.as_str(), *it)).collect();
    let expected = [("shop", Level::ReadWrite), ("shop.old", Level::Read), ("x", Level::Admin)];
    assert_eq!(grants, expected);
}

#[test]
fn what_is_not_set_has_its_default() {
    let given =
        Given::file("data = '/d'\ntls = { certificate = 'c', key = 'k', authorities = ['a'] }\n");
    let config = given.load();
    assert_eq!(config.listen, "127.0.0.1:7443".parse().unwrap());
    assert_eq!(config.drain, Duration::from_secs(8));
    assert_eq!(config.log_level.to_string(), "info");
    assert_eq!(config.log_format, LogFormat::Text);
    assert!(config.server_pins.is_empty() && config.access.is_empty());
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let given = Given::file(GOOD)
        .variable("JACKDAW_LISTEN", "127.0.0.1:1")
        .variable("JACKDAW_TLS_AUTHORITIES", "/a.pem, b.pem,")
        .variable("JACKDAW_TLS_SERVER_PINS", "")
        .variable("JACKDAW_DATA", "relative")
        .variable("HOME", "/root")
        .flag("listen", "127.0.0.1:2", "--listen")
        .flag("tls.authorities", "x,y.pem", "--tls-authorities")
        .flag("tls.authorities", "z.pem", "--tls-authorities");
    let config = given.load();
    assert_eq!(config.listen, "127.0.0.1:2".parse().unwrap());
    assert_eq!(config.tls.authorities, [Path::new("x,y.pem"), Path::new("z.pem")]);
    assert!(config.server_pins.is_empty());
    assert_eq!(config.data, Path::new("relative"));
    assert_eq!(config.tls.certificate, given.path("sender.pem"));
}

#[test]
fn a_variable_names_the_file_unless_a_flag_does() {
    let given = Given::file(GOOD);
    let path = given.path("jackdaw.toml");
    let environment = vec![("JACKDAW_CONFIG".into(), path.clone().into())];
    let sources = Sources { environment: environment.clone(), ..Sources::default() };
    assert_eq!(Config::load(&sources).unwrap().drain, Duration::from_secs(30));
    let missing = given.path("missing.toml");
    let sources = Sources { file: Some(missing), environment, ..Sources::default() };
    let errors = Config::load(&sources).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    assert!(errors.to_string().contains("missing.toml: read the configuration file"), "{errors}");
}

/// A file with a mistake on almost every line.
const MISTAKES: &str = r#"listen = "nowhere"
lissten = "127.0.0.1:1"
drain_seconds = -1

[tls]
certificat = "x"
key = 7.5
authorities = []
server_pins = ["AAAA", "x"]

[log]
level = "inof"
format = true

[jackdaw]
x = 1

[[access]]
name = " "
thumbprint = "12"
clearance = "root"
databases = { "a b" = "read", shop = "write" }

[[access]]
nam = "x"
clearance = "operator"
databases = { shop = "read" }
"#;

#[test]
fn every_mistake_of_every_source_is_reported_at_once() {
    let given = Given::file(MISTAKES)
        .variable("JACKDAW_DRAIN_SECOND", "5")
        .variable("JACKDAW_ACCESS", "[]")
        .variable("JACKDAW_LOG_FORMAT", "xml")
        .flag("data", "", "--data");
    let expected = [
        "jackdaw.toml:1: listen: \"nowhere\": invalid socket address syntax",
        "jackdaw.toml:2: lissten: unknown; did you mean listen?",
        "jackdaw.toml:3: drain_seconds: \"-1\": invalid digit found in string",
        "jackdaw.toml:6: tls.certificat: unknown; did you mean tls.certificate?",
        "jackdaw.toml:7: tls.key: expected a string or a decimal number",
        "jackdaw.toml:8: tls.authorities: expected at least one file",
        "jackdaw.toml:9: tls.server_pins: \"AAAA\": not a SHA-256 of 64 hexadecimal digits or 44 \
         characters of base64",
        "jackdaw.toml:9: tls.server_pins: \"x\": not a SHA-256 of 64 hexadecimal digits or 44 \
         characters of base64",
        "jackdaw.toml:12: log.level: \"inof\": part \"inof\" is neither a level (off, error, warn, \
         info, debug, trace) nor module=level",
        "jackdaw.toml:13: log.format: expected a string or a decimal number",
        "jackdaw.toml:15: jackdaw: unknown",
        "jackdaw.toml:19: access[0].name: empty: write whose certificate it is",
        "jackdaw.toml:20: access[0].thumbprint: not a SHA-256 thumbprint of 64 hexadecimal digits",
        "jackdaw.toml:21: access[0].clearance: \"root\" is none of \"user\", \"operator\", \
         \"cluster-admin\"",
        "jackdaw.toml:22: access[0].databases.a b: character ' ' at byte 1 of the database name is \
         none of A-Z a-z 0-9 . _ -",
        "jackdaw.toml:22: access[0].databases.shop: \"write\" is none of \"read\", \"read-write\", \
         \"admin\"",
        "jackdaw.toml:24: access[1].name: required",
        "jackdaw.toml:24: access[1].thumbprint: required",
        "jackdaw.toml:25: access[1].nam: unknown; did you mean name?",
        "jackdaw.toml:27: access[1].databases: operator reaches every database; only a user has \
         this field",
        "JACKDAW_DRAIN_SECOND: unknown; did you mean JACKDAW_DRAIN_SECONDS?",
        "JACKDAW_ACCESS: is set in the file only",
        "JACKDAW_LOG_FORMAT: log.format: \"xml\": neither \"text\" nor \"json\"",
        "--data: data: expected a path",
        "tls.certificate: required: set it in the file, as JACKDAW_TLS_CERTIFICATE or with \
         --tls-certificate",
    ];
    let found = given.mistakes();
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_file_that_is_no_toml_lacks_no_keys() {
    let given = Given::file("listen = \"x\n\n[tls\nkey = 1\n");
    let mistakes = given.mistakes();
    assert!(mistakes.iter().all(|it| it.contains(": this line: not TOML: ")), "{mistakes:#?}");
    assert!(mistakes[0].starts_with("jackdaw.toml:1: "), "{mistakes:#?}");
    assert_eq!(mistakes.len(), 2, "{mistakes:#?}");
}

#[test]
fn without_anything_all_that_is_required_is_named() {
    let errors = Config::load(&Sources::default()).unwrap_err();
    let missing: Vec<_> = errors.0.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(missing, ["data", "tls.certificate", "tls.key", "tls.authorities"]);
    assert!(errors.0.iter().all(|error| error.problem == Problem::Missing));
}

#[test]
fn what_is_of_the_wrong_shape_is_named() {
    for (text, mistake) in [
        ("tls = 'x'", "jackdaw.toml:1: tls: expected a table"),
        ("access = 'x'", "jackdaw.toml:1: access: expected a list of tables, [[access]]"),
        ("access = ['x']", "jackdaw.toml:1: access[0]: expected a list of tables, [[access]]"),
        ("listen = ['x']", "jackdaw.toml:1: listen: expected a string or a decimal number"),
        ("tls.authorities = 'x'", "jackdaw.toml:1: tls.authorities: expected a list of strings"),
        ("tls.authorities = [1]", "jackdaw.toml:1: tls.authorities: expected a list of strings"),
        ("drain_seconds = 0x10", "jackdaw.toml:1: drain_seconds: expected a string or a decimal"),
        (
            "tombstone_age_seconds = 315360001",
            "jackdaw.toml:1: tombstone_age_seconds: at most 315360000 seconds",
        ),
        ("drain_seconds = 3601", "jackdaw.toml:1: drain_seconds: at most 3600 seconds"),
        ("[listen]", "jackdaw.toml:1: listen: expected a string or a decimal number"),
        ("[access.x]", "jackdaw.toml:1: access: expected a list of tables, [[access]]"),
        ("[[access]]\nname = 1", "jackdaw.toml:2: access[0].name: expected a string"),
    ] {
        let mistakes = Given::file(text).mistakes();
        assert!(mistakes.iter().any(|it| it.starts_with(mistake)), "{text}: {mistakes:#?}");
    }
}

#[test]
fn two_entries_of_one_certificate_are_a_mistake() {
    let twice = format!(
        "{GOOD}\n[[access]]\nname = \"again\"\nclearance = \"user\"\nthumbprint = \
        \"aa112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n"
    );
    let given = Given::file(&twice);
    let mistakes = given.mistakes();
    let [mistake] = mistakes.as_slice() else { panic!("{mistakes:#?}") };
    let text = "access[2].thumbprint: the same certificate as in jackdaw.toml:16";
    assert!(mistake.ends_with(text), "{mistake}");
}

#[test]
fn foreign_variables_are_none_of_ours() {
    let mut given = Given::file(GOOD).variable("JACKDAW_SERVER", "x");
    assert_eq!(given.mistakes(), ["JACKDAW_SERVER: unknown"]);
    given.sources.foreign.push("JACKDAW_SERVER");
    given.load();
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_a_mistake() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut given = Given::file(GOOD);
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    given.sources.environment.push(("JACKDAW_DATA".into(), value));
    assert_eq!(given.mistakes(), ["JACKDAW_DATA: data: not UTF-8"]);
}

#[test]
fn a_flag_that_sets_nothing_is_a_mistake() {
    let given = Given::file(GOOD).flag("liste", "x", "--liste");
    assert_eq!(given.mistakes(), ["--liste: liste: unknown"]);
}

#[test]
fn no_two_keys_share_a_variable_or_a_flag() {
    let all: Vec<_> = keys().collect();
    let distinct =
        |name: fn(&str) -> String| all.iter().map(|key| name(key)).collect::<BTreeSet<_>>().len();
    assert_eq!(distinct(environment_name), all.len());
    assert_eq!(distinct(flag_name), all.len());
    assert_eq!(environment_name("tls.server_pins"), "JACKDAW_TLS_SERVER_PINS");
    assert_eq!(flag_name("tls.server_pins"), "--tls-server-pins");
}

#[test]
fn what_is_printed_has_every_origin_and_can_be_read_again() {
    let given = Given::file(GOOD).variable("JACKDAW_LOG_FORMAT", "text").flag(
        "drain_seconds",
        "3",
        "--drain-seconds",
    );
    let config = given.load();
    let printed = config.print();
    let lines: Vec<_> = printed.lines().collect();
    let file = given.path("jackdaw.toml");
    let file = file.display();
    assert_eq!(lines[0], format!("listen = \"0.0.0.0:9000\"  # {file}:2"));
    assert_eq!(lines[7], "log.format = \"text\"  # JACKDAW_LOG_FORMAT");
    assert_eq!(lines[8], "drain_seconds = 3  # --drain-seconds");
    assert_eq!(lines[9], "tombstone_age_seconds = 86400  # default");
    assert_eq!(lines[11], format!("[[access]]  # {file}:16"));
    for key in keys() {
        assert!(printed.contains(&format!("{key} = ")), "{key}: {printed}");
    }
    let again = Given::file(&printed).load();
    assert_eq!(again.tls, config.tls);
    assert_eq!(again.access, config.access);
    assert_eq!(again.server_pins, config.server_pins);
    assert_eq!((again.listen, again.drain), (config.listen, config.drain));
    assert_eq!((again.data, again.log_level), (config.data, config.log_level));

    let least = "data = '/d'\ntls = { certificate = 'c', key = 'k', authorities = ['a'] }\n";
    let printed = Given::file(least).load().print();
    assert!(printed.contains("listen = \"127.0.0.1:7443\"  # default\n"), "{printed}");
    assert!(printed.contains("tls.server_pins = []  # default\n"), "{printed}");
}
