//! The two statements: one that opens, one that is erased.

use super::*;

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
        self.wait_for_status(&id, "collecting")?;
        Ok(id)
    }

    pub(super) fn show(&self, id: &str) -> Result<Value, Failure> {
        self.tacit
            .call(&self.creator_home(), &["statement", "show", id])
    }

    pub(super) fn wait_for_status(&mut self, id: &str, wanted: &str) -> Result<Value, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            let shown = self.show(id)?;
            let status = field(&shown, "status")?;
            if status == wanted {
                return Ok(shown);
            }
            if status == "failed" {
                return Err(Failure::check(
                    "failed",
                    format!("statement {id} failed"),
                    "The nodes' logs say why; --keep keeps them.",
                ));
            }
            if Instant::now() > until {
                return Err(Failure::not_yet(
                    "slow",
                    format!("statement {id} is still {status}, not {wanted}"),
                    "The nodes' logs may say why; --keep keeps them.",
                ));
            }
            std::thread::sleep(Duration::from_millis(100));
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
                // Too late is no failure of anybody's: the statement is over.
                let status = field(&self.show(id)?, "status")?;
                return match status.as_str() {
                    "collecting" | "preparing" | "failed" => Err(failure),
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
        let mut in_time = self.timed("signing", |d| d.sign(&id, early, goal))?;
        let shown = self.show(&id)?;
        self.story.fact(&format!(
            "{} have signed. Who? Nobody knows, the nodes neither",
            shown.get("count").unwrap_or(&Value::Null)
        ));
        if let Some(victim) = self.nodes.get_mut(VICTIM) {
            victim.kill();
            self.story.scene(&format!("Node {VICTIM} loses power"));
        }
        let opening = Instant::now();
        in_time.extend(self.sign(&id, last, goal)?);
        self.story.fact("one more signature: the trigger is met");
        let shown = self.wait_for_status(&id, "revealed")?;
        self.timings.insert(
            "opening",
            (opening.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        );
        let bundle = self.dir.join("revealed.bundle");
        let listed = self.fetch_names(&id, &bundle)?;
        let signed = self.names_of(&in_time);
        self.story.fact("the remaining nodes opened the list:");
        self.story.names(&listed);
        if listed != signed {
            return Err(Failure::check(
                "wrong-list",
                "the opened list is not the list of those who signed",
                "This must never happen. Keep the folder with --keep and tell us.",
            ));
        }
        Ok(StatementResult {
            id,
            count: count(&shown)?,
            status: "revealed".into(),
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

    pub(super) fn second_statement(
        &mut self,
        group: &str,
        deadline: u64,
    ) -> Result<StatementResult, Failure> {
        if VICTIM < self.nodes.len() {
            let node = self.start_node(VICTIM)?;
            if let Some(slot) = self.nodes.get_mut(VICTIM) {
                *slot = node;
            }
            self.wait_until_ready(&[VICTIM])?;
            self.story.scene(&format!("Node {VICTIM} is back and has caught up. A second statement, open for {deadline} seconds"));
        }
        let needed = self.plan.signers.len().max(2);
        let trigger = format!("count >= {needed}");
        let id = self.timed("second key", |d| {
            d.propose(
                group,
                &trigger,
                &format!("+{deadline}s"),
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
        let wanted = signers.len();
        let signers = self.timed("second signing", |d| d.sign(&id, &signers, needed as u64))?;
        self.story.fact(&match wanted - signers.len() {
            0 => format!("{wanted} have signed, one too few. The deadline comes …"),
            late => format!(
                "{} have signed; for {late} more the deadline came first (--deadline gives them longer)",
                signers.len()
            ),
        });
        let shown = self.timed("erasure", |d| d.wait_for_status(&id, "erased"))?;
        self.story.fact("the nodes destroyed their key shares and the sealed signatures: nobody will ever learn who signed");
        let bundle = self.dir.join("erased.bundle");
        self.fetch_bundle(&id, &bundle)?;
        Ok(StatementResult {
            id,
            count: count(&shown)?,
            status: "erased".into(),
            names: Vec::new(),
            signers: self.names_of(&signers),
            bundle,
        })
    }
}
