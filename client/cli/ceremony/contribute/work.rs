//! What a contributor has of a ceremony: what the coordinator shows, followed and kept; what it starts from,
//! checked; and the contribution itself.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tacit_ceremony::contributor;
use tacit_ceremony::folder::layout::{self, Layout};
use tacit_ceremony::folder::{self, FolderError};
use tacit_ceremony::parts::PartError;
use tacit_ceremony::transcript::{
    Attestation, CeremonyId, Powers, Prepared, Signed, Stage, Transcript,
};
use tacit_protocol::keys::SigningKey;

use super::{Added, ContributeArgs};
use crate::ceremony::Bar;
use crate::ceremony::fetch::{Remote, make_parent};
use crate::ceremony::gather::is_wanted;
use crate::ceremony::kept::Kept;
use crate::clock::now_ms;
use crate::context::Context;
use crate::failure::{Exit, Failure};

/// Seconds after a phase's closing in which a coordinator is waited for.
const CHECKED: u64 = 600;
/// Seconds for which a coordinator that has accepted a contribution is asked to show it.
const SHOWN: u64 = 30;

/// A contributor's run.
pub(super) struct Work<'a> {
    pub(super) remote: &'a Remote<'a>,
    pub(super) cx: &'a Context,
    pub(super) key: &'a SigningKey,
    /// What the coordinator shows, before it is compared with what is kept.
    new: Layout,
    kept: Kept,
    /// The powers that this run made its initial keys from.
    prepared: OnceLock<Prepared>,
}

impl<'a> Work<'a> {
    /// Looks what the coordinator shows. It is kept in a folder of the ceremony's own.
    pub(super) fn start(
        remote: &'a Remote<'a>,
        cx: &'a Context,
        key: &'a SigningKey,
        wanted: Option<CeremonyId>,
    ) -> Result<(Self, Transcript), Failure> {
        let ceremonies = cx.in_home("ceremonies")?;
        let new = Layout::new(&ceremonies.join("new"));
        let first = remote.transcript(&new, |id| is_wanted(id, wanted))?;
        let id = *first.id();
        let kept = Kept::new(Layout::new(&ceremonies.join(id.to_string())), id);
        kept.keep(&first)?;
        bear_with(remote, &first);
        cx.out
            .note(format!("Ceremony \"{}\", {id}", first.descriptor().name));
        if first.descriptor().rehearsal {
            cx.out
                .note("It is a rehearsal: its keys count as development keys.");
        }
        if let Some(sentence) = first.descriptor().powers_to_compare() {
            cx.out.note(format!("Mind: {sentence}"));
        }
        let work = Self {
            remote,
            cx,
            key,
            new,
            kept,
            prepared: OnceLock::new(),
        };
        Ok((work, first))
    }

    /// Where the ceremony's files lie here.
    pub(super) fn layout(&self) -> &Layout {
        self.kept.layout()
    }

    /// What the coordinator shows by now, if that goes on from all that it showed before.
    pub(super) fn follow(&self) -> Result<Transcript, Failure> {
        let now = self
            .remote
            .transcript(&self.new, |id| self.kept.is_it(id))?;
        self.kept.keep(&now)?;
        bear_with(self.remote, &now);
        Ok(now)
    }

    /// Phase 2: the powers and circuits, checked, and initial keys of one's own. Those that an earlier run
    /// has made don't count: it may have been shown other powers.
    pub(super) fn prepare(&self, transcript: &Transcript) -> Result<(), Failure> {
        let d = transcript.descriptor();
        let named = transcript.prepared();
        let done = named.is_some() && self.prepared.get() == named.as_ref();
        if done || transcript.stage() != Some(Stage::Keys) {
            return Ok(());
        }
        let names: Vec<_> = (0..d.circuits.len())
            .map(|i| layout::circuit(d, i))
            .collect();
        let fetch = || {
            let mut each = names.iter();
            each.try_for_each(|name| self.remote.file(self.layout(), transcript, name))
        };
        let forget = || {
            for name in &names {
                let _ = fs::remove_file(self.layout().path(name));
            }
        };
        fetch()?;
        if folder::circuits(self.layout(), d).is_err() {
            // Left from another time: once more, and then it's the coordinator's word against the rules.
            forget();
            fetch()?;
        }
        self.remote
            .file(self.layout(), transcript, &layout::prepared())?;
        let bar = &mut Bar::new(self.cx.out);
        let powers = folder::prepared(self.layout(), transcript, bar).inspect_err(|_| {
            let _ = fs::remove_file(self.layout().path(&layout::prepared()));
        })?;
        for i in 0..d.circuits.len() {
            make_parent(&self.layout().path(&layout::step(d, Stage::Keys, 0, i)))?;
        }
        folder::make_initial(self.layout(), d, &powers, bar).inspect_err(|e| {
            if !matches!(e, FolderError::Setup(_)) {
                forget();
            }
        })?;
        if let Some(named) = named {
            // Set once: the transcript goes on, so a run sees no others later.
            let _ = self.prepared.set(named);
        }
        Ok(())
    }

    /// Keeps the transcript with the contribution in it, and looks whether the coordinator shows that to
    /// everybody, as it has told its contributor. Whoever shows another one, now or later, is caught.
    pub(super) fn remember(
        &self,
        attestation: &Attestation,
        with: &Transcript,
    ) -> Result<(), Failure> {
        self.kept.keep(with)?;
        self.remote.be_patient(now_ms() / 1000 + SHOWN);
        let shown = self.remote.transcript(&self.new, |id| self.kept.is_it(id));
        let transcript = match shown {
            Ok(transcript) => transcript,
            // Others see to it that everybody is shown the same.
            Err(e) if e.exit == Exit::Unreachable || e.code == "busy" => return Ok(()),
            Err(e) => return Err(e),
        };
        let after = attestation.after();
        if transcript.links().iter().any(|link| link.after == after) {
            return self.kept.keep(&transcript);
        }
        Err(Failure::check(
            "forked",
            "the coordinator said that it accepted the contribution, and shows a transcript without it",
            "Tell the other contributors, and show your attestation: it is saved.",
        ))
    }

    /// Fetches what came before, checks it, and adds randomness.
    pub(super) fn make(
        &self,
        ticket: &str,
        transcript: &Transcript,
        made: &[PathBuf],
        args: &ContributeArgs,
        added: &Added,
    ) -> Result<(Signed, Attestation), Failure> {
        let d = transcript.descriptor();
        let bar = &mut Bar::new(self.cx.out);
        let stage = open_stage(transcript)?;
        let (number, count) = (transcript.count(), d.files_of(stage));
        // Phase 2 may have opened since this run began.
        self.prepare(transcript)?;
        if number > 0 || stage == Stage::Powers {
            for i in 0..count {
                self.remote.file(
                    self.layout(),
                    transcript,
                    &layout::step(d, stage, number, i),
                )?;
            }
        }
        if stage == Stage::Keys && matches!(d.powers, Powers::Fresh { .. }) && number == 0 {
            self.cx
                .out
                .note("You are the first: the initial keys were made here.");
        }
        let base = folder::base(self.layout(), transcript, bar).inspect_err(|_| {
            // The next run fetches them again.
            for i in 0..count {
                let _ = fs::remove_file(self.layout().path(&layout::step(d, stage, number, i)));
            }
        })?;
        let mut sign = || {
            let (key, label) = (self.key, args.label.clone());
            let at = now_ms() / 1000;
            contributor::sign(self.layout(), transcript, made, key, label, at, bar)
        };
        let Some(folder) = &args.by_hand else {
            let entropy = added.with_the_systems()?;
            let bar = &mut Bar::new(self.cx.out);
            contributor::contribute(&base, entropy, args.label.as_deref(), made, bar)?;
            in_time(transcript, stage)?;
            return Ok(sign()?);
        };
        let mut hands = self.by_hand(transcript, stage, folder, made)?;
        let mut told = false;
        loop {
            hands.take(ticket, self)?;
            in_time(transcript, stage)?;
            let e = match sign() {
                Ok(signed) => return Ok(signed),
                Err(e) => e,
            };
            // Whoever makes it by hand puts a better one there. While it is being written, a file is cut off,
            // each time in another way: that is said once.
            let cut = matches!(&e, FolderError::Part(PartError::File(_)));
            if !(cut && told) {
                self.cx.out.note(format!(
                    "What lies there is no contribution yet: {}. Waiting for another file, as long as the turn lasts.",
                    hands.named(&e)
                ));
            }
            told = cut;
        }
    }
}

/// From now on, what can pass by itself is borne as long as the phase is open, and for a while after: what
/// came in time may still be checked.
fn bear_with(remote: &Remote<'_>, transcript: &Transcript) {
    let open = transcript.stage();
    let closing = open.and_then(|stage| transcript.descriptor().closing_of(stage));
    let until = closing.map_or(0, |c| c.closes).max(now_ms() / 1000);
    remote.be_patient(until.saturating_add(CHECKED));
}

/// The phase that is open.
pub(super) fn open_stage(transcript: &Transcript) -> Result<Stage, Failure> {
    transcript.stage().ok_or_else(|| {
        Failure::usage(
            "closed",
            "the last phase has ended",
            "See what became of it: tacit ceremony status URL",
        )
    })
}

/// Refuses to sign at a time, by this machine's clock, at which the phase is closed: nobody accepts that.
fn in_time(transcript: &Transcript, stage: Stage) -> Result<(), Failure> {
    let d = transcript.descriptor();
    let closes = d.closing_of(stage).map(|c| c.closes);
    let late = !d.rehearsal && closes.is_some_and(|closes| now_ms() / 1000 >= closes);
    if !late {
        return Ok(());
    }
    Err(Failure::not_yet(
        "closed",
        "by this machine's clock the phase has closed",
        "If it is open still, as tacit ceremony status URL shows, set your clock and run the same command again.",
    ))
}
