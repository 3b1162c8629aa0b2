//! The group: registrars, invitations, enrolment.

use super::*;

impl Demo {
    pub(super) fn enrol(&mut self, fingerprint: &Fingerprint) -> Result<String, Failure> {
        self.story.scene(&format!("{REGISTRARS} registrars, of whom {REGISTRAR_QUORUM} must vouch for a member, invite {} people", self.plan.roster.rows.len()));
        let roster = self.dir.join("people").join("roster.csv");
        write_roster(&roster, &self.plan.roster)?;

        let registrar = |i: usize| self.dir.join("registrars").join(i.to_string());
        let card = |i: usize| self.dir.join("registrars").join(format!("{i}.card"));
        let shared = self.dir.join("registrars").join("shared-secret");
        for i in 0..REGISTRARS {
            let (name, card) = (format!("registrar {i}"), card(i));
            let mut args = vec!["registrar", "init", "--name", &name, "--card", text(&card)?];
            // The first one makes the secret that all of them share.
            args.extend([
                if i == 0 {
                    "--secret-out"
                } else {
                    "--secret-file"
                },
                text(&shared)?,
            ]);
            self.tacit.call(&registrar(i), &args)?;
        }
        let group_file = self.dir.join("people").join("group.bin");
        let mut args = vec![
            "group",
            "create",
            "--name",
            "Employees",
            "--threshold",
            REGISTRAR_QUORUM,
            "--out",
            text(&group_file)?,
            "--fingerprint",
        ];
        let fp = fingerprint.to_string();
        args.push(&fp);
        for url in &self.urls {
            args.extend(["--node", url]);
        }
        let cards: Vec<PathBuf> = (0..REGISTRARS).map(card).collect();
        for card in &cards {
            args.extend(["--registrar", text(card)?]);
        }
        let classes: Vec<String> = self
            .plan
            .roster
            .classes
            .iter()
            .map(ToString::to_string)
            .collect();
        for class in &classes {
            args.extend(["--class", class]);
        }
        self.tacit.call(&self.creator_home(), &args)?;
        for i in 0..REGISTRARS {
            self.tacit
                .call(&registrar(i), &["registrar", "approve", text(&group_file)?])?;
        }
        let created = self.tacit.call(
            &self.creator_home(),
            &["group", "create", "--submit", text(&group_file)?],
        )?;
        let group = field(&created, "id")?;
        let mut urls = Vec::new();
        for i in 0..REGISTRARS {
            let codes = registrar(i).join("codes.csv");
            self.tacit.call(
                &registrar(i),
                &[
                    "registrar",
                    "invite",
                    "--group",
                    text(&group_file)?,
                    "--roster",
                    text(&roster)?,
                    "--out",
                    text(&codes)?,
                ],
            )?;
            let (log, address) = (
                self.dir.join("registrars").join(format!("{i}.log")),
                registrar(i).join("address"),
            );
            let service = self.tacit.serve(
                &format!("registrar {i}"),
                &registrar(i),
                &[
                    "registrar",
                    "serve",
                    "--listen",
                    "127.0.0.1:0",
                    "--address-file",
                    text(&address)?,
                    "--exit-with-parent",
                ],
                &log,
            )?;
            urls.push(format!(
                "http://{}",
                wait_for_file(&address, &service, &self.tacit, PATIENCE)?
            ));
            self.registrars.push(service);
        }
        self.hand_out_codes(
            &(0..REGISTRARS)
                .map(|i| registrar(i).join("codes.csv"))
                .collect::<Vec<_>>(),
        )?;
        self.enrol_members(&group, &fp, &urls)?;
        Ok(group)
    }

    /// Gives each member the codes that the registrars made for them, as files.
    pub(super) fn hand_out_codes(&self, lists: &[PathBuf]) -> Result<(), Failure> {
        for (r, path) in lists.iter().enumerate() {
            let bytes = fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
            let codes = tacit_registrar::codes::parse(&bytes)
                .map_err(|e| Failure::check("codes", e, ""))?;
            for (i, row) in self.plan.roster.rows.iter().enumerate() {
                let code = codes
                    .iter()
                    .find(|c| c.name == row.name && c.contact == row.contact);
                let code = code.ok_or_else(|| {
                    Failure::check(
                        "codes",
                        format!("{} has no code for row {}", path.display(), row.number),
                        "",
                    )
                })?;
                let home = self.member_home(i);
                tacit_files::create_folder(&home).map_err(|e| Failure::file("make", &home, &e))?;
                let file = home.join(format!("code{r}"));
                tacit_files::replace(&file, code.code.as_bytes())
                    .map_err(|e| Failure::file("write", &file, &e))?;
            }
        }
        Ok(())
    }

    pub(super) fn enrol_members(
        &self,
        group: &str,
        fingerprint: &str,
        registrars: &[String],
    ) -> Result<(), Failure> {
        let members = self.plan.roster.rows.len();
        let bar = self.story.bar(members as u64, "enrolling");
        in_parallel(&self.plan.roster.rows, workers(), |i, _| {
            let home = self.member_home(i);
            let passphrase = self.passphrase(i);
            let pass = text(&passphrase)?;
            self.tacit
                .call(&home, &["identity", "new", "--new-passphrase-file", pass])?;
            let mut args: Vec<String> = [
                "group",
                "enrol",
                "--group",
                group,
                "--fingerprint",
                fingerprint,
                "--passphrase-file",
                pass,
            ]
            .map(String::from)
            .to_vec();
            for url in &self.urls {
                args.extend(["--node".into(), url.clone()]);
            }
            // Two of three registrars are enough; which two differs from member to member.
            for r in [i % registrars.len(), (i + 1) % registrars.len()] {
                let url = registrars.get(r).cloned().unwrap_or_default();
                let code = home.join(format!("code{r}"));
                args.extend([
                    "--registrar".into(),
                    url,
                    "--code-file".into(),
                    text(&code)?.into(),
                ]);
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            self.tacit.call(&home, &args)?;
            bar.inc(1);
            Ok(())
        })?;
        bar.finish_and_clear();
        self.story.fact(&format!(
            "{members} members enrolled, each with a secret that only they have"
        ));
        Ok(())
    }
}
