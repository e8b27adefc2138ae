//! `docs/deploy.md`, followed to the letter: its files written, its commands typed, in its order.
//!
//! A block of the page is a file when its info string is `toml PATH`, a command line when it is
//! `sh`, a service that stays when it is `sh service`; others are to be read only. Nothing is
//! replaced in any of them.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use jackdaw_common::clock::Clock as _;
use jackdaw_node::{
    clock::SystemClock,
    tls::{ClientTls, Credentials, TlsFiles},
};
use jackdaw_tests::{client::Client, service::binary, wait::until};
use rustix::process::{Pid, Signal, kill_process};

use crate::setup::SOON;

/// What a fenced block is for.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    File { path: String, text: String },
    Commands(String),
    Service(String),
}

/// The blocks of a page that are for doing, in their order.
fn blocks(page: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: String = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        match info.split_once(' ').unwrap_or((info, "")) {
            ("toml", path) if !path.is_empty() => {
                found.push(Block::File { path: path.to_owned(), text });
            }
            ("sh", "") => found.push(Block::Commands(text)),
            ("sh", "service") => found.push(Block::Service(text)),
            _ => {}
        }
    }
    found
}

/// A shell that follows the page.
struct Reader {
    folder: PathBuf,
    path: OsString,
    services: Vec<Child>,
}

impl Reader {
    fn new(folder: &Path) -> Result<Self> {
        let jackdaw = binary("jackdaw")?;
        let binaries = jackdaw.parent().context("a folder")?.to_owned();
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([binaries].into_iter().chain(env::split_paths(&path)))?;
        Ok(Self { folder: folder.to_owned(), path, services: Vec::new() })
    }

    fn shell(&self, commands: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", commands]).current_dir(&self.folder);
        command.env_clear().env("PATH", &self.path).stdin(Stdio::null());
        command
    }

    /// Does what a block says; answers what its commands printed.
    fn follow(&mut self, block: &Block) -> Result<String> {
        match block {
            Block::File { path, text } => {
                let path = self.folder.join(path);
                fs::create_dir_all(path.parent().context("a folder")?)?;
                fs::write(path, text)?;
                Ok(String::new())
            }
            Block::Commands(commands) => {
                let output = self.shell(commands).output()?;
                let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
                let stderr = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{commands}\n{stdout}\n{stderr}");
                Ok(stdout)
            }
            Block::Service(command) => self.start(command),
        }
    }

    /// Starts a service, as the shell's own process, and waits for the URL that it prints.
    fn start(&mut self, command: &str) -> Result<String> {
        let log = self.folder.join(format!("{}.log", self.services.len()));
        let mut child = self
            .shell(&format!("exec {command}"))
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut url = String::new();
        let stdout = child.stdout.take().context("standard output")?;
        self.services.push(child);
        BufReader::new(stdout).read_line(&mut url)?;
        ensure!(url.starts_with("https://"), "{command}\n{}", fs::read_to_string(log)?);
        Ok(url)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for child in &mut self.services {
            // One that has ended is no matter.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

async fn administrator(folder: &Path, url: &str) -> Result<Client> {
    let files = TlsFiles {
        certificate: folder.join("certificates/admin.pem"),
        key: folder.join("certificates/admin.key"),
        authorities: vec![folder.join("certificates/ca.pem")],
    };
    let credentials = Credentials::load(&files, SystemClock.now())?;
    Client::connect(url, &ClientTls::new(&credentials, &[])?).await
}

/// The page has fixed addresses: on one machine it is followed by one test at a time, the one that
/// has this address.
async fn alone() -> Result<TcpListener> {
    let minutes = Duration::from_secs(300);
    until("nobody else follows the page", minutes, async || {
        Ok(TcpListener::bind("127.0.0.4:7443").ok())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_leads_to_an_equal_copy() -> Result<()> {
    let _alone = alone().await?;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy.md");
    let blocks = blocks(&fs::read_to_string(page)?);
    let folder = tempfile::Builder::new().prefix("jackdaw-deploy-").tempdir()?;
    let mut reader = Reader::new(folder.path())?;
    let mut said = String::new();
    let mut urls = Vec::new();
    for block in &blocks {
        let printed = reader.follow(block)?;
        if let Block::Service(_) = block {
            urls.push(printed.trim().to_owned());
        }
        said.push_str(&printed);
    }

    let [destination, source] = &urls[..] else { bail!("not two services, but {urls:?}") };
    assert_ne!(source, destination);
    assert!(said.contains("equal: 1 document, "), "{said}");
    let source = administrator(folder.path(), source).await?;
    let destination = administrator(folder.path(), destination).await?;
    let original = source.content("orders").await?;
    assert_eq!(original.keys().collect::<Vec<_>>(), ["orders/1"]);
    assert_eq!(original, destination.content("orders-copy").await?);
    // Still running: what is written now is copied too.
    source.put("orders", "orders/2", "{}").await?;
    until("a second document", SOON, async || {
        Ok(destination.document("orders-copy", "orders/2").await.ok())
    })
    .await?;

    for child in &mut reader.services {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::TERM)?;
        assert_eq!(child.wait()?.code(), Some(0), "the code that the page gives");
    }
    Ok(())
}

#[test]
fn blocks_are_told_apart() {
    let page = "a\n```toml x/y.toml\nb = 1\n```\n```toml\nno\n```\n```sh\nc\nd\n```\n\
                ```\nread only\n```\n```sh service\ne\n```\n";
    let expected = [
        Block::File { path: "x/y.toml".to_owned(), text: "b = 1\n".to_owned() },
        Block::Commands("c\nd\n".to_owned()),
        Block::Service("e\n".to_owned()),
    ];
    assert_eq!(blocks(page), expected);
}
