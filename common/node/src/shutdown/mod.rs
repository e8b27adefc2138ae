//! How a process is asked to end: the first SIGTERM or SIGINT asks everybody to finish, the second
//! ends the process where it stands.
//!
//! Owns the signal handlers and the one flag. It never waits for anybody: whoever runs the
//! process drains what it has within its deadline.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether the end has been asked for. Cheap to clone; every clone sees the same.
#[derive(Clone, Debug)]
pub struct Shutdown {
    asked: watch::Receiver<bool>,
}

impl Shutdown {
    /// Completes when the end is asked for; at once if it was before, or if nobody is left who
    /// could ask. Cancel safe.
    pub async fn requested(&mut self) {
        // An error means that the trigger is gone: nobody holds the process open any more.
        let _ = self.asked.wait_for(|asked| *asked).await;
    }

    /// Whether the end has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.asked.borrow()
    }
}

/// Asks for the end. Kept by whoever runs the process; dropping the last one asks too.
#[derive(Clone, Debug)]
pub struct Trigger {
    ask: watch::Sender<bool>,
}

impl Trigger {
    /// A trigger and what it sets off.
    pub fn new() -> (Self, Shutdown) {
        let (ask, asked) = watch::channel(false);
        (Self { ask }, Shutdown { asked })
    }

    /// Asks everybody to finish. Repeating it changes nothing.
    pub fn fire(&self) {
        self.ask.send_replace(true);
    }

    /// Fires on the first SIGTERM or SIGINT; the second of either ends the process at once, with
    /// status 143 or 130. Must be called within a tokio runtime, once a process.
    pub fn fire_on_signals(self) -> io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            let name = next(&mut terminate, &mut interrupt).await.name();
            tracing::info!(signal = name, "ending; a second signal ends at once");
            self.fire();
            exit_now(next(&mut terminate, &mut interrupt).await);
        });
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Asked {
    Terminate,
    Interrupt,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }

    /// 128 and the signal's number, as shells have it.
    fn status(self) -> i32 {
        match self {
            Self::Terminate => 143,
            Self::Interrupt => 130,
        }
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> Asked {
    tokio::select! {
        _ = terminate.recv() => Asked::Terminate,
        _ = interrupt.recv() => Asked::Interrupt,
    }
}

#[expect(clippy::disallowed_methods, reason = "a second signal means now; stores survive it")]
fn exit_now(asked: Asked) -> ! {
    std::process::exit(asked.status())
}

#[cfg(test)]
mod tests;
