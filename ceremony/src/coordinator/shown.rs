//! What everybody sees, made once for each state and not for each request.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tacit_protocol::hash::Digest;
use tacit_protocol::keys::PublicKey;

use super::page;
use super::queue::Queue;
use super::wire::{CeremonyView, EntryView, entries};
use crate::folder::layout;
use crate::transcript::Transcript;

/// What follows from the transcript.
pub(super) struct Told {
    head: Digest,
    /// What happened, without attestations' texts.
    pub entries: Vec<EntryView>,
    /// All published files, in order.
    pub files: Vec<String>,
    names: BTreeSet<String>,
    /// The entries as rows of the page.
    pub rows: String,
}

impl Told {
    fn new(transcript: &Transcript) -> Self {
        let files = layout::all(transcript);
        let mut entries = entries(transcript);
        let rows = page::rows(&entries);
        // For people, and as long as all the rest of them together: they stand on the page.
        for entry in &mut entries {
            entry.attestation = None;
        }
        Self {
            head: transcript.head(),
            rows,
            names: files.iter().cloned().collect(),
            entries,
            files,
        }
    }
}

/// The answers to two calls, for a second.
pub(super) struct Answers {
    stand: (u64, Digest, usize, Option<PublicKey>),
    /// `GET /v1/ceremony`
    pub json: Bytes,
    /// `GET /`
    pub page: Bytes,
}

/// What was made last.
#[derive(Default)]
pub(super) struct Shown(Mutex<(Option<Arc<Told>>, Option<Arc<Answers>>)>);

impl Shown {
    fn told(&self, transcript: &Transcript) -> Arc<Told> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &last.0 {
            Some(told) if told.head == transcript.head() => told.clone(),
            _ => {
                let told = Arc::new(Told::new(transcript));
                last.0 = Some(told.clone());
                told
            }
        }
    }

    /// Whether a file is published.
    pub fn is_published(&self, transcript: &Transcript, name: &str) -> bool {
        self.told(transcript).names.contains(name)
    }

    /// How the ceremony stands.
    pub fn answers(&self, transcript: &Transcript, queue: &Queue, now: u64) -> Arc<Answers> {
        let told = self.told(transcript);
        let stand = (now, told.head, queue.waiting(), queue.current().copied());
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answers) = last.1.as_ref().filter(|a| a.stand == stand) {
            return answers.clone();
        }
        let mut view = CeremonyView::stand(transcript, Some(queue), now);
        view.files.clone_from(&told.files);
        let page = page::render(&view, &told.rows, now).into();
        view.entries.clone_from(&told.entries);
        // Structs of text and numbers always serialize.
        let json = serde_json::to_vec(&view).unwrap_or_default().into();
        let answers = Arc::new(Answers { stand, json, page });
        last.1 = Some(answers.clone());
        answers
    }
}
