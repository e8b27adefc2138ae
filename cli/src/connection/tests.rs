//! What `connection` promises, tried out.

use std::path::PathBuf;

use super::*;

#[test]
fn times_are_read_with_their_units() {
    let read = |text: &str| text.parse::<Patience>().ok().map(|it| it.0.as_millis());
    assert_eq!(read("500ms"), Some(500));
    assert_eq!(read("30"), Some(30_000));
    assert_eq!(read("30s"), Some(30_000));
    assert_eq!(read("2m"), Some(120_000));
    for bad in
        ["", "s", "0", "0s", "-1s", "1.5s", "1 s", "1h", "ms", "99999999999999999999s", "10081m"]
    {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert_eq!(read("18446744073709551615m"), None);
    assert_eq!(read("10080m"), Some(604_800_000));
}

#[test]
fn single_files_count_before_the_folder() {
    let all = IdentityOptions::default().files();
    assert_eq!(all.certificate, PathBuf::from("certificates/admin.pem"));
    assert_eq!(all.key, PathBuf::from("certificates/admin.key"));
    assert_eq!(all.authorities, [PathBuf::from("certificates/ca.pem")]);
    let some = IdentityOptions {
        folder: Some(PathBuf::from("f")),
        key: Some(PathBuf::from("k")),
        ..IdentityOptions::default()
    };
    let files = some.files();
    assert_eq!(files.certificate, PathBuf::from("f/admin.pem"));
    assert_eq!(files.key, PathBuf::from("k"));
    assert_eq!(files.authorities, [PathBuf::from("f/ca.pem")]);
}

#[test]
fn urls_are_https_with_host_and_port_only() {
    let url = |text: &str| text.parse::<ReceiverUrl>().map(|it| it.to_string());
    assert_eq!(url("https://localhost:7443/").unwrap(), "https://localhost:7443");
    assert_eq!(url("https://[::1]:1").unwrap(), "https://[::1]:1");
    for bad in ["localhost:7443", "http://localhost:7443", "https://a/b", "https://a:0", ""] {
        assert!(url(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn missing_files_are_a_mistake_of_configuration() {
    let files = IdentityOptions { folder: Some("no-such-folder".into()), ..Default::default() };
    let url = "https://127.0.0.1:1".parse().unwrap();
    let failure = Service::connect(&url, &files.files(), Patience(Duration::from_secs(1))).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.exit(), crate::Exit::Usage);
    assert!(failure.to_string().contains("no-such-folder/admin.key"), "{failure}");
}
