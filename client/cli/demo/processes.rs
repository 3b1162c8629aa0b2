//! Other processes of this very program: calls that end, and services that run until the demo ends.
//!
//! A service holds the demo's pipe on its stdin and exits when that closes, so nothing is left behind,
//! whatever ends the demo.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::failure::{Exit, Failure};

/// The signal of [`Child::kill`].
const SIGKILL: i32 = 9;
/// How long a service may take to stop when it is asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// How much of a service's log is shown when it fails, in bytes.
const LOG_TAIL: u64 = 1500;
/// How often each service is looked at.
pub const WATCH_EVERY: Duration = Duration::from_millis(100);

/// This program. Clones stop together.
#[derive(Debug, Clone)]
pub struct Tacit {
    exe: PathBuf,
    /// Why all is to stop, if it is.
    stopped: Arc<Mutex<Option<Failure>>>,
    /// Calls that run now.
    calls: Arc<Mutex<Vec<Arc<Mutex<Child>>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with it left a list of processes, which is still one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn system(doing: &str, e: &io::Error) -> Failure {
    Failure::usage(
        "system",
        format!("can't {doing}: {e}"),
        "Free some resources and try again.",
    )
}

impl Tacit {
    /// The program that is running.
    pub fn current() -> Result<Self, Failure> {
        std::env::current_exe()
            .map(|exe| Self {
                exe,
                stopped: Arc::default(),
                calls: Arc::default(),
            })
            .map_err(|e| system("find this program's own file", &e))
    }

    /// Somebody wants it to end: ends the calls that run now; there will be no others, so whatever the
    /// demo is at comes to an end.
    pub fn stop(&self) {
        // Ctrl-C may end services too, so it is the reason, whatever was seen first.
        *lock(&self.stopped) = Some(Failure::interrupted(""));
        self.end_calls();
    }

    /// The same, because something failed that nobody was waiting for.
    fn fail(&self, why: Failure) {
        lock(&self.stopped).get_or_insert(why);
        self.end_calls();
    }

    fn end_calls(&self) {
        for call in lock(&self.calls).iter() {
            // One that has ended already can't be ended again.
            let _ = lock(call).kill();
        }
    }

    /// Why all is to stop, if it is.
    pub fn check(&self) -> Result<(), Failure> {
        match lock(&self.stopped).clone() {
            None => Ok(()),
            Some(why) => Err(why),
        }
    }

    /// Does somebody want it to end?
    pub fn is_interrupted(&self) -> bool {
        self.check().is_err_and(|why| why.exit == Exit::Interrupted)
    }

    /// Stops at Ctrl-C, SIGTERM, or when the terminal goes away; a second time, the process ends at once.
    pub fn stop_at_signals(&self) -> Result<(), Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let failed = |e| system("listen for signals", &e);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let listening = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        drop(listening);
        let tacit = self.clone();
        std::thread::spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        _ = hangup.recv() => {}
                    }
                    if tacit.is_interrupted() {
                        std::process::exit(Exit::Interrupted as i32);
                    }
                    tacit.stop();
                }
            });
        });
        Ok(())
    }

    /// Runs one command to its end, as a person would, and gives its JSON.
    pub fn call(&self, home: &Path, args: &[&str]) -> Result<Value, Failure> {
        let ended = self.run(home, args)?;
        if ended.status.success() {
            return Ok(ended.value);
        }
        Err(ended.failure(args))
    }

    /// Runs a command that is to find a lie, and gives its JSON.
    pub fn doubt(&self, home: &Path, args: &[&str]) -> Result<Value, Failure> {
        let ended = self.run(home, args)?;
        match ended.status.code() {
            Some(0) => Err(Failure::check(
                "lie",
                format!("`tacit {}` took a lie for the truth", args.join(" ")),
                super::NEVER,
            )),
            Some(code) if code == Exit::CheckFailed as i32 => Ok(ended.value),
            _ => Err(ended.failure(args)),
        }
    }

    fn run(&self, home: &Path, args: &[&str]) -> Result<Ended, Failure> {
        self.check()?;
        let mut child = Command::new(&self.exe)
            .arg("--home")
            .arg(home)
            .args(["--json", "--yes"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| system("start a command", &e))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        lock(&self.calls).push(child.clone());
        if self.check().is_err() {
            // Whoever stopped meanwhile may not have seen it.
            let _ = lock(&child).kill();
        }
        let (stdout, stderr) = std::thread::scope(|scope| {
            let stderr = scope.spawn(|| read_all(stderr));
            (read_all(stdout), stderr.join().unwrap_or_default())
        });
        let status = lock(&child).wait();
        lock(&self.calls).retain(|call| !Arc::ptr_eq(call, &child));
        let status = status.map_err(|e| system("wait for a command", &e))?;
        if !status.success() {
            // Whoever stopped it is the reason.
            self.check()?;
        }
        Ok(Ended {
            status,
            value: serde_json::from_slice(&stdout).unwrap_or(Value::Null),
            stderr: String::from_utf8_lossy(&stderr).trim().to_string(),
        })
    }

    /// Starts a service that logs into `log`. If it ends before it is told to, all stops.
    pub fn serve(
        &self,
        name: &str,
        home: &Path,
        args: &[&str],
        log: &Path,
    ) -> Result<Service, Failure> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(|e| Failure::file("write", log, &e))?;
        let from = file.metadata().map_or(0, |m| m.len());
        let out = file
            .try_clone()
            .map_err(|e| system("start a service", &e))?;
        let child = Command::new(&self.exe)
            .arg("--home")
            .arg(home)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(file)
            .spawn()
            .map_err(|e| system("start a service", &e))?;
        let service = Service {
            name: name.to_string(),
            child: Arc::new(Mutex::new(child)),
            expected: Arc::default(),
            log: log.to_path_buf(),
        };
        self.watch(&service, from);
        Ok(service)
    }

    /// Looks at a service until it ends, in a thread. Its log begins at byte `from`.
    fn watch(&self, service: &Service, from: u64) {
        let (tacit, child) = (self.clone(), service.child.clone());
        let (expected, name) = (service.expected.clone(), service.name.clone());
        let log = service.log.clone();
        std::thread::spawn(move || {
            let status = loop {
                std::thread::sleep(WATCH_EVERY);
                match lock(&child).try_wait() {
                    Ok(None) => {}
                    Ok(Some(status)) => break status,
                    Err(e) => return tacit.fail(system("watch a service", &e)),
                }
            };
            if !expected.load(Ordering::SeqCst) {
                tacit.fail(Failure::check(
                    "service-ended",
                    format!(
                        "{name} ended by itself ({status}). Its log ends with:\n{}",
                        log_tail(&log, from)
                    ),
                    format!("The whole log is {}.", log.display()),
                ));
            }
        });
    }
}

/// A command that has ended.
struct Ended {
    status: ExitStatus,
    /// Its JSON, if it has printed some.
    value: Value,
    stderr: String,
}

impl Ended {
    /// Why it failed.
    fn failure(self, args: &[&str]) -> Failure {
        let said = |field: &str| {
            self.value
                .pointer(&format!("/error/{field}"))
                .and_then(Value::as_str)
                .map(str::to_string)
        };
        let problem = said("problem").unwrap_or_else(|| match self.stderr.is_empty() {
            true => self.status.to_string(),
            false => self.stderr.clone(),
        });
        let mut failure = Failure::check(
            "demo-step",
            format!("`tacit {}`: {problem}", args.join(" ")),
            said("advice").unwrap_or_default(),
        );
        failure.exit = match self.status.code() {
            Some(2) => Exit::Usage,
            Some(3) => Exit::Unreachable,
            Some(4) => Exit::NotYet,
            _ => Exit::CheckFailed,
        };
        failure
    }
}

/// What a log ends with, of what was written from byte `from` on.
fn log_tail(log: &Path, from: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(LOG_TAIL))))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().unwrap_or_default()
}

/// Everything that a process writes until it ends.
fn read_all(pipe: Option<impl io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What was written before a pipe broke is still what was said.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// A running service. Dropping it ends it.
pub struct Service {
    name: String,
    child: Arc<Mutex<Child>>,
    /// Was it told to end?
    expected: Arc<AtomicBool>,
    log: PathBuf,
}

impl Service {
    /// Kills it at once, as a power cut would (SIGKILL). An error, if it had ended before.
    pub fn kill(&mut self) -> Result<(), Failure> {
        self.expected.store(true, Ordering::SeqCst);
        let mut child = lock(&self.child);
        let killed = child.kill().and_then(|()| child.wait());
        let status = killed.map_err(|e| system("kill a service", &e))?;
        if status.signal() == Some(SIGKILL) {
            return Ok(());
        }
        Err(Failure::check(
            "service-ended",
            format!("{} had ended by itself ({status})", self.name),
            format!("Its log is {}.", self.log.display()),
        ))
    }

    /// Closes its stdin, which asks it to stop, and waits.
    pub fn stop(&mut self) {
        self.expected.store(true, Ordering::SeqCst);
        drop(lock(&self.child).stdin.take());
        let until = Instant::now() + STOP_PATIENCE;
        while Instant::now() < until {
            let looked = lock(&self.child).try_wait();
            match looked {
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Ok(Some(_)) | Err(_) => return,
            }
        }
        // It may have ended at last: then there is nothing to kill.
        let _ = self.kill();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that has ended already can't be ended again.
        let _ = self.kill();
    }
}

/// Waits until a file has content: how a service says where it listens.
pub fn wait_for_file(
    path: &Path,
    service: &Service,
    tacit: &Tacit,
    patience: Duration,
) -> Result<String, Failure> {
    let until = Instant::now() + patience;
    loop {
        if let Ok(text) = fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return Ok(text.trim().to_string());
        }
        tacit.check()?;
        if Instant::now() > until {
            return Err(Failure::check(
                "service-slow",
                format!("{} did not start in time", service.name),
                format!("Its log is {}.", service.log.display()),
            ));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs `work` on every item, `at_once` of them in parallel, and stops at the first failure.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    at_once: usize,
    work: impl Fn(usize, &T) -> Result<R, Failure> + Sync,
) -> Result<Vec<R>, Failure> {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let results = std::sync::Mutex::new(Vec::with_capacity(items.len()));
    let failure = std::sync::Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    let Some(item) = items.get(i) else { return };
                    let outcome = work(i, item);
                    match (outcome, results.lock(), failure.lock()) {
                        (Ok(r), Ok(mut results), _) => results.push((i, r)),
                        (Err(e), _, Ok(mut failure)) => {
                            failure.get_or_insert(e);
                            // No further item is taken by anybody.
                            next.store(items.len(), std::sync::atomic::Ordering::SeqCst);
                        }
                        _ => return,
                    }
                }
            });
        }
    });
    if let Some(failure) = failure.into_inner().ok().flatten() {
        return Err(failure);
    }
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(i, _)| *i);
    Ok(results.into_iter().map(|(_, r)| r).collect())
}
