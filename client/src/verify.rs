//! Checking a statement's whole life offline, from one bundle and one pinned fingerprint.
//!
//! The checks run in an order in which each can rely on those before it, and stop at the first that
//! fails. What they establish together: the list that was opened is exactly the list that was counted
//! (or nothing was opened and the nodes named attest that they erased), and nothing was left out.

use std::collections::BTreeSet;

use serde::Serialize;
use tacit_circuits::{PreparedKey, Proof, SealingPublic, VerifyingKey, seeded_rng, verify_batch};
use tacit_ledger::replay::{self, Replay};
use tacit_ledger::{Claim, StatementView};
use tacit_protocol::caveats::Caveats;
use tacit_protocol::codec::Decode as _;
use tacit_protocol::entry::ErasureReason;
use tacit_protocol::field::fr_from_bytes;
use tacit_protocol::founding::Founding;
use tacit_protocol::ids::Fingerprint;
use tacit_protocol::point::Point;
use tacit_protocol::proof::Bundle;
use tacit_protocol::statement::Status;

use crate::bundle::{self, Certified};
use crate::open::{self, Name, OpenedName};

/// Proofs that are verified in one batch.
const BATCH: usize = 256;

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Did it hold?
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// What came of a bundle.
#[derive(Debug, Clone)]
pub struct Report {
    /// Everything that was checked, in order; the last one is the one that failed, if one did.
    pub checks: Vec<Check>,
    /// What was verified; none if a check failed.
    pub verified: Option<Verified>,
}

/// A bundle that holds.
#[derive(Debug, Clone)]
pub struct Verified {
    /// Its certified contents.
    pub certified: Certified,
    /// The opened list, in the order of the signatures; none unless revealed.
    pub names: Option<Vec<OpenedName>>,
}

impl Report {
    /// Did everything hold?
    pub fn ok(&self) -> bool {
        self.verified.is_some()
    }
}

type Outcome<T> = Result<(T, String), String>;

struct Run(Vec<Check>);

impl Run {
    /// Records a check; `None` if it failed.
    fn check<T>(&mut self, name: &'static str, outcome: Outcome<T>) -> Option<T> {
        let (value, ok, detail) = match outcome {
            Ok((value, detail)) => (Some(value), true, detail),
            Err(detail) => (None, false, detail),
        };
        self.0.push(Check { name, ok, detail });
        value
    }
}

/// Verifies an encoded bundle. `weights` are 32 bytes of the operating system's randomness: whoever
/// made the bundle must not be able to foresee them.
pub fn verify(bytes: &[u8], fingerprint: &Fingerprint, weights: [u8; 32]) -> Report {
    let mut run = Run(Vec::new());
    let verified = all(&mut run, bytes, fingerprint, weights);
    Report {
        checks: run.0,
        verified,
    }
}

fn all(
    run: &mut Run,
    bytes: &[u8],
    fingerprint: &Fingerprint,
    weights: [u8; 32],
) -> Option<Verified> {
    let bundle = run.check(
        "encoding",
        Bundle::from_bytes(bytes)
            .map(|b| (b, format!("{} bytes, read to the last", bytes.len())))
            .map_err(|e| e.to_string()),
    )?;
    let founding = &bundle.founding.founding;
    run.check("founding", check_founding(&bundle, fingerprint))?;
    let key = run.check("verifying key", check_key(&bundle, founding))?;
    let id = match &bundle.statement.subject {
        tacit_protocol::entry::Subject::Statement(id) => *id,
        tacit_protocol::entry::Subject::Group(_) => {
            return run.check(
                "certified state",
                Err("the second chain is not a statement's".into()),
            );
        }
    };
    let certified = run.check("certified state", check_state(&bundle, fingerprint, &id))?;
    run.check("roster", check_roster(&certified))?;
    run.check("bodies", check_bodies(&bundle, &certified))?;
    let replay = run.check("history", check_history(&bundle, founding))?;
    let view = run.check("statement", check_statement(&replay))?;
    run.check("key generation", check_keygen(&bundle, &view, founding))?;
    run.check("proofs", check_proofs(&replay.claims, &key, weights))?;
    run.check("trigger", check_trigger(&view))?;
    let names = check_end(run, &bundle, &certified, &replay, &view, founding)?;
    Some(Verified { certified, names })
}

fn check_founding(bundle: &Bundle, fingerprint: &Fingerprint) -> Outcome<()> {
    let found = bundle.founding.check().map_err(|e| e.to_string())?;
    if found != *fingerprint {
        return Err(format!(
            "the bundle is of the committee {found}, not of the pinned {fingerprint}"
        ));
    }
    let n = bundle.founding.founding.nodes();
    Ok((
        (),
        format!("all {n} operators signed the founding file with the pinned fingerprint"),
    ))
}

fn check_key(bundle: &Bundle, founding: &Founding) -> Outcome<VerifyingKey> {
    let circuit = founding.sealing().map_err(|e| e.to_string())?;
    if circuit.circuit != tacit_circuits::CIRCUIT_ID {
        return Err(format!(
            "the founding file names the circuit {}, this program knows {}",
            circuit.circuit,
            tacit_circuits::CIRCUIT_ID
        ));
    }
    let key = VerifyingKey::load(&bundle.verifying_key, &circuit.verifying_key)
        .map_err(|e| e.to_string())?;
    let made = match circuit.transcript {
        Some(hash) => format!("from the ceremony {hash}"),
        None => tacit_protocol::founding::DEVELOPMENT_KEYS_WARNING.to_string(),
    };
    Ok((
        key,
        format!("it has the hash that the founding file names; {made}"),
    ))
}

fn check_state(
    bundle: &Bundle,
    fingerprint: &Fingerprint,
    id: &tacit_protocol::ids::StatementId,
) -> Outcome<Certified> {
    let certified = bundle::check(bundle, fingerprint, id).map_err(|e| e.to_string())?;
    let height = bundle.state.header.headers.first().map_or(0, |h| h.height);
    let detail = format!(
        "block {height} is certified by a quorum, and both chains end in the heads that it commits to: nothing is missing"
    );
    Ok((certified, detail))
}

fn check_roster(certified: &Certified) -> Outcome<()> {
    let members = certified.group.members.size;
    if certified.facts.opening.is_some() {
        certified.frozen().map_err(|e| e.to_string())?;
    }
    Ok((
        (),
        format!(
            "{members} members, each attested by a quorum of registrars; the roots are those of their leaves"
        ),
    ))
}

/// By hashes alone, so before what is dear. That the certified status is right, the history says.
fn check_bodies(bundle: &Bundle, certified: &Certified) -> Outcome<()> {
    let (found, count) = (bundle.bodies.len(), certified.signatures.len());
    if certified.facts.status != Status::Revealed {
        return match found {
            0 => Ok((
                (),
                "the list is not open, and the bundle holds no sealed body".into(),
            )),
            _ => Err(format!(
                "the bundle holds {found} bodies of a list that is not open"
            )),
        };
    }
    if found != count {
        return Err(format!(
            "{count} signatures were counted, but the bundle holds {found} bodies"
        ));
    }
    let mut pairs = certified.signatures.iter().zip(&bundle.bodies);
    match pairs.position(|(sign, body)| !body.matches(sign)) {
        Some(i) => Err(format!("signature {i}: {}", open::OtherBody)),
        None => Ok((
            (),
            format!("{found} bodies, each the one that its signature commits to"),
        )),
    }
}

fn check_history(bundle: &Bundle, founding: &Founding) -> Outcome<Replay> {
    let [group, statement] = bundle.state.facts.as_slice() else {
        return Err("the bundle doesn't hold the facts of one group and one statement".into());
    };
    let replay = replay::replay(
        founding,
        &bundle.group,
        &bundle.statement,
        &group.facts,
        &statement.facts,
    )
    .map_err(|e| e.to_string())?;
    let links = bundle.group.links.len() + bundle.statement.links.len();
    Ok((
        replay,
        format!("{links} events replayed, every verdict came out the same"),
    ))
}

fn check_statement(replay: &Replay) -> Outcome<StatementView> {
    let view = replay
        .ledger
        .statement(&replay.statement)
        .map_err(|e| e.to_string())?;
    let view = view.ok_or("the chains don't hold the statement")?;
    let detail = format!(
        "{}: {} signed by its creator {}; it is {}",
        view.id, view.statement.trigger, view.statement.creator, view.status
    );
    Ok((view, detail))
}

fn check_keygen(bundle: &Bundle, view: &StatementView, founding: &Founding) -> Outcome<()> {
    let found = bundle
        .statement
        .links
        .iter()
        .flat_map(|link| link.event.findings());
    let name = |node: u16| {
        founding
            .operators
            .get(usize::from(node))
            .map_or("?", |o| o.name.as_str())
    };
    let faults: Vec<String> = found
        .map(|f| format!("node {} ({}): {}", f.culprit, name(f.culprit), f.fault))
        .collect();
    let faults = if faults.is_empty() {
        "no node at fault".to_string()
    } else {
        faults.join(", ")
    };
    let detail = match &view.opening {
        Some(opening) => format!(
            "made in attempt {} by {} nodes without a dealer; {} of {} hold a share; {faults}",
            opening.attempt + 1,
            founding.nodes(),
            view.holders.len(),
            founding.nodes()
        ),
        None => format!("no key was made; {faults}"),
    };
    Ok(((), detail))
}

fn check_proofs(claims: &[Claim], key: &VerifyingKey, weights: [u8; 32]) -> Outcome<()> {
    let key = PreparedKey::new(key);
    let mut rng = seeded_rng(weights);
    for (batch, first) in claims.chunks(BATCH).zip((0..).step_by(BATCH)) {
        let mut proofs = Vec::with_capacity(batch.len());
        for (claim, position) in batch.iter().zip(first..) {
            let one = parse_claim(claim)
                .ok_or_else(|| format!("signature {position} has a malformed proof"))?;
            proofs.push(one);
        }
        verify_batch(&key, &proofs, &mut rng).map_err(|bad| {
            let which: Vec<String> = bad.0.iter().map(|i| (first + i).to_string()).collect();
            format!("the proof of signature {} does not hold", which.join(", "))
        })?;
    }
    Ok((
        (),
        format!(
            "{} proofs hold, each for another nullifier: as many different members",
            claims.len()
        ),
    ))
}

fn parse_claim(claim: &Claim) -> Option<(SealingPublic, Proof)> {
    let [root, nullifier, scope, kx, ky, ct, context] =
        claim.public.map(|bytes| fr_from_bytes(&bytes));
    let key = Point::from_xy(kx?, ky?).ok()?;
    let public = SealingPublic {
        root: root?,
        nullifier: nullifier?,
        scope: scope?,
        key,
        ct: ct?,
        context: context?,
    };
    Some((public, Proof::from_bytes(&claim.proof).ok()?))
}

fn check_trigger(view: &StatementView) -> Outcome<()> {
    let (trigger, count) = (&view.statement.trigger, view.count);
    let detail = match (view.trigger_height, view.status) {
        (Some(height), _) => {
            format!("{trigger} held for the first time at block {height}, with {count} signatures")
        }
        (None, Status::Preparing | Status::Collecting) => {
            format!("{trigger} has not held yet; {count} signatures were counted so far")
        }
        (None, _) => format!("{trigger} never held; {count} signatures were counted"),
    };
    Ok(((), detail))
}

fn check_end(
    run: &mut Run,
    bundle: &Bundle,
    certified: &Certified,
    replay: &Replay,
    view: &StatementView,
    founding: &Founding,
) -> Option<Option<Vec<OpenedName>>> {
    match view.status {
        Status::Revealed => {
            let points = run.check("partial decryptions", check_partials(replay, founding))?;
            let names = run.check("names", check_names(bundle, certified, &points))?;
            run.check(
                "erasure",
                check_erasure(view, founding, ErasureReason::Opened),
            )?;
            Some(Some(names))
        }
        Status::Erased | Status::Expired => {
            run.check(
                "erasure",
                check_erasure(view, founding, ErasureReason::Expired),
            )?;
            Some(None)
        }
        Status::Preparing | Status::Collecting | Status::Triggered | Status::Failed => Some(None),
    }
}

fn check_partials(replay: &Replay, founding: &Founding) -> Outcome<Vec<Point>> {
    let points = replay
        .ledger
        .opened_points(&replay.statement)
        .map_err(|e| e.to_string())?;
    let points = points.ok_or("the partial decryptions don't open the list")?;
    let detail = format!(
        "{} ciphertexts opened by {} nodes' partial decryptions, each proven against its share",
        points.len(),
        founding.quorum()
    );
    Ok((points, detail))
}

fn check_names(
    bundle: &Bundle,
    certified: &Certified,
    points: &[Point],
) -> Outcome<Vec<OpenedName>> {
    let roster = certified.frozen().map_err(|e| e.to_string())?;
    let k = certified.opening().map_err(|e| e.to_string())?.k;
    let count = certified.signatures.len();
    if points.len() != count {
        return Err(format!(
            "{count} signatures were counted, but {} were opened",
            points.len()
        ));
    }
    let mut seen = BTreeSet::new();
    let mut names = Vec::with_capacity(count);
    for (i, ((sign, body), shared)) in certified
        .signatures
        .iter()
        .zip(&bundle.bodies)
        .zip(points)
        .enumerate()
    {
        let opened = open::open(sign, body, shared, &k, &roster)
            .map_err(|e| format!("signature {i}: {e}"))?;
        // The proof says that the leaf is on the roster, so anything else is a lie of the opening.
        if roster.member(&opened.leaf).is_none() {
            return Err(format!(
                "signature {i} opens to a leaf that is not on the frozen roster"
            ));
        }
        if !seen.insert(opened.leaf.to_le_bytes()) {
            return Err(format!(
                "signature {i} opens to a member who is on the list already"
            ));
        }
        names.push(opened);
    }
    let withheld = names
        .iter()
        .filter(|n| matches!(n.name, Name::Withheld(_)))
        .count();
    let withheld = if withheld == 0 {
        String::new()
    } else {
        format!("; {withheld} of them withhold their record")
    };
    Ok((
        names,
        format!("{count} different members, each record opens its binder{withheld}"),
    ))
}

fn check_erasure(view: &StatementView, founding: &Founding, reason: ErasureReason) -> Outcome<()> {
    let name = |node: u16| {
        founding
            .operators
            .get(usize::from(node))
            .map_or("?".to_string(), |o| o.name.clone())
    };
    let attested: Vec<u16> = view.erasures.iter().map(|(node, _, _)| *node).collect();
    let missing: Vec<String> = (0..founding.nodes() as u16)
        .filter(|n| !attested.contains(n))
        .map(name)
        .collect();
    let with_reservations = view.erasures.iter().filter(|(_, _, bits)| *bits != 0);
    let reservations: Vec<String> = with_reservations
        .map(|(node, _, bits)| format!("{} ({})", name(*node), Caveats::words(*bits)))
        .collect();
    let need = founding.erasure_quorum();
    if reason == ErasureReason::Expired && view.status == Status::Erased && attested.len() < need {
        return Err(format!(
            "{} nodes attest that they erased, {need} must",
            attested.len()
        ));
    }
    let mut detail = format!(
        "{} of {} nodes attest that they erased their shares",
        attested.len(),
        founding.nodes()
    );
    if !missing.is_empty() {
        detail += &format!("; not yet: {}", missing.join(", "));
    }
    if !reservations.is_empty() {
        detail += &format!("; with reservations: {}", reservations.join(", "));
    }
    Ok(((), detail))
}
