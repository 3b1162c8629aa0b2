//! How long each step of a ceremony takes, beside snarkjs and snarkrs on the same files and machine.
//!
//! `ceremony/examples/install-peers` installs both; one that isn't there is left out. Then, with the machine
//! otherwise idle:
//!
//! ```text
//! cargo run --release -p tacit-ceremony --example compare -- --power 14 --rounds 5
//! ```
//!
//! What is timed: the others as programs, from start to exit; ours as the function that the program calls.
//! Contributing is timed without the checks that come before it, which the others don't make. Verifying a
//! key makes the initial key again, with all three. `--prepare-power` is smaller than `--power` because
//! snarkjs would prepare for minutes. Who has used up the time that one step may take is not asked again:
//! each median says of how many runs it is.
//!
//! ```text
//! cargo run --release -p tacit-ceremony --example compare -- memory --power 20 --prepare-power 16
//! ```
//!
//! shows what our steps hold in memory: each is a process of its own and says its peak. It needs 2 GB of
//! disk and a quarter of an hour.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tacit_ceremony::beacon::{self, Rule};
use tacit_ceremony::checks::Weights;
use tacit_ceremony::circuits;
use tacit_ceremony::files::parameters::{Beacon, Parameters};
use tacit_ceremony::files::ptau::Ptau;
use tacit_ceremony::files::r1cs::R1cs;
use tacit_ceremony::files::zkey::Zkey;
use tacit_ceremony::phase1::{self, LinkedPowers, PreparedPowers};
use tacit_ceremony::phase2::{self, LinkedKey};
use tacit_ceremony::progress::Silent;
use tacit_ceremony::stream::Stream;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Contributions that are verified together and singly.
const MANY: u8 = 100;

/// Nobody is asked to repeat a step after so long.
const PATIENCE: Duration = Duration::from_secs(75);

struct Settings {
    memory: bool,
    power: u32,
    prepare_power: u32,
    rounds: usize,
    many: bool,
}

impl Settings {
    fn from_arguments() -> Result<Self> {
        let mut settings = Self {
            memory: false,
            power: 14,
            prepare_power: 10,
            rounds: 3,
            many: true,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let mut number = || -> Result<u32> {
                let value = arguments.next().ok_or("a number is missing")?;
                Ok(value.parse()?)
            };
            match name.as_str() {
                "memory" => settings.memory = true,
                "--power" => settings.power = number()?,
                "--prepare-power" => settings.prepare_power = number()?,
                "--rounds" => settings.rounds = number()?.max(1) as usize,
                "--without-many" => settings.many = false,
                other => return Err(format!("{other} is unknown").into()),
            }
        }
        Ok(settings)
    }
}

/// Another program, with the one way in which the two differ.
struct Peer {
    name: &'static str,
    program: PathBuf,
    verify_key: &'static [&'static str],
}

fn peers() -> Vec<Peer> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = [
        Peer {
            name: "snarkjs",
            program: here.join("tests/snarkjs/node_modules/.bin/snarkjs"),
            verify_key: &["zkey", "verify"],
        },
        Peer {
            name: "snarkrs",
            program: here.join("../target/peers/bin/snarkrs"),
            verify_key: &["zkey", "verify", "r1cs"],
        },
    ];
    let (there, missing): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| p.program.exists());
    for peer in missing {
        eprintln!("{} is left out: no {}", peer.name, peer.program.display());
    }
    there
}

/// A step's times, for each of us.
struct Step {
    name: String,
    ours: Vec<Duration>,
    theirs: Vec<Vec<Duration>>,
}

struct Bench {
    folder: tempfile::TempDir,
    peers: Vec<Peer>,
    rounds: usize,
}

fn median(times: &[Duration]) -> f64 {
    let mut times = times.to_vec();
    times.sort();
    let (low, high) = (
        times.get((times.len().max(1) - 1) / 2),
        times.get(times.len() / 2),
    );
    (low.copied().unwrap_or_default() + high.copied().unwrap_or_default()).as_secs_f64() / 2.0
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs everybody's step by turns, so that what else the machine does falls on all alike.
    fn step(
        &mut self,
        name: impl Into<String>,
        mut ours: impl FnMut(&Self) -> Result<()>,
        theirs: impl Fn(&Peer) -> Vec<String>,
    ) -> Result<()> {
        let mut step = Step {
            name: name.into(),
            ours: Vec::new(),
            theirs: vec![Vec::new(); self.peers.len()],
        };
        for _ in 0..self.rounds {
            if step.ours.iter().sum::<Duration>() < PATIENCE {
                let start = Instant::now();
                ours(self)?;
                step.ours.push(start.elapsed());
            }
            for (peer, times) in self.peers.iter().zip(&mut step.theirs) {
                if times.iter().sum::<Duration>() >= PATIENCE {
                    continue;
                }
                let arguments = theirs(peer);
                let start = Instant::now();
                let status = Command::new(&peer.program)
                    .args(&arguments)
                    .current_dir(self.folder.path())
                    .stdout(Stdio::null())
                    .status()?;
                times.push(start.elapsed());
                if !status.success() {
                    return Err(format!("{} {}: {status}", peer.name, arguments.join(" ")).into());
                }
            }
        }
        Self::print(&step);
        Ok(())
    }

    fn print_head(&self) {
        print!("{:29}{:>10} runs", "median of wall times", "ours");
        for peer in &self.peers {
            print!("{:>11} runs {:>7}", peer.name, "ratio");
        }
        println!();
    }

    fn print(step: &Step) {
        let ours = median(&step.ours);
        print!("{:29}{ours:>8.3} s {:>4}", step.name, step.ours.len());
        for times in &step.theirs {
            let theirs = median(times);
            let ratio = theirs / ours.max(1e-9);
            print!("{theirs:>9.3} s {:>4} {ratio:>6.1}x", times.len());
        }
        println!();
    }
}

fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|a| (*a).to_owned()).collect()
}

fn link_powers(path: &Path, rule: &Rule) -> Result<LinkedPowers> {
    let mut weights = Weights::from_os()?;
    let valid = phase1::validate(Ptau::open(path)?, &mut weights, &mut Silent)?;
    Ok(phase1::link(valid, rule, &mut weights)?)
}

fn prepared_powers(path: &Path) -> Result<PreparedPowers> {
    let linked = link_powers(path, &Rule::Any)?;
    let mut weights = Weights::from_os()?;
    Ok(phase1::verify_prepared(linked, &mut weights, &mut Silent)?)
}

fn link_key(path: &Path, initial: &Path, rule: &Rule) -> Result<LinkedKey> {
    let mut weights = Weights::from_os()?;
    let initial = phase2::InitialKey::of_own_disk(initial)?;
    let valid = phase2::validate(Zkey::open(path)?, &initial, &mut weights, &mut Silent)?;
    Ok(phase2::link(valid, rule, &mut weights)?)
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [name, step, rest @ ..] = &arguments[..]
        && name == "step"
    {
        return memory::step(step, rest);
    }
    let settings = Settings::from_arguments()?;
    if settings.memory {
        return memory::show(settings.power, settings.prepare_power);
    }
    let mut bench = Bench {
        folder: tempfile::tempdir()?,
        peers: peers(),
        rounds: settings.rounds,
    };
    bench.print_head();
    powers(&mut bench, settings.power)?;
    preparing(&mut bench, settings.prepare_power)?;
    keys(&mut bench, settings.power)?;
    if settings.many {
        many(&bench)?;
    }
    Ok(())
}

fn powers(bench: &mut Bench, power: u32) -> Result<()> {
    let size = power.to_string();
    bench.step(
        format!("powers 2^{power}: new"),
        |b| Ok(phase1::create(&b.path("0.ptau"), power)?),
        |_| words(&["powersoftau", "new", "bn128", &size, "x.ptau"]),
    )?;
    let fresh = link_powers(&bench.path("0.ptau"), &Rule::Open)?;
    bench.step(
        format!("powers 2^{power}: contribute"),
        |b| {
            let (to, stream) = (b.path("1.ptau"), Stream::from_seed([1; 32]));
            let parameters = Parameters::contribution(Some("ours"));
            phase1::contribute(&fresh, &to, stream, parameters, &mut Silent)?;
            Ok(())
        },
        |peer| {
            let (name, entropy) = by(peer);
            words(&[
                "powersoftau",
                "contribute",
                "0.ptau",
                "x.ptau",
                &name,
                entropy,
            ])
        },
    )?;
    bench.step(
        format!("powers 2^{power}: verify"),
        |b| link_powers(&b.path("1.ptau"), &Rule::Open).map(drop),
        |_| words(&["powersoftau", "verify", "1.ptau"]),
    )
}

/// The options for a name and entropy, of which one program takes the long form only.
fn by(peer: &Peer) -> (String, &'static str) {
    (format!("--name={}", peer.name), "--entropy=some words")
}

fn preparing(bench: &mut Bench, power: u32) -> Result<()> {
    phase1::create(&bench.path("small-0.ptau"), power)?;
    let fresh = link_powers(&bench.path("small-0.ptau"), &Rule::Open)?;
    let (to, stream) = (bench.path("small.ptau"), Stream::from_seed([2; 32]));
    let parameters = Parameters::contribution(None);
    phase1::contribute(&fresh, &to, stream, parameters, &mut Silent)?;
    let small = link_powers(&to, &Rule::Open)?;
    bench.step(
        format!("powers 2^{power}: prepare"),
        |b| {
            Ok(phase1::prepare(
                &small,
                &b.path("small-p.ptau"),
                &mut Silent,
            )?)
        },
        |_| words(&["powersoftau", "prepare", "phase2", "small.ptau", "x.ptau"]),
    )
}

fn keys(bench: &mut Bench, power: u32) -> Result<()> {
    let circuit: R1cs = circuits::sealing()?;
    circuit.write(&bench.path("c.r1cs"))?;
    // No key is made from powers without a beacon.
    let one = link_powers(&bench.path("1.ptau"), &Rule::Open)?;
    let (to, stream) = (bench.path("end.ptau"), beacon::stream(&end()));
    let parameters = Parameters::beacon(end(), None);
    phase1::contribute(&one, &to, stream, parameters, &mut Silent)?;
    let start = Instant::now();
    let linked = link_powers(&to, &Rule::Any)?;
    phase1::prepare(&linked, &bench.path("p.ptau"), &mut Silent)?;
    println!(
        "powers 2^{power}: prepare, ours alone: {:.1} s",
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let powers = prepared_powers(&bench.path("p.ptau"))?;
    println!(
        "powers 2^{power}: verify with Lagrange forms, ours alone: {:.1} s",
        start.elapsed().as_secs_f64()
    );
    bench.step(
        "sealing circuit: initial key",
        |b| {
            phase2::setup(&powers, &circuit, &b.path("0.zkey"), &mut Silent)?;
            Ok(())
        },
        |_| words(&["groth16", "setup", "c.r1cs", "p.ptau", "x.zkey"]),
    )?;
    let initial = link_key(&bench.path("0.zkey"), &bench.path("0.zkey"), &Rule::Open)?;
    bench.step(
        "sealing circuit: contribute",
        |b| {
            let (to, stream) = (b.path("1.zkey"), Stream::from_seed([3; 32]));
            let parameters = Parameters::contribution(Some("ours"));
            phase2::contribute(&initial, &to, stream, parameters, &mut Silent)?;
            Ok(())
        },
        |peer| {
            let (name, entropy) = by(peer);
            words(&["zkey", "contribute", "0.zkey", "x.zkey", &name, entropy])
        },
    )?;
    finish(bench)?;
    bench.step(
        "sealing circuit: verify",
        |b| {
            phase2::setup(&powers, &circuit, &b.path("again.zkey"), &mut Silent)?;
            link_key(&b.path("2.zkey"), &b.path("again.zkey"), &Rule::Any).map(drop)
        },
        |peer| {
            [
                words(peer.verify_key),
                words(&["c.r1cs", "p.ptau", "2.zkey"]),
            ]
            .concat()
        },
    )
}

fn end() -> Beacon {
    Beacon {
        value: vec![7; 32],
        exponent: 10,
    }
}

fn finish(bench: &Bench) -> Result<()> {
    let before = link_key(&bench.path("1.zkey"), &bench.path("0.zkey"), &Rule::Open)?;
    let stream = beacon::stream(&end());
    let parameters = Parameters::beacon(end(), None);
    phase2::contribute(
        &before,
        &bench.path("2.zkey"),
        stream,
        parameters,
        &mut Silent,
    )?;
    Ok(())
}

/// A chain of many contributions, checked in one go and file by file.
fn many(bench: &Bench) -> Result<()> {
    let initial = bench.path("0.zkey");
    std::fs::copy(&initial, bench.path("many-0.zkey"))?;
    let mut singly = Duration::ZERO;
    for i in 0..MANY {
        let start = Instant::now();
        let before = link_key(
            &bench.path(&format!("many-{i}.zkey")),
            &initial,
            &Rule::Open,
        )?;
        if i > 0 {
            singly += start.elapsed();
        }
        let to = bench.path(&format!("many-{}.zkey", i + 1));
        let stream = Stream::from_seed([i; 32]);
        let parameters = Parameters::contribution(Some("one of many"));
        phase2::contribute(&before, &to, stream, parameters, &mut Silent)?;
    }
    let last = bench.path(&format!("many-{MANY}.zkey"));
    let start = Instant::now();
    link_key(&last, &initial, &Rule::Open)?;
    let together = start.elapsed();
    singly += together;
    println!(
        "{MANY} contributions to the sealing circuit: verified together {:.2} s, file by file {:.1} s, {:.0}x",
        together.as_secs_f64(),
        singly.as_secs_f64(),
        singly.as_secs_f64() / together.as_secs_f64().max(1e-9)
    );
    Ok(())
}

/// What steps hold in memory.
mod memory {
    use super::*;

    /// Runs each step in a process of its own.
    pub fn show(power: u32, prepare_power: u32) -> Result<()> {
        let folder = tempfile::tempdir()?;
        println!("{:34}{:>12}{:>12}{:>12}", "step", "file", "peak", "time");
        for (steps, power) in [
            (&["create", "check", "contribute", "check"][..], power),
            (
                &["create", "contribute", "prepare", "check prepared"],
                prepare_power,
            ),
        ] {
            let mut from = folder.path().join("none.ptau");
            for (step, number) in steps.iter().zip(0..) {
                let to = folder.path().join(format!("{power}-{number}.ptau"));
                let status = Command::new(std::env::current_exe()?)
                    .args(["step", step, &power.to_string()])
                    .args([&from, &to])
                    .status()?;
                if !status.success() {
                    return Err(format!("{step} at 2^{power}: {status}").into());
                }
                if to.exists() {
                    from = to;
                }
            }
        }
        Ok(())
    }

    /// One step, and the most memory that its process had.
    pub fn step(step: &str, arguments: &[String]) -> Result<()> {
        let [power, from, to] = arguments else {
            return Err("a step takes a power and two files".into());
        };
        let (power, from, to) = (power.parse()?, Path::new(from), Path::new(to));
        let start = Instant::now();
        match step {
            "create" => phase1::create(to, power)?,
            "check" => drop(link_powers(from, &Rule::Open)?),
            "contribute" => {
                let linked = link_powers(from, &Rule::Open)?;
                let stream = Stream::from_seed([4; 32]);
                let parameters = Parameters::contribution(None);
                phase1::contribute(&linked, to, stream, parameters, &mut Silent)?;
            }
            "prepare" => phase1::prepare(&link_powers(from, &Rule::Open)?, to, &mut Silent)?,
            "check prepared" => {
                let linked = link_powers(from, &Rule::Open)?;
                let mut weights = Weights::from_os()?;
                drop(phase1::verify_prepared(linked, &mut weights, &mut Silent)?);
            }
            other => return Err(format!("{other} is no step").into()),
        }
        let time = start.elapsed();
        let file = if to.exists() { to } else { from };
        let status = std::fs::read_to_string("/proc/self/status")?;
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
            .ok_or("the system doesn't say the peak")?;
        println!(
            "{:34}{:>9.1} MB{:>9.1} MB{:>10.1} s",
            format!("2^{power}: {step}"),
            std::fs::metadata(file)?.len() as f64 / 1e6,
            peak * 1.024e-3,
            time.as_secs_f64()
        );
        Ok(())
    }
}
