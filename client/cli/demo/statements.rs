//! The two statements: one that opens, one that is erased.

use super::*;
use crate::output::counted;

/// How long the second statement is open beyond what its signatures should take.
const RESERVE: Duration = Duration::from_secs(5);

impl Demo {
    pub(super) fn propose(
        &mut self,
        group: &str,
        trigger: &str,
        deadline: &str,
        words: &str,
    ) -> Result<String, Failure> {
        let path = self.dir.join("people").join("statement.txt");
        tacit_files::replace(&path, words.as_bytes())
            .map_err(|e| Failure::file("write", &path, &e))?;
        let made = self.tacit.call(
            &self.creator_home(),
            &[
                "statement",
                "new",
                "--group",
                group,
                "--text-file",
                text(&path)?,
                "--trigger",
                trigger,
                "--deadline",
                deadline,
            ],
        )?;
        let id = field(&made, "id")?;
        self.wait_for(&id, &[Status::Collecting], PATIENCE)?;
        Ok(id)
    }

    pub(super) fn show(&self, id: &str) -> Result<Value, Failure> {
        self.tacit
            .call(&self.creator_home(), &["statement", "show", id])
    }

    /// Waits until a statement is in one of these states, and no longer than it can still get there.
    pub(super) fn wait_for(
        &self,
        id: &str,
        wanted: &[Status],
        patience: Duration,
    ) -> Result<Value, Failure> {
        let until = Instant::now() + patience;
        loop {
            let shown = self.show(id)?;
            let status = status(&shown)?;
            if wanted.contains(&status) {
                return Ok(shown);
            }
            let words: Vec<&str> = wanted.iter().map(|w| w.word()).collect();
            let words = words.join(" or ");
            if !wanted.iter().any(|w| status.leads_to(*w)) {
                return Err(Failure::check(
                    "passed-by",
                    format!("statement {id} is {status}, and will never be {words}"),
                    "The nodes' logs may say why.",
                ));
            }
            if Instant::now() > until {
                return Err(Failure::not_yet(
                    "slow",
                    format!("statement {id} is still {status}, not {words}"),
                    "The nodes' logs may say why.",
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until so many signatures are counted, and the statement goes on collecting.
    fn wait_for_count(&self, id: &str, wanted: u64) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.show(id)?;
            let (status, count) = (status(&shown)?, count(&shown)?);
            if status == Status::Collecting && count == wanted {
                return Ok(());
            }
            // The node that is asked may be some blocks behind the one that gave the last receipt.
            let behind = status == Status::Collecting || status.leads_to(Status::Collecting);
            if !behind || count > wanted || Instant::now() > until {
                return Err(Failure::check(
                    "miscounted",
                    format!(
                        "{wanted} members have signed; statement {id} is {status} with {count} signatures"
                    ),
                    NEVER,
                ));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Lets members sign in parallel; gives those who were in time.
    pub(super) fn sign(
        &self,
        id: &str,
        signers: &[SignerPlan],
        goal: u64,
    ) -> Result<Vec<SignerPlan>, Failure> {
        let bar = self.story.bar(goal, "signed in secret");
        let in_time = in_parallel(signers, workers(), |_, signer| {
            let home = self.member_home(signer.member);
            let passphrase = self.passphrase(signer.member);
            let mut args = vec!["sign", id, "--passphrase-file", text(&passphrase)?];
            if let Some(class) = &signer.class {
                args.extend(["--class", class.as_str()]);
            }
            let signed = self.tacit.call(&home, &args);
            if let Err(failure) = signed {
                // Whoever came too late is told apart from whoever couldn't sign.
                return match status(&self.show(id)?)? {
                    Status::Collecting | Status::Preparing | Status::Failed => Err(failure),
                    _ => Ok(false),
                };
            }
            bar.inc(1);
            Ok(true)
        })?;
        bar.finish_and_clear();
        let signed = signers.iter().zip(in_time).filter(|(_, in_time)| *in_time);
        Ok(signed.map(|(signer, _)| signer.clone()).collect())
    }

    /// Lets members sign in parallel; an error, if the statement is over before all have.
    fn sign_all(&self, id: &str, signers: &[SignerPlan], goal: u64) -> Result<(), Failure> {
        let signed = self.sign(id, signers, goal)?;
        if signed.len() == signers.len() {
            return Ok(());
        }
        let status = status(&self.show(id)?)?;
        Err(Failure::not_yet(
            "too-late",
            format!(
                "{} of {} members could sign before statement {id} was {status}",
                signed.len(),
                signers.len()
            ),
            "If its deadline came first: free this machine of other work, or give more time with --deadline.",
        ))
    }

    pub(super) fn names_of(&self, signers: &[SignerPlan]) -> Vec<String> {
        let mut names: Vec<String> = signers
            .iter()
            .filter_map(|s| self.plan.roster.rows.get(s.member))
            .map(|r| r.name.clone())
            .collect();
        names.sort();
        names
    }

    pub(super) fn first_statement(&mut self, group: &str) -> Result<StatementResult, Failure> {
        let trigger = self.plan.trigger.to_string();
        self.story.scene(&format!(
            "A creator proposes a statement. The list opens when {trigger}"
        ));
        let words = self.plan.statement.clone();
        self.story.quote(&words);
        let id = self.timed("key", |d| d.propose(group, &trigger, "+1h", &words))?;
        self.story
            .fact("the committee made a key for it that exists only as shares");

        let signers = self.plan.signers.clone();
        let (early, last) = signers.split_at(signers.len().saturating_sub(1));
        let goal = signers.len() as u64;
        self.timed("signing", |d| d.sign_all(&id, early, goal))?;
        self.wait_for_count(&id, early.len() as u64)?;
        self.story.fact(&match early.len() {
            0 => "nobody has signed yet".to_string(),
            n => format!("{} signed. Who? Nobody knows, the nodes neither", have(n)),
        });
        let victim = self.nodes.get_mut(VICTIM).ok_or_else(|| {
            Failure::check("demo-step", format!("there is no node {VICTIM}"), MISTAKE)
        })?;
        victim.kill()?;
        self.story.scene(&format!("Node {VICTIM} loses power"));
        let opening = Instant::now();
        self.timed("last signature", |d| d.sign_all(&id, last, goal))?;
        self.wait_for(&id, &[Status::Triggered, Status::Revealed], PATIENCE)?;
        self.story.fact("one more signature: the trigger is met");
        let shown = self.wait_for(&id, &[Status::Revealed], PATIENCE)?;
        self.timings
            .insert("opening", hundredths(opening.elapsed()));
        let bundle = self.dir.join("revealed.bundle");
        let listed = self.fetch_names(&id, &bundle)?;
        let signed = self.names_of(&signers);
        self.story.fact("the remaining nodes opened the list:");
        self.story.names(&listed);
        if listed != signed || count(&shown)? != goal {
            return Err(Failure::check(
                "wrong-list",
                "the opened list is not the list of those who signed",
                NEVER,
            ));
        }
        Ok(StatementResult {
            id,
            count: count(&shown)?,
            status: Status::Revealed.word().into(),
            names: listed,
            signers: signed,
            bundle,
        })
    }

    pub(super) fn fetch_names(&mut self, id: &str, bundle: &Path) -> Result<Vec<String>, Failure> {
        self.fetch_bundle(id, bundle)?;
        let listed = self.tacit.call(&self.creator_home(), &["names", id])?;
        let list = listed
            .get("names")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let mut names: Vec<String> = list
            .iter()
            .filter_map(|n| n.get("name").and_then(Value::as_str))
            .map(str::to_string)
            .collect();
        names.sort();
        Ok(names)
    }

    pub(super) fn fetch_bundle(&self, id: &str, bundle: &Path) -> Result<(), Failure> {
        self.tacit
            .call(
                &self.creator_home(),
                &["bundle", id, "--out", text(bundle)?],
            )
            .map(drop)
    }

    /// How long the second statement is open: as long as was asked for, and long enough for as many
    /// signatures as the first one took, with something in reserve. (They are quicker this time: each member
    /// has the proving key by now.)
    fn span(&self, asked: u64) -> u64 {
        let took = |phase| self.timings.get(phase).copied().unwrap_or_default();
        // A single signer is the last one.
        let signing = took("signing").max(took("last signature"));
        let needs = Duration::try_from_secs_f64(took("key") + signing).unwrap_or_default();
        asked.max((needs + needs / 2 + RESERVE).as_secs())
    }

    pub(super) fn second_statement(
        &mut self,
        group: &str,
        asked: u64,
    ) -> Result<StatementResult, Failure> {
        let node = self.start_node(VICTIM)?;
        if let Some(slot) = self.nodes.get_mut(VICTIM) {
            *slot = node;
        }
        self.wait_until_ready(&[VICTIM])?;
        let seconds = self.span(asked);
        self.story.scene(&format!(
            "Node {VICTIM} is back and has caught up. A second statement, open for {seconds} seconds"
        ));
        if seconds > asked {
            self.story.fact(&format!(
                "({} would be too few here, by what the first one took)",
                counted(asked, "second")
            ));
        }
        let needed = self.plan.signers.len().max(2);
        let trigger = format!("count >= {needed}");
        let id = self.timed("second key", |d| {
            d.propose(
                group,
                &trigger,
                &format!("+{seconds}s"),
                "And we ask the board to resign.",
            )
        })?;
        let signers: Vec<SignerPlan> = self
            .plan
            .signers
            .iter()
            .take(needed - 1)
            .map(|s| SignerPlan {
                member: s.member,
                class: None,
            })
            .collect();
        self.timed("second signing", |d| {
            d.sign_all(&id, &signers, needed as u64)
        })?;
        self.story.fact(&format!(
            "{} signed, one too few. The deadline comes …",
            have(signers.len())
        ));
        let patience = Duration::from_secs(seconds) + PATIENCE;
        let shown = self.timed("erasure", |d| d.wait_for(&id, &[Status::Erased], patience))?;
        if count(&shown)? != signers.len() as u64 {
            return Err(Failure::check(
                "miscounted",
                format!(
                    "{} members have signed statement {id}, and {} were counted",
                    signers.len(),
                    count(&shown)?
                ),
                NEVER,
            ));
        }
        self.story.fact("the nodes destroyed their key shares and the sealed signatures: nobody will ever learn who signed");
        let bundle = self.dir.join("erased.bundle");
        self.fetch_bundle(&id, &bundle)?;
        Ok(StatementResult {
            id,
            count: count(&shown)?,
            status: Status::Erased.word().into(),
            names: Vec::new(),
            signers: self.names_of(&signers),
            bundle,
        })
    }
}

/// So many members have.
fn have(n: usize) -> String {
    format!("{n} {}", if n == 1 { "has" } else { "have" })
}

/// What a node says of a statement's state.
fn status(shown: &Value) -> Result<Status, Failure> {
    let word = field(shown, "status")?;
    Status::from_word(&word)
        .map_err(|e| Failure::check("demo-step", format!("\"{word}\" is {e}"), MISTAKE))
}
