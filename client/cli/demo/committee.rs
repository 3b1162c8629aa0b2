//! Founding the committee and running its nodes.

use super::*;

impl Demo {
    pub(super) fn found(&mut self, nodes: usize) -> Result<Fingerprint, Failure> {
        self.story
            .scene(&format!("{nodes} operators found a committee"));
        let founding = self.dir.join("founding");
        for folder in [
            &founding,
            &self.dir.join("nodes"),
            &self.dir.join("registrars"),
            &self.dir.join("members"),
            &self.dir.join("people"),
        ] {
            tacit_files::create_folder(folder).map_err(|e| Failure::file("make", folder, &e))?;
        }
        let creator = self
            .tacit
            .call(&self.creator_home(), &["identity", "creator-key"])?;
        let creator = field(&creator, "key")?;
        let mut cards = Vec::new();
        for i in 0..nodes {
            let card = founding.join(format!("node{i}.card"));
            let reserved = ports::reserve()?;
            let (p2p, url) = (
                reserved.at.p2p.to_string(),
                format!("http://{}", reserved.at.api),
            );
            let name = format!("operator {i}");
            self.tacit.call(
                &self.node_home(i),
                &[
                    "committee",
                    "card",
                    "--name",
                    &name,
                    "--p2p",
                    &p2p,
                    "--api",
                    &url,
                    "--out",
                    text(&card)?,
                ],
            )?;
            cards.push(card);
            self.addresses.push(reserved.at);
            self.reserved.push(reserved);
            self.urls.push(url);
        }
        let (file, keys) = (founding.join("founding.bin"), founding.join("keys"));
        let mut args = vec![
            "committee",
            "found",
            "--timing",
            "loopback",
            "--keys",
            text(&keys)?,
            "--group-creator",
            &creator,
            "--statement-creator",
            &creator,
            "--out",
            text(&file)?,
        ];
        for card in &cards {
            args.extend(["--card", text(card)?]);
        }
        if let Some(ceremony) = &self.ceremony {
            args.extend(["--ceremony", text(&ceremony.folder)?]);
            if let Some(hash) = &ceremony.powers {
                args.extend(["--powers-hash", hash]);
            }
            self.story.fact(&format!(
                "one of them verifies all of the ceremony \"{}\", and takes its keys …",
                ceremony.name
            ));
        }
        if self.ceremony.as_ref().is_none_or(|c| c.rehearsal) {
            args.push("--development-keys");
        }
        self.tacit.call(&self.creator_home(), &args)?;
        if let Some(ceremony) = &self.ceremony {
            self.story.fact(&format!(
                "it holds; its transcript is {}",
                ceremony.transcript
            ));
        }
        for i in 0..nodes {
            self.tacit
                .call(&self.node_home(i), &["committee", "sign", text(&file)?])?;
        }
        for (i, at) in self.addresses.iter().enumerate() {
            let api = at.api.to_string();
            let mut args = vec![
                "node",
                "init",
                "--founding",
                text(&file)?,
                "--keys",
                text(&keys)?,
                "--listen-api",
                &api,
            ];
            for card in &cards {
                args.extend(["--card", text(card)?]);
            }
            self.tacit.call(&self.node_home(i), &args)?;
        }
        let bytes = fs::read(&file).map_err(|e| Failure::file("read", &file, &e))?;
        let founding =
            FoundingFile::from_bytes(&bytes).map_err(|e| Failure::check("founding", e, ""))?;
        let fingerprint = founding
            .check()
            .map_err(|e| Failure::check("founding", e, ""))?;
        if founding.founding.development_keys() {
            self.story
                .fact(&format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
        }
        self.story.fact(&format!("fingerprint {fingerprint}, signed by all {nodes}; {} of them can open a list, {} may fail", founding.founding.quorum(), founding.founding.faults()));
        Ok(fingerprint)
    }

    pub(super) fn start_node(&self, i: usize) -> Result<Service, Failure> {
        let name = format!("node {i}");
        if let Some(at) = self.addresses.get(i) {
            ports::wait_until_free(&name, *at, &self.tacit)?;
        }
        self.tacit.serve(
            &name,
            &self.node_home(i),
            &["node", "run", "--exit-with-parent"],
            &self.node_log(i),
        )
    }

    pub(super) fn start(&mut self) -> Result<(), Failure> {
        for (i, reserved) in std::mem::take(&mut self.reserved).into_iter().enumerate() {
            reserved.release();
            let node = self.start_node(i)?;
            self.nodes.push(node);
        }
        let nodes = self.nodes.len();
        self.wait_until_ready(&(0..nodes).collect::<Vec<_>>())?;
        self.story
            .fact(&format!("{nodes} node processes run and agree on blocks"));
        Ok(())
    }

    pub(super) fn wait_until_ready(&self, which: &[usize]) -> Result<(), Failure> {
        let until = Instant::now() + PATIENCE;
        for i in which {
            let url = self.urls.get(*i).cloned().unwrap_or_default();
            let home = self.dir.join("people").join("operator");
            // `node status` answers 3 until the node is ready.
            while self
                .tacit
                .call(&home, &["node", "status", "--node", &url])
                .is_err()
            {
                self.tacit.check()?;
                if Instant::now() > until {
                    return Err(Failure::not_yet(
                        "slow",
                        format!("node {i} is not ready"),
                        format!("Its log is {}.", self.node_log(*i).display()),
                    ));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }
}
