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
        let mut apis = Vec::new();
        for i in 0..nodes {
            let card = founding.join(format!("node{i}.card"));
            let (p2p, api) = (free_address()?, free_address()?);
            self.urls.push(format!("http://{api}"));
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
                    &format!("http://{api}"),
                    "--out",
                    text(&card)?,
                ],
            )?;
            cards.push(card);
            apis.push(api);
        }
        let (file, keys) = (founding.join("founding.bin"), founding.join("keys"));
        let mut args = vec![
            "committee",
            "found",
            "--development-keys",
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
        self.tacit.call(&self.creator_home(), &args)?;
        self.story
            .fact(&format!("warning: {DEVELOPMENT_KEYS_WARNING}"));
        for i in 0..nodes {
            self.tacit
                .call(&self.node_home(i), &["committee", "sign", text(&file)?])?;
        }
        for (i, api) in apis.iter().enumerate() {
            let mut args = vec![
                "node",
                "init",
                "--founding",
                text(&file)?,
                "--keys",
                text(&keys)?,
                "--listen-api",
                api,
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
        self.story.fact(&format!("fingerprint {fingerprint}, signed by all {nodes}; {} of them can open a list, {} may fail", founding.founding.quorum(), founding.founding.faults()));
        Ok(fingerprint)
    }

    pub(super) fn start_node(&self, i: usize) -> Result<Service, Failure> {
        let log = self.dir.join("nodes").join(format!("{i}.log"));
        self.tacit.serve(
            &format!("node {i}"),
            &self.node_home(i),
            &["node", "run", "--exit-with-parent"],
            &log,
        )
    }

    pub(super) fn start(&mut self) -> Result<(), Failure> {
        for i in 0..self.urls.len() {
            let node = self.start_node(i)?;
            self.nodes.push(node);
        }
        let nodes = self.nodes.len();
        self.wait_until_ready(&(0..nodes).collect::<Vec<_>>())?;
        self.story
            .fact(&format!("{nodes} node processes run and agree on blocks"));
        Ok(())
    }

    pub(super) fn wait_until_ready(&mut self, which: &[usize]) -> Result<(), Failure> {
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
                for node in &mut self.nodes {
                    node.check()?;
                }
                if Instant::now() > until {
                    return Err(Failure::not_yet(
                        "slow",
                        format!("node {i} is not ready"),
                        format!(
                            "With --keep, its log stays: {}",
                            self.dir.join("nodes").join(format!("{i}.log")).display()
                        ),
                    ));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }
}
