//! Lies that a doubter can't see, since the published ceremony holds by itself: another history, made anew
//! by the coordinator's own program. The contributor who was wronged has the attestation.

use tacit_ceremony::folder::Folder;
use tacit_ceremony::progress::Silent;
use tacit_ceremony::transcript::{Mismatch, Stage};

use crate::scene::{STAGES, Town, attestation, cast, contribute, place, verified};

/// Goes on to the end of the ceremony.
fn finish(folder: &mut Folder) {
    while let Some(stage) = folder.transcript().stage() {
        if stage == Stage::Keys && folder.transcript().count() == 0 {
            contribute(folder, 8);
        }
        cast(folder);
    }
    folder.finish(&mut Silent).unwrap();
}

/// What a contributor finds who checks the attestation of their place in a phase.
fn found(town: &Town, stage: Stage, number: usize) -> Result<usize, Mismatch> {
    attestation(stage, number).check(&verified(&town.root))
}

#[test]
fn a_dropped_contribution_is_found_by_its_contributor() {
    for stage in STAGES {
        let mut town = Town::new();
        let mut folder = town.back_to(place(stage, 3));
        finish(&mut folder);
        assert_eq!(found(&town, stage, 3), Err(Mismatch::Dropped));
        // The others are where they were.
        assert_eq!(found(&town, stage, 2), Ok(place(stage, 2) + 1));
    }
}

#[test]
fn a_fork_is_found_by_whoever_was_shown_the_other_side() {
    for stage in STAGES {
        let mut town = Town::new();
        let mut folder = town.back_to(place(stage, 2));
        // In place of the second and the third, somebody of the coordinator's.
        contribute(&mut folder, 9);
        finish(&mut folder);
        assert_eq!(found(&town, stage, 1), Ok(place(stage, 1) + 1));
        assert_eq!(found(&town, stage, 2), Err(Mismatch::Dropped));
        assert_eq!(found(&town, stage, 3), Err(Mismatch::Forked));
    }
}

#[test]
fn contributors_who_were_made_to_contribute_again_in_another_order_find_it() {
    for stage in STAGES {
        let mut town = Town::new();
        let mut folder = town.back_to(place(stage, 2));
        contribute(&mut folder, 3);
        contribute(&mut folder, 2);
        finish(&mut folder);
        // Each still has the attestation of the first time.
        assert_eq!(found(&town, stage, 2), Err(Mismatch::Dropped));
        assert_eq!(found(&town, stage, 3), Err(Mismatch::Forked));
    }
}

#[test]
fn a_second_contribution_in_the_place_of_the_first_is_a_substitution() {
    for stage in STAGES {
        let mut town = Town::new();
        let mut folder = town.back_to(place(stage, 2));
        contribute(&mut folder, 2);
        finish(&mut folder);
        assert_eq!(found(&town, stage, 2), Err(Mismatch::Substituted));
    }
}

#[test]
fn a_whole_other_history_is_found_by_everybody() {
    let mut town = Town::new();
    let mut folder = town.back_to(0);
    for who in 1..=3 {
        contribute(&mut folder, who);
    }
    finish(&mut folder);
    assert_eq!(found(&town, Stage::Powers, 1), Err(Mismatch::Substituted));
    for (stage, number) in [
        (Stage::Powers, 2),
        (Stage::Powers, 3),
        (Stage::Keys, 1),
        (Stage::Keys, 2),
        (Stage::Keys, 3),
    ] {
        assert_eq!(found(&town, stage, number), Err(Mismatch::Forked));
    }
}

#[test]
fn a_ceremony_that_stops_before_its_end_is_not_taken_for_a_finished_one() {
    for (entries, stage, number) in [(3, Stage::Powers, 3), (8, Stage::Keys, 3)] {
        let mut town = Town::new();
        drop(town.back_to(entries));
        assert_eq!(found(&town, stage, number), Err(Mismatch::Unfinished));
    }
}
