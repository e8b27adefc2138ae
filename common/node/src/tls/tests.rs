//! What `tls` promises, tried out.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use jackdaw_common::Timestamp;
use tempfile::TempDir;

use super::fixture::{Authority, LONG_AGO, Leaf, RECENTLY};
use super::identity::check_key_file;
use super::*;

const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn errors_of(files: &TlsFiles, now: Timestamp) -> Vec<CredentialError> {
    Credentials::load(files, now).unwrap_err().0
}

#[test]
fn a_thumbprint_is_read_in_every_form_people_have_it_in() {
    let plain: Thumbprint = HEX.parse().unwrap();
    let bytes: Vec<_> = HEX.as_bytes().chunks(2).map(|it| str::from_utf8(it).unwrap()).collect();
    let colons = bytes.join(":").to_uppercase();
    assert_eq!(plain, colons.parse().unwrap());
    assert_eq!(plain.to_string(), HEX);
    assert_eq!(plain.as_bytes()[..3], [0x00, 0x11, 0x22]);
}

#[test]
fn what_is_no_thumbprint_is_refused() {
    let long = format!("{HEX}0");
    let wrong = HEX.replace('f', "g");
    let dashed = HEX.as_bytes().chunks(2).map(|it| str::from_utf8(it).unwrap());
    let dashed = dashed.collect::<Vec<_>>().join("-");
    let late = format!("{}:", &HEX.as_bytes().chunks(2).map(|_| "00").collect::<String>());
    for text in ["", "00", &HEX[1..], &long, &wrong, &dashed, &late, &"é".repeat(32)] {
        assert_eq!(text.parse::<Thumbprint>(), Err(FingerprintError::Hex), "{text:?}");
    }
}

#[test]
fn a_pin_is_read_from_hex_and_base64_and_written_as_base64() {
    let hex: SpkiPin = HEX.parse().unwrap();
    assert_eq!(hex, hex.to_string().parse().unwrap());
    assert_eq!(hex.to_string().len(), 44);
    for text in ["", "AAAA", &hex.to_string()[1..]] {
        assert_eq!(text.parse::<SpkiPin>(), Err(FingerprintError::HexOrBase64), "{text:?}");
    }
}

#[test]
fn credentials_say_who_we_are() {
    let authority = Authority::new();
    let own = authority.credentials(&Leaf::new("sender"));
    assert_eq!(own.own().common_name, "sender");
    assert!(own.own().not_after > RECENTLY);
    let again = authority.credentials(&Leaf::new("sender"));
    assert_ne!(own.own().thumbprint, again.own().thumbprint);
    assert_ne!(own.own().spki_pin, again.own().spki_pin);
    let shown = format!("{own:?}");
    assert!(!shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn a_key_that_others_may_read_is_refused_with_its_mode() {
    let authority = Authority::new();
    let files = authority.issue(&Leaf::new("sender"));
    for mode in [0o640, 0o604, 0o610, 0o602, 0o644] {
        fs::set_permissions(&files.key, Permissions::from_mode(mode)).unwrap();
        let errors = errors_of(&files, RECENTLY);
        let [CredentialError::KeyMode { path, mode: found }] = errors.as_slice() else {
            panic!("{errors:?}");
        };
        assert_eq!((path, *found), (&files.key, mode));
        let text = errors[0].to_string();
        assert!(text.contains(&format!("{mode:04o}")) && text.contains("sender.key"), "{text}");
    }
    for mode in [0o600, 0o400] {
        fs::set_permissions(&files.key, Permissions::from_mode(mode)).unwrap();
        assert!(Credentials::load(&files, RECENTLY).is_ok());
    }
}

#[test]
fn a_key_of_another_user_is_refused() {
    let path = Path::new("x.key");
    assert!(check_key_file(path, 0o100_600, 7, 7).is_ok());
    let error = check_key_file(path, 0o100_600, 8, 7).unwrap_err();
    assert!(matches!(error, CredentialError::KeyOwner { owner: 8, own: 7, .. }), "{error:?}");
}

#[test]
fn a_key_that_is_not_the_certificates_is_refused() {
    let authority = Authority::new();
    let mut files = authority.issue(&Leaf::new("sender"));
    files.key = authority.issue(&Leaf::new("receiver")).key;
    let errors = errors_of(&files, RECENTLY);
    assert!(matches!(errors.as_slice(), [CredentialError::KeyOfAnother { .. }]), "{errors:?}");
}

#[test]
fn a_certificate_outside_its_time_is_refused() {
    let authority = Authority::new();
    let files = authority.issue(&Leaf { expired: true, ..Leaf::new("sender") });
    assert!(Credentials::load(&files, LONG_AGO).is_ok());
    for now in [RECENTLY, Timestamp::from_micros(0)] {
        let errors = errors_of(&files, now);
        let [CredentialError::Validity { .. }] = errors.as_slice() else { panic!("{errors:?}") };
        let text = errors[0].to_string();
        assert!(text.contains("1975-01-01 00:00:00Z to 2020-01-01 00:00:00Z"), "{text}");
    }
}

#[test]
fn all_faults_of_all_files_are_reported_at_once() {
    let folder = TempDir::new().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("no.pem"), "nothing").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(file("broken.pem"), broken).unwrap();
    let files = TlsFiles {
        certificate: file("no.pem"),
        key: file("missing.key"),
        authorities: vec![file("broken.pem"), file("missing.pem")],
    };
    let errors = errors_of(&files, RECENTLY);
    let [
        CredentialError::Pem { .. },
        CredentialError::Read { .. },
        CredentialError::Certificate { .. },
        CredentialError::Read { .. },
    ] = errors.as_slice()
    else {
        panic!("{errors:?}");
    };
    let none = TlsFiles { authorities: Vec::new(), ..files };
    let errors = errors_of(&none, RECENTLY);
    assert!(matches!(errors.as_slice(), [_, _, CredentialError::NoAuthority]), "{errors:?}");
}

#[test]
fn a_key_file_without_a_key_is_refused() {
    let authority = Authority::new();
    let mut files = authority.issue(&Leaf::new("sender"));
    let only = authority.folder.path().join("only.key");
    fs::copy(&files.certificate, &only).unwrap();
    fs::set_permissions(&only, Permissions::from_mode(0o600)).unwrap();
    files.key = only;
    let errors = errors_of(&files, RECENTLY);
    let [CredentialError::Pem { reason, .. }] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(reason.contains("private key"), "{reason}");
}

#[test]
fn init_makes_what_credentials_load() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("deep").join("certificates");
    let names = ["db.example".parse().unwrap(), "10.1.2.3".parse().unwrap()];
    let created = init(&folder, &["sender", "receiver"], &names, RECENTLY).unwrap();
    assert_eq!(mode_of(&folder), 0o700);
    let all = created.roles.iter().chain([&created.administrator]);
    for certificate in all {
        assert_eq!(mode_of(&certificate.key), 0o600, "{certificate:?}");
        let files = TlsFiles {
            certificate: certificate.certificate.clone(),
            key: certificate.key.clone(),
            authorities: vec![created.authority.clone()],
        };
        let loaded = Credentials::load(&files, RECENTLY).unwrap();
        assert_eq!(loaded.own().thumbprint, certificate.thumbprint);
        assert_eq!(loaded.own().common_name, certificate.name);
    }
    assert_eq!(mode_of(&created.authority_key), 0o600);
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|it| it.unwrap()).collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let names: Vec<_> = names.iter().map(|it| it.file_name().into_string().unwrap()).collect();
    let expected = ["admin", "ca", "receiver", "sender"];
    let expected: Vec<_> =
        expected.iter().flat_map(|it| [format!("{it}.key"), format!("{it}.pem")]).collect();
    assert_eq!(names, expected);
}

#[test]
fn init_overwrites_nothing_and_leaves_nothing_half_done() {
    let folder = TempDir::new().unwrap();
    let taken = folder.path().join("receiver.key");
    fs::write(&taken, "precious").unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let error = init(folder.path(), &["sender", "receiver"], &[], RECENTLY).unwrap_err();
    assert!(matches!(&error, InitError::Exists { path } if *path == taken), "{error}");
    assert!(error.to_string().contains("receiver.key"), "{error}");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "precious");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(mode_of(folder.path()), 0o755);
}

#[test]
fn init_refuses_names_that_are_no_names() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().join("never");
    for roles in [&["ca"][..], &["admin"], &[""], &["../x"], &["A"], &["sender", "sender"]] {
        let error = init(&folder, roles, &[], RECENTLY).unwrap_err();
        assert!(matches!(error, InitError::Role { .. }), "{roles:?}: {error}");
    }
    assert!(!folder.exists());
    for text in ["", "a b", "10.1.2.300", "https://x", "x:7443"] {
        let name: Result<SanName, _> = text.parse();
        assert_eq!(name, Err(SanNameError { text: text.to_owned() }));
    }
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}
