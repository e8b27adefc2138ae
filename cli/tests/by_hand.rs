//! The command as a person types it: two services started by hand, a copy made and compared, and
//! the exit code of everything that can go wrong on the way.

#[cfg(test)]
mod by_hand {
    use std::fs;
    use std::io::{BufRead as _, BufReader};
    use std::path::Path;
    use std::process::{Child, Command, Output, Stdio};

    use serde_json::Value;
    use tempfile::TempDir;

    /// A folder with certificates, and two services that run in it.
    struct Site {
        folder: TempDir,
        sender: Service,
        receiver: Service,
    }

    /// A service that is killed when the test ends.
    struct Service {
        process: Child,
        url: String,
    }

    impl Drop for Service {
        fn drop(&mut self) {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }

    fn jackdaw(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackdaw"));
        let ours = |name: &str| name.starts_with("JACKDAW_");
        for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.current_dir(folder).stdin(Stdio::null());
        command
    }

    fn start(folder: &Path, role: &str) -> Service {
        let config = format!("{role}.toml");
        let mut process = jackdaw(folder)
            .args(["serve", "--role", role, "--config", &config, "--log-level", "error"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("https://127.0.0.1:"), "{url:?}");
        Service { process, url: url.trim().to_owned() }
    }

    impl Site {
        fn start() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path();
            let made =
                jackdaw(path).args(["certificate", "init", "--output", "json"]).output().unwrap();
            let made: Value = serde_json::from_slice(&made.stdout).unwrap();
            let thumbprint = |name: &str| {
                let all = made["certificates"].as_array().unwrap();
                let one = all.iter().find(|it| it["name"] == name).unwrap();
                one["thumbprint"].as_str().unwrap().to_owned()
            };
            for role in ["sender", "receiver"] {
                let text = format!(
                    "listen = \"127.0.0.1:0\"\ndata = \"{role}\"\n[tls]\n\
                     certificate = \"certificates/{role}.pem\"\n\
                     key = \"certificates/{role}.key\"\n\
                     authorities = [\"certificates/ca.pem\"]\n\
                     [[access]]\nname = \"admin\"\nthumbprint = \"{}\"\n\
                     clearance = \"cluster-admin\"\n\
                     [[access]]\nname = \"sender\"\nthumbprint = \"{}\"\n\
                     clearance = \"user\"\ndatabases = {{ \"copy\" = \"read-write\" }}\n",
                    thumbprint("admin"),
                    thumbprint("sender"),
                );
                fs::write(path.join(format!("{role}.toml")), text).unwrap();
            }
            let (sender, receiver) = (start(path, "sender"), start(path, "receiver"));
            Self { folder, sender, receiver }
        }

        /// Runs a command against the sender: its exit code, its output, its messages.
        fn run(&self, line: &str) -> (i32, String, String) {
            let output = jackdaw(self.folder.path())
                .args(line.split_whitespace())
                .env("JACKDAW_URL", &self.sender.url)
                .output()
                .unwrap();
            let Output { status, stdout, stderr } = output;
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (status.code().unwrap(), text(stdout), text(stderr))
        }

        /// Runs a command that must succeed; answers its output.
        fn ok(&self, line: &str) -> String {
            let (code, stdout, stderr) = self.run(line);
            assert_eq!(code, 0, "{line}: {stderr}");
            stdout
        }

        /// Runs a command that must fail in this way; answers its messages.
        fn fails(&self, code: i32, line: &str) -> String {
            let (actual, stdout, stderr) = self.run(line);
            assert_eq!(actual, code, "{line}: {stdout}{stderr}");
            assert!(stderr.starts_with("error: "), "{line}: {stderr}");
            stderr
        }

        fn compare(&self) -> (i32, Value) {
            let line = format!(
                "compare --source-url {} --source-database demo --destination-url {} \
                 --destination-database copy --output json",
                self.sender.url, self.receiver.url
            );
            let (code, stdout, stderr) = self.run(&line);
            assert!(!stdout.is_empty(), "{stderr}");
            (code, serde_json::from_str(&stdout).unwrap())
        }
    }

    const LINES: &str = "{\"kind\":\"document\",\"id\":\"a/1\",\"body\":{\"n\":[1e400,-0.0]}}\n\
                         {\"kind\":\"document\",\"id\":\"a/2\",\"body\":{ \"ü\" : \"é\" }}\n";

    #[test]
    fn a_copy_is_made_compared_changed_and_compared_again() {
        let site = Site::start();
        let receiver = &site.receiver.url;
        fs::write(site.folder.path().join("in.jsonl"), LINES).unwrap();
        site.ok("database create demo");
        site.ok(&format!("database create copy --url {receiver}"));
        site.ok("import --database demo in.jsonl");
        assert_eq!(site.compare().0, 1);
        site.ok(&format!(
            "connection-string create --database demo to-copy --destination-database copy \
             --destination-url {receiver}"
        ));
        site.ok("task create --database demo --connection-string to-copy --name mirror");
        site.ok("task watch --database demo mirror --until-copied");
        let (code, report) = site.compare();
        assert_eq!((code, &report["equal"]), (0, &Value::Bool(true)), "{report}");
        assert_eq!(report["destination"]["documents"], 2);
        assert_eq!(site.ok(&format!("export --database copy --url {receiver}")), LINES);

        site.ok("task disable --database demo mirror");
        site.ok("document delete --database demo A/1");
        let (code, report) = site.compare();
        assert_eq!((code, &report["extra"]), (1, &1.into()), "{report}");
        assert_eq!(report["differences"][0]["id"], "a/1");
        assert!(site.fails(1, "task watch --database demo 1 --until-copied").contains("disabled"));
        site.ok("task enable --database demo 1");
        site.ok("task watch --database demo 1 --until-copied");
        assert_eq!(site.compare().0, 0);
    }

    const PARTS: &str = "{\"kind\":\"revision\",\"document_id\":\"a/1\",\
         \"last_modified\":\"2000-01-01T00:00:00.000001Z\",\"body\":{\"a\": 1},\"attachments\":\
         [{\"name\":\"O\",\"content_type\":\"t\",\"data_base64\":\"/w==\"}],\
         \"counters\":[[\"Likes\",7]]}\n\
         {\"kind\":\"revision\",\"document_id\":\"a/1\",\
         \"last_modified\":\"2000-01-01T00:00:01Z\",\"body\":{},\"attachments\":\
         [{\"name\":\"o\",\"content_type\":\"t\",\
         \"hash\":\"rE5AdqiDk3KC8Td+9crLjt0A48eWKeQ1MkZOs74nc2c=\"}]}\n\
         {\"kind\":\"revision\",\"document_id\":\"a/3\",\
         \"last_modified\":\"2000-01-01T00:00:00Z\",\"deleted\":true,\"collection\":\"C\"}\n\
         {\"kind\":\"document\",\"id\":\"a/1\",\"body\":{}}\n\
         {\"kind\":\"counter\",\"document_id\":\"a/1\",\"name\":\"Likes\",\"value\":-3}\n\
         {\"kind\":\"document\",\"id\":\"a/2\",\"body\":{}}\n\
         {\"kind\":\"attachment\",\"document_id\":\"a/1\",\"name\":\"N\",\"content_type\":\"t\",\
         \"data_base64\":\"AAEC\"}\n\
         {\"kind\":\"time_series\",\"document_id\":\"a/1\",\"name\":\"Heart\",\"entries\":\
         [[\"1969-12-31T23:59:59.999Z\",[0.1,-0.0],\"watch\"],\
         [\"2000-01-01T00:00:00Z\",[2.638344616030823e-256],null]]}\n";

    /// Lines of every kind go in and come out the same, and two databases that were made from them
    /// have the same counters and time series until one is written to.
    #[test]
    fn what_documents_have_is_imported_exported_and_compared() {
        let site = Site::start();
        let receiver = &site.receiver.url;
        fs::write(site.folder.path().join("in.jsonl"), PARTS).unwrap();
        site.ok("database create demo");
        site.ok(&format!("database create copy --url {receiver}"));
        let loaded = site.ok("import --database demo in.jsonl --output json");
        let loaded: Value = serde_json::from_str(&loaded).unwrap();
        let kinds = ["documents", "attachments", "counters", "time_series", "revisions"];
        assert_eq!(kinds.map(|kind| loaded[kind].as_u64()), [2, 1, 1, 1, 3].map(Some), "{loaded}");
        assert_eq!(site.ok("export --database demo"), PARTS);
        let documents = site.ok("export --database demo --only documents");
        assert_eq!(documents.lines().count(), 2);
        site.ok(&format!("import --database copy in.jsonl --url {receiver}"));
        let (code, report) = site.compare();
        assert_eq!(code, 1, "change vectors are not the same");
        let has = &report["destination"];
        assert_eq!((&has["counters"], &has["time_series_entries"]), (&1.into(), &2.into()));
        let other = |report: &Value| {
            [&report["different_counters"], &report["different_time_series"]].map(Value::clone)
        };
        assert_eq!(other(&report), [0, 0]);

        site.ok("counter increment --database demo A/1 likes -4");
        site.ok("time-series append --database demo A/1 heart 2000-01-01T00:00:00Z 2.6e-256");
        let (_, report) = site.compare();
        assert_eq!(other(&report), [1, 1], "{report}");
        let named = report["differences"].as_array().unwrap().iter();
        let named: Vec<_> = named.filter_map(|it| it["names"][0].as_str()).collect();
        assert_eq!(named[..2], ["Likes", "Heart"], "{report}");
        // Of two imports each has made vectors of its own.
        assert_eq!((&has["revisions"], &report["different_revisions"]), (&3.into(), &2.into()));
        // What is imported again is not kept twice.
        site.ok("import --database demo in.jsonl");
        let (_, report) = site.compare();
        assert_eq!(report["source"]["revisions"], 3, "{report}");
        let shown: Value =
            serde_json::from_str(&site.ok("database get demo --output json")).unwrap();
        assert_eq!((&shown["counters"], &shown["time_series_entries"]), (&1.into(), &2.into()));
    }

    #[test]
    fn counters_and_time_series_are_written_and_read() {
        let site = Site::start();
        let json = |line: &str| -> Value {
            serde_json::from_str(&site.ok(&format!("{line} --database demo --output json")))
                .unwrap()
        };
        site.ok("database create demo");
        fs::write(site.folder.path().join("a.json"), "{}").unwrap();
        site.ok("document put --database demo a a.json");
        assert_eq!(json("counter increment a likes")["counter_value"], 1);
        assert_eq!(json("counter increment a LIKES -5")["counter_value"], -4);
        assert_eq!(json("counter get a Likes")["value"], -4);
        assert_eq!(json("counter list a")[0]["partials"][0]["value"], -4);
        assert!(site.ok("counter get --database demo a likes").contains("\nvalue "));
        assert!(json("counter delete a likes")["etag"].as_u64().unwrap() > 0);
        assert_eq!(json("counter delete a likes")["etag"], 0);
        let gone = site.fails(4, "counter get --database demo a likes");
        assert!(gone.contains("(COUNTER_NOT_FOUND)"), "{gone}");

        json("time-series append a heart 2000-01-01T00:00:00.25Z -1.5 2 --tag watch");
        let lines = "[\"1999-01-01T00:00:00Z\",[1],null]\n\n[\"2001-01-01T00:00:00Z\",[3],\"x\"]\n";
        fs::write(site.folder.path().join("lines"), lines).unwrap();
        site.ok("time-series append --database demo a heart --file lines");
        let get = "time-series get --database demo a heart --output json";
        let first = "{\"time\":\"1999-01-01T00:00:00Z\",\"values\":[1.0],\"tag\":null}\n";
        let second =
            "{\"time\":\"2000-01-01T00:00:00.250Z\",\"values\":[-1.5,2.0],\"tag\":\"watch\"}\n";
        assert!(site.ok(get).starts_with(&format!("{first}{second}")), "{}", site.ok(get));
        assert_eq!(site.ok(&format!("{get} --to 1999-12-31T00:00:00Z")), first);
        assert_eq!(json("time-series list a")[0]["entries"], 3);
        assert!(json("time-series delete a heart --from 2000-01-01T00:00:00Z")["etag"] != 0);
        assert_eq!(site.ok(get), first);
        json("time-series delete a heart");
        let gone = site.fails(4, get);
        assert!(gone.contains("(TIME_SERIES_NOT_FOUND)"), "{gone}");
        fs::write(site.folder.path().join("lines"), format!("{lines}[1]\n")).unwrap();
        let bad = site.fails(5, "time-series append --database demo a heart --file lines");
        assert!(bad.contains("line 4: ") && bad.contains("appended before: 0 entries"), "{bad}");
        let none = lines.replace("[3]", "[]");
        fs::write(site.folder.path().join("lines"), none).unwrap();
        let bad = site.fails(4, "time-series append --database demo a heart --file lines");
        assert!(bad.starts_with("error: line 3: ") && bad.contains("(FIELD_INVALID)"), "{bad}");
        fs::write(site.folder.path().join("lines"), "\n").unwrap();
        let empty = site.fails(5, "time-series append --database demo a heart --file lines");
        assert!(empty.contains("lines has no entries"), "{empty}");
        for time in ["2000-01-01T00:00:00.0001Z", "2000-01-01T00:00:00", "2000-01-01T00:00:60Z"] {
            let fine = site.fails(2, &format!("time-series append --database demo a x {time} 1"));
            assert!(fine.contains("write a time like 2000-01-01T00:00:00.250Z"), "{fine}");
        }
    }

    #[test]
    fn compare_exchange_items_are_put_read_listed_and_deleted() {
        let site = Site::start();
        let put = |value: &str, rest: &str| {
            fs::write(site.folder.path().join("value"), value).unwrap();
            format!("compare-exchange put --database demo {rest}")
        };
        site.ok("database create demo");
        let first = site.ok(&put(" {\"by\": 1e400} ", "Lock value --output json"));
        let first: Value = serde_json::from_str(&first).unwrap();
        assert_eq!((&first["key"], &first["index"]), (&"Lock".into(), &1.into()));
        let get = "compare-exchange get --database demo lock";
        assert_eq!(
            site.run(get),
            (0, " {\"by\": 1e400} ".into(), "Lock · index 1 · 15 bytes\n".into())
        );
        assert!(site.ok(&format!("{get} --output json")).contains("1e400"));

        let lost = site.fails(4, &put("2", "lock value"));
        assert!(lost.contains("(COMPARE_EXCHANGE_MISMATCH)"), "{lost}");
        assert!(lost.contains("\n  actual_index: 1\n"), "{lost}");
        assert!(lost.contains("\n  actual value:  {\"by\": 1e400} "), "{lost}");
        site.ok(&put("2", "LOCK value --expected-index 1"));
        site.ok(&put("\"x\"", "name/1 value"));
        let list = "compare-exchange list --database demo";
        let all: Value = serde_json::from_str(&site.ok(&format!("{list} --output json"))).unwrap();
        assert_eq!((&all[0]["key"], &all[0]["value"]), (&"Lock".into(), &2.into()));
        assert_eq!(all[1]["value"], "x");
        assert_eq!(site.ok(&format!("{list} --prefix NAME/")).lines().count(), 2);
        let (_, some, more) = site.run(&format!("{list} --limit 1"));
        assert_eq!((some.lines().count(), &*more), (2, "there are more than 1 item: --limit\n"));

        let delete = "compare-exchange delete --database demo lock --expected-index";
        site.ok(&format!("{delete} 2 --dry-run"));
        let lost = site.fails(4, &format!("{delete} 1"));
        assert!(lost.contains("(COMPARE_EXCHANGE_MISMATCH)"), "{lost}");
        let gone: Value =
            serde_json::from_str(&site.ok(&format!("{delete} 2 --output json"))).unwrap();
        assert_eq!(gone["index"], 4);
        let (code, _, nothing) = site.run(&format!("{delete} 2"));
        assert_eq!((code, &*nothing), (0, "there was no such item\n"));
        let gone = site.fails(4, get);
        assert!(gone.contains("(COMPARE_EXCHANGE_NOT_FOUND)"), "{gone}");
        let wrong = site.fails(4, &put("{", "a value"));
        assert!(wrong.contains("(FIELD_INVALID)"), "{wrong}");
    }

    #[test]
    fn identities_are_taken_set_and_listed() {
        let site = Site::start();
        let json = |line: &str| -> Value {
            let line = format!("identity {line} --database demo --output json");
            serde_json::from_str(&site.ok(&line)).unwrap()
        };
        site.ok("database create demo");
        let taken = json("next Users");
        assert_eq!((&taken["name"], &taken["value"]), (&"users|".into(), &1.into()));
        assert_eq!(json("next users|")["value"], 2);
        assert_eq!(json("set orders 41")["value"], 41);
        fs::write(site.folder.path().join("a.json"), "{}").unwrap();
        let written = site.ok("document put --database demo orders| a.json");
        assert!(written.contains("orders/42-"), "{written}");
        let stays = site.run("identity set --database demo orders 7");
        assert_eq!((stays.0, &*stays.2), (0, "it is higher, and stays as it is: --force\n"));
        assert!(stays.1.contains("42"), "{}", stays.1);
        assert_eq!(json("set orders 7 --force")["value"], 7);
        let all = json("list");
        assert_eq!((&all[0]["name"], &all[0]["value"]), (&"orders|".into(), &7.into()));
        assert_eq!(all.as_array().unwrap().len(), 2);
        let (_, some, more) = site.run("identity list --database demo --limit 1");
        assert_eq!(
            (some.lines().count(), &*more),
            (2, "there are more than 1 identity: --limit\n")
        );
        let wrong = site.fails(4, "identity set --database demo a 9223372036854775808");
        assert!(wrong.contains("(FIELD_INVALID)"), "{wrong}");
    }

    #[test]
    fn what_travels_is_shown() {
        let site = Site::start();
        site.ok("database create demo");
        let scope: Value =
            serde_json::from_str(&site.ok("database scope demo --output json")).unwrap();
        let kind = |name: &str| {
            let kinds = scope.as_array().unwrap();
            kinds.iter().find(|kind| kind["name"] == name).unwrap().clone()
        };
        assert_eq!(kind("documents")["travels"], true);
        assert_eq!(kind("compare_exchange")["travels"], false);
        assert!(kind("tasks")["reason"].as_str().unwrap().contains("another has its own"));
        let shown = site.ok("database scope databases/demo");
        let mut words = shown.lines().nth(1).unwrap().split_whitespace();
        assert_eq!((words.next(), words.next()), (Some("documents"), Some("yes")), "{shown}");
        let missing = site.fails(4, "database scope nothing");
        assert!(missing.contains("(DATABASE_NOT_FOUND)"), "{missing}");
    }

    #[test]
    fn revisions_are_configured_listed_and_enforced() {
        let site = Site::start();
        let json = |line: &str| -> Value {
            serde_json::from_str(&site.ok(&format!("{line} --database demo --output json")))
                .unwrap()
        };
        site.ok("database create demo");
        assert_eq!(json("revision configuration"), serde_json::json!([]));
        json("revision configure");
        let own = "revision configure --collection Users --minimum-to-keep 2 --purge-on-delete";
        json(&format!("{own} --minimum-age-to-keep-seconds 60"));
        let rules = json("revision configure --collection USERS --minimum-to-keep 3");
        assert_eq!(rules[0]["collection"], "");
        let rule = &rules[1];
        assert_eq!((&rule["collection"], &rule["minimum_to_keep"]), (&"USERS".into(), &3.into()));
        assert_eq!((rules.as_array().unwrap().len(), &rule["purge_on_delete"]), (2, &false.into()));
        json("revision configure --collection users --remove");
        site.fails(4, "revision configure --database demo --minimum-to-keep 0");
        for body in ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"] {
            fs::write(site.folder.path().join("a.json"), body).unwrap();
            site.ok("document put --database demo a a.json");
        }
        let listed = json("revision list a");
        assert_eq!(listed.as_array().unwrap().len(), 3);
        assert_eq!(listed[2]["flags"], serde_json::json!(["REVISION"]));
        let vector = listed[2]["change_vector"].as_str().unwrap().to_owned();
        let got = site.ok(&format!("revision get --database demo a {vector}"));
        assert!(got.contains("{\"n\":1}"), "{got}");
        assert_eq!(json(&format!("revision get a {vector}"))["body"]["n"], 1);
        assert!(site.ok("document get --database demo a --metadata").contains("HasRevisions"));
        json("revision configure --disable");
        let done = json("revision enforce --yes");
        assert_eq!((&done["documents"], &done["removed"]), (&1.into(), &3.into()));
        let gone = site.fails(4, &format!("revision get --database demo a {vector}"));
        assert!(gone.contains("(REVISION_NOT_FOUND)"), "{gone}");
    }

    #[test]
    fn a_certificate_shows_what_an_access_list_needs() {
        let folder = tempfile::tempdir().unwrap();
        let run = |line: &str| {
            let output = jackdaw(folder.path()).args(line.split(' ')).output().unwrap();
            let text = format!(
                "{}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            (output.status.code().unwrap(), text)
        };
        let made: Value = serde_json::from_str(&run("certificate init --output json").1).unwrap();
        let shown: Value =
            serde_json::from_str(&run("certificate show certificates/admin.pem --output json").1)
                .unwrap();
        let admin = made["certificates"].as_array().unwrap().last().unwrap();
        assert_eq!(shown["thumbprint"], admin["thumbprint"], "{shown}");
        assert!(shown["valid_until"].as_str().unwrap().ends_with('Z'), "{shown}");
        let (code, yaml) = run("certificate show certificates/admin.pem --output yaml");
        let line = format!("thumbprint: {}", shown["thumbprint"].as_str().unwrap());
        assert_eq!(code, 0);
        assert!(yaml.lines().any(|it| it.replace(['"', '\''], "") == line), "{yaml}");
        let (code, text) = run("certificate show certificates/sender.pem");
        let thumbprint = made["certificates"][0]["thumbprint"].as_str().unwrap();
        assert_eq!(code, 0, "{text}");
        assert!(text.lines().any(|line| {
            line.strip_prefix("thumbprint ").is_some_and(|rest| rest.trim() == thumbprint)
        }));
        for file in ["admin.key", "nothing.pem"] {
            let (code, text) = run(&format!("certificate show certificates/{file}"));
            assert!(code == 5 && text.starts_with("error: failed to read "), "{text}");
        }
    }

    #[test]
    fn what_goes_wrong_has_its_exit_code() {
        let site = Site::start();
        site.ok("database create demo");
        let refused = site.fails(4, "database create demo");
        assert!(refused.contains("(DATABASE_ALREADY_EXISTS)"), "{refused}");
        site.ok("database delete demo --dry-run");
        assert!(site.ok("database list").contains("demo"));
        site.fails(4, "document get --database demo nothing");
        site.fails(3, "database list --url https://127.0.0.1:1");
        site.fails(2, "database list --folder nowhere");
        site.fails(2, "database list --url http://127.0.0.1:1");
        site.fails(5, "import --database demo nowhere.jsonl");
        let path = site.folder.path().join("bad.jsonl");
        fs::write(&path, format!("{LINES}{{\n{LINES}")).unwrap();
        let bad = site.fails(5, "import --database demo bad.jsonl");
        assert!(bad.contains("line 3: ") && bad.contains("2 records before"), "{bad}");
        fs::write(&path, format!("{LINES}{{\"kind\":\"counter\"}}\n")).unwrap();
        site.fails(5, "import --database demo bad.jsonl");
        let left_out = site.ok("import --database demo bad.jsonl --only documents");
        assert!(left_out.ends_with("left out: 1 counter line\n"), "{left_out}");
        let identity = "--certificate certificates/receiver.pem --key certificates/receiver.key";
        let stranger = site.fails(4, &format!("database list {identity}"));
        assert!(stranger.contains("(CERTIFICATE_NOT_TRUSTED)"), "{stranger}");
        site.fails(2, "serve --role sender --config nowhere.toml");
        site.fails(5, "certificate init");
    }

    #[test]
    fn a_quickstart_ends_with_an_equal_copy() {
        let folder = tempfile::tempdir().unwrap();
        let output = jackdaw(folder.path())
            .args(["quickstart", "--once", "--documents", "1000", "--folder", "here"])
            .args(["--output", "json"])
            .output()
            .unwrap();
        let messages = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{messages}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["equal"], true, "{report}");
        assert_eq!(report["destination"]["documents"], 1000);
        assert!(folder.path().join("here/receiver.toml").exists());
        let again = jackdaw(folder.path())
            .args(["quickstart", "--once", "--folder", "here"])
            .output()
            .unwrap();
        assert_eq!(again.status.code(), Some(2));
    }
}
