//! What a process has used, and what the disk needs, as the system tells it.

use std::{fs, io::Write as _, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::time::Instant;

use crate::latency::Latencies;

/// What both services have used during a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) sender_cpu_seconds: f64,
    pub(crate) receiver_cpu_seconds: f64,
    pub(crate) sender_peak_mib: f64,
    pub(crate) receiver_peak_mib: f64,
}

impl Usage {
    /// Of two runs together.
    pub(crate) fn and(&self, other: &Self) -> Self {
        Self {
            sender_cpu_seconds: self.sender_cpu_seconds + other.sender_cpu_seconds,
            receiver_cpu_seconds: self.receiver_cpu_seconds + other.receiver_cpu_seconds,
            sender_peak_mib: self.sender_peak_mib.max(other.sender_peak_mib),
            receiver_peak_mib: self.receiver_peak_mib.max(other.receiver_peak_mib),
        }
    }

    /// CPU of both ends for one of `count`, microseconds.
    pub(crate) fn cpu_micros(&self, count: u64) -> f64 {
        (self.sender_cpu_seconds + self.receiver_cpu_seconds) * 1e6 / count as f64
    }
}

/// CPU seconds of a process so far, user and system.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold spaces.
    let rest = stat.rsplit_once(')').context("no name")?.1;
    let fields: Vec<_> = rest.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("cut off")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}

/// The most memory a process has had resident, MiB.
pub(crate) fn peak_memory_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}

/// The load of the machine over the last minute.
pub(crate) fn load() -> Result<f64> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load.split_whitespace().next().context("empty")?.parse()?)
}

/// A file that small appends are made to, as the services append to theirs: what the disk needs.
pub(crate) struct Appends {
    file: fs::File,
    times: Vec<Duration>,
}

impl Appends {
    /// Into a new file in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let path = folder.join("appends");
        Ok(Self { file: fs::File::create(path)?, times: Vec::new() })
    }

    /// One more, timed until it is on disk. Blocks.
    pub(crate) fn one(&mut self) -> Result<()> {
        let begin = Instant::now();
        self.file.write_all(&[0x2a; APPEND_BYTES])?;
        self.file.sync_data()?;
        self.times.push(begin.elapsed());
        Ok(())
    }

    /// How long they took.
    pub(crate) fn end(self) -> Latencies {
        Latencies::of(self.times)
    }
}

/// Linux counts CPU time of processes in hundredths of a second, on every architecture.
const TICKS_A_SECOND: f64 = 100.0;
/// Bytes of each: about a document with what is written along with it.
const APPEND_BYTES: usize = 2_048;
