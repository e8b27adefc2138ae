//! A service as a process of its own.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Mutex, PoisonError},
    thread,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::site::Site;

/// A binary of this build: `jackdaw`, or a role's own.
///
/// # Errors
///
/// It was not built: `cargo test --workspace` builds all of them.
pub fn binary(name: &str) -> Result<PathBuf> {
    // target/<profile>/deps/<test> lies beside target/<profile>/<binary>.
    let this = env::current_exe()?;
    let folders = this.ancestors().skip(1).take(2);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.with_context(|| format!("{name} was not built; build or test with --workspace"))
}

/// A running service; killed when dropped.
pub struct Service {
    /// What it is run by: nothing, or a tracer and its arguments.
    tracer: Vec<String>,
    command: Vec<String>,
    configuration: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    child: Child,
}

/// One test process starts one service at a time, so that ports chosen are not taken meanwhile.
static STARTING: Mutex<()> = Mutex::new(());

impl Service {
    /// Starts a role of `site` on a port that the system chooses.
    ///
    /// # Errors
    ///
    /// It does not start; its log is in the error.
    pub fn start(site: &Site, role: &str) -> Result<Self> {
        Self::start_command(site, role, Vec::new(), vec![format!("jackdaw-{role}")])
    }

    /// Starts a role of `site` under a tracer: a program and its arguments, which runs what stands
    /// behind them and lets it have its own process id.
    ///
    /// # Errors
    ///
    /// It does not start; its log is in the error.
    pub fn start_traced(site: &Site, role: &str, tracer: &[&str]) -> Result<Self> {
        let tracer = tracer.iter().copied().map(str::to_owned).collect();
        Self::start_command(site, role, tracer, vec![format!("jackdaw-{role}")])
    }

    /// Starts a service that is both sender and receiver, under the name of a role.
    ///
    /// # Errors
    ///
    /// It does not start; its log is in the error.
    pub fn start_both(site: &Site, name: &str) -> Result<Self> {
        let command = ["jackdaw", "serve", "--role", "sender", "--role", "receiver"];
        Self::start_command(site, name, Vec::new(), command.map(str::to_owned).to_vec())
    }

    fn start_command(
        site: &Site,
        name: &str,
        tracer: Vec<String>,
        command: Vec<String>,
    ) -> Result<Self> {
        let configuration = site.configuration(name)?;
        let log = site.path().join(format!("{name}.log"));
        let (child, address) = spawn(&tracer, &command, &configuration, &log, "127.0.0.1:0")?;
        Ok(Self { tracer, command, configuration, log, address, child })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL it is dialled by.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has logged.
    ///
    /// # Errors
    ///
    /// The file system's.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    /// Ends it as a power cut ends a process: SIGKILL, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and answers its exit code.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn terminate(&mut self) -> Result<Option<i32>> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("no pid")?;
        kill_process(pid, Signal::TERM)?;
        Ok(self.child.wait()?.code())
    }

    /// Waits until it has ended by itself, and answers its exit code; `None`: a signal ended it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn ended(&mut self) -> Result<Option<i32>> {
        Ok(self.child.wait()?.code())
    }

    /// Whether it has ended, by itself or by a signal; does not wait for it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Starts it again on the same port, after it has ended, under no tracer.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn restart(&mut self) -> Result<()> {
        let listen = self.address.to_string();
        self.tracer.clear();
        let (child, address) =
            spawn(&self.tracer, &self.command, &self.configuration, &self.log, &listen)?;
        self.child = child;
        self.address = address;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.kill());
    }
}

fn spawn(
    tracer: &[String],
    command: &[String],
    configuration: &Path,
    log: &Path,
    listen: &str,
) -> Result<(Child, SocketAddr)> {
    let _one_at_a_time = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let (name, arguments) = command.split_first().context("no command")?;
    let mut program = match tracer.split_first() {
        None => Command::new(binary(name)?),
        Some((tracer, arguments)) => {
            let mut program = Command::new(tracer);
            program.args(arguments).arg(binary(name)?);
            program
        }
    };
    let mut child = program
        .args(arguments)
        .arg("--config")
        .arg(configuration)
        .env_clear()
        // A tracer is looked for in it.
        .envs(env::var_os("PATH").map(|path| ("PATH", path)))
        .env("JACKDAW_LISTEN", listen)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start it")?;
    let stderr = child.stderr.take().context("no stderr")?;
    let lines = BufReader::new(stderr);
    match listening(lines, log) {
        Ok(address) => Ok((child, address)),
        Err(error) => {
            child.kill()?;
            child.wait()?;
            Err(error.context(format!("{name} does not start")))
        }
    }
}

/// Reads the log up to the line that says where the service listens; the rest goes to `log`.
fn listening(mut lines: BufReader<ChildStderr>, log: &Path) -> Result<SocketAddr> {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(log)?;
    let mut all = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            bail!("it ended, saying: {all}");
        }
        file.write_all(line.as_bytes())?;
        all.push_str(&line);
        let Some(address) = address_of(&line) else { continue };
        thread::spawn(move || std::io::copy(&mut lines, &mut file));
        return Ok(address);
    }
}

fn address_of(line: &str) -> Option<SocketAddr> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line.get("message")?.as_str()? != "serving" {
        return None;
    }
    line.get("address")?.as_str()?.parse().ok()
}
