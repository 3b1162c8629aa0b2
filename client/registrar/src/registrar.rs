//! The registrar itself: its home folder, whom it invites, what it attests.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use rand_core::TryCryptoRng;
use tacit_protocol::codec::Encode as _;
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::{
    self, Attestation, GroupCreate, GroupDefinition, Record, RegistrarSignature,
    canonical_identifier,
};
use tacit_protocol::hash::{Digest, domain};
use tacit_protocol::ids::{Binder, GroupId, Subject};
use tacit_protocol::keys::{PublicKey, SigningKey};
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::{self, EddsaSignature};
use zeroize::Zeroizing;

use crate::approval;
use crate::card::RegistrarCard;
use crate::code::Code;
use crate::error::RegistrarError;
use crate::files::{self, FileError};
use crate::limits::MAX_PEOPLE;
use crate::roster::{Roster, Row};
use crate::store::{Bound, Person, Store};

/// File of the signing key in a registrar's home.
pub const KEY_FILE: &str = "registrar.key";
/// File of the registrars' shared secret in a registrar's home.
pub const SECRET_FILE: &str = "shared-secret";
/// Database in a registrar's home.
pub const DATABASE_FILE: &str = "registrar.db";

/// A registrar with its home open.
pub struct Registrar {
    name: String,
    key: SigningKey,
    secret: Zeroizing<[u8; 32]>,
    store: Store,
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registrar({}, {})", self.name, self.key.public())
    }
}

/// What a person with a code is shown before they sign.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The person's pseudonym in the group.
    pub subject: Subject,
    /// Commitment to `record` under `salt`.
    pub binder: Binder,
    /// Positions of the person's classes in the group's definition, ascending.
    pub classes: Vec<u16>,
    /// What a reveal may publish.
    pub record: Record,
    /// 32 bytes that open the binder, together with the record.
    pub salt: [u8; 32],
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(redacted)")
    }
}

/// What a person gets for a code and an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// As shown before.
    pub invitation: Invitation,
    /// The identity's commitment.
    pub leaf: FieldElement,
    /// The registrar's signature over the [`Attestation`] of both.
    pub signature: RegistrarSignature,
}

/// A new code and whose it is.
pub struct IssuedCode {
    /// The person's name.
    pub name: String,
    /// How to reach the person.
    pub contact: Option<String>,
    /// The code's text, the only copy there is.
    pub code: Zeroizing<String>,
}

impl fmt::Debug for IssuedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuedCode(redacted)")
    }
}

/// What an invitation of a whole roster came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InviteReport {
    /// People who got a code now.
    pub issued: usize,
    /// People who had one and keep it, those below included.
    pub kept: usize,
    /// Of these, people who have used theirs.
    pub enrolled: usize,
    /// Of these, people whose name or classes changed.
    pub changed: usize,
    /// People of an earlier roster who aren't on this one. Their codes still work.
    pub absent: usize,
}

impl Registrar {
    /// Makes a registrar in `home`. With `secret` it joins registrars who share it; without, a secret is
    /// drawn that others join by. A run that was interrupted can be repeated.
    pub fn init<R: TryCryptoRng>(
        home: &Path,
        name: &str,
        secret: Option<&[u8; 32]>,
        rng: &mut R,
    ) -> Result<Self, RegistrarError> {
        RegistrarCard::check_name(name)?;
        files::create_folder(home)?;
        let (key_path, secret_path) = (home.join(KEY_FILE), home.join(SECRET_FILE));
        if key_path.exists() {
            return Err(RegistrarError::AlreadyRegistrar(home.to_path_buf()));
        }
        if secret_path.exists() {
            let kept = files::read_secret(&secret_path)?;
            if secret.is_some_and(|given| given != &*kept) {
                return Err(FileError::Exists(secret_path).into());
            }
        } else {
            let drawn = draw(rng)?;
            files::create_secret(&secret_path, secret.unwrap_or(&drawn))?;
        }
        let seed = draw(rng)?;
        let key = SigningKey::from_seed(*seed);
        Store::create(&home.join(DATABASE_FILE), name.trim(), &key.public())?;
        // Last: with its key a registrar is complete.
        files::create_secret(&key_path, &seed)?;
        Self::open(home)
    }

    /// Opens a registrar's home and checks that nobody else can read it.
    pub fn open(home: &Path) -> Result<Self, RegistrarError> {
        let key_path = home.join(KEY_FILE);
        if !key_path.exists() {
            return Err(RegistrarError::NoRegistrar(home.to_path_buf()));
        }
        let key = SigningKey::from_seed(*files::read_secret(&key_path)?);
        let secret = files::read_secret(&home.join(SECRET_FILE))?;
        let (store, name) = Store::open(&home.join(DATABASE_FILE), &key.public())?;
        Ok(Self {
            name,
            key,
            secret,
            store,
        })
    }

    /// Where the secret lies that other registrars of the group need.
    pub fn secret_path(home: &Path) -> PathBuf {
        home.join(SECRET_FILE)
    }

    /// Name and public key.
    pub fn card(&self) -> RegistrarCard {
        RegistrarCard {
            name: self.name.clone(),
            key: self.key.public(),
        }
    }

    /// The public key.
    pub fn key(&self) -> PublicKey {
        self.key.public()
    }

    /// The groups that it has approved, ascending.
    pub fn groups(&self) -> Result<Vec<GroupId>, RegistrarError> {
        self.store.groups()
    }

    /// A group that it has approved.
    pub fn group(&self, id: &GroupId) -> Result<GroupDefinition, RegistrarError> {
        self.store.group(id)
    }

    /// Signs a group and remembers it: from now on it may invite to it. Whoever calls this has shown the
    /// group to the registrar.
    pub fn approve(&self, group: &mut GroupCreate) -> Result<GroupId, RegistrarError> {
        let id = approval::check(group)?;
        approval::position(&group.definition, &self.key())?;
        self.store.add_group(&id, &group.definition)?;
        Ok(approval::sign(group, &self.key)?)
    }

    /// Gives everybody on the roster a code who has none. All of the roster is taken, or nothing.
    ///
    /// `hand_over` gets the new codes, of which no other copy exists, before they count: if it fails none
    /// does. So no code is lost on the way, at whatever step this stops.
    pub fn invite<R: TryCryptoRng>(
        &self,
        group: &GroupId,
        roster: &Roster,
        rng: &mut R,
        hand_over: impl FnOnce(&[IssuedCode]) -> std::io::Result<()>,
    ) -> Result<InviteReport, RegistrarError> {
        let definition = self.store.group(group)?;
        roster.check_classes(&definition)?;
        self.store.change(|change| {
            let before = change.people(group)?;
            let plan = self.plan(group, roster, &before)?;
            for person in &plan.changed {
                if !change.set_record(group, person)? {
                    return Err(RegistrarError::AlreadyEnrolled(person.record.name.clone()));
                }
            }
            let mut issued = Vec::with_capacity(plan.new.len());
            for person in &plan.new {
                let code = self.draw_code(rng)?;
                change.add(group, person, &code.hash(group))?;
                issued.push(self.issued(group, person, &code));
            }
            hand_over(&issued).map_err(RegistrarError::HandOver)?;
            Ok(InviteReport {
                issued: issued.len(),
                ..plan.report
            })
        })
    }

    /// Replaces the unused code of the one person with this name or contact.
    pub fn renew<R: TryCryptoRng>(
        &self,
        group: &GroupId,
        who: &str,
        rng: &mut R,
        hand_over: impl FnOnce(&[IssuedCode]) -> std::io::Result<()>,
    ) -> Result<(), RegistrarError> {
        self.store.group(group)?;
        let wanted = canonical_identifier(who, None);
        let is_called = |text: &str| canonical_identifier(text, None) == wanted;
        self.store.change(|change| {
            let people = change.people(group)?;
            let found: Vec<&Person> = people
                .iter()
                .filter(|p| {
                    is_called(&p.record.name) || p.contact.as_deref().is_some_and(is_called)
                })
                .collect();
            let person = match found.as_slice() {
                [one] => *one,
                [] => return Err(RegistrarError::NobodyOfThatName(who.into())),
                several => {
                    return Err(RegistrarError::SeveralOfThatName(who.into(), several.len()));
                }
            };
            let code = self.draw_code(rng)?;
            if !change.set_code(group, &person.subject, &code.hash(group))? {
                return Err(RegistrarError::AlreadyEnrolled(who.into()));
            }
            hand_over(&[self.issued(group, person, &code)]).map_err(RegistrarError::HandOver)
        })
    }

    /// Are all of these texts codes of this registrar for this group, and none of them somebody's? So are
    /// those of a run that was interrupted before they counted, and those that were replaced since.
    pub fn are_dead_codes(
        &self,
        group: &GroupId,
        texts: &[impl AsRef<str>],
    ) -> Result<bool, RegistrarError> {
        let parse = |text| Code::parse(text, group, &self.key()).map(|code| code.hash(group));
        let hashes: Result<Vec<_>, _> = texts.iter().map(|text| parse(text.as_ref())).collect();
        match hashes {
            Ok(hashes) => Ok(self.store.count_codes(group, &hashes)? == 0),
            // Another registrar's or another group's: perhaps their only copy.
            Err(_) => Ok(false),
        }
    }

    /// People on a group's roster, and how many of them have enrolled.
    pub fn progress(&self, group: &GroupId) -> Result<(usize, usize), RegistrarError> {
        let people = self.store.people(group)?;
        Ok((people.len(), people.iter().filter(|p| p.enrolled).count()))
    }

    /// What the code's owner is invited as. Spends nothing.
    pub fn invitation(&self, group: &GroupId, code: &str) -> Result<Invitation, RegistrarError> {
        let definition = self.store.group(group)?;
        Ok(self.find(group, &definition, code)?.1)
    }

    /// Attests the identity with public key `public`, whose owner signed the invitation's binder.
    ///
    /// The code is bound to the first leaf that it comes with: the same leaf gets the same attestation
    /// again, another is refused.
    pub fn attest(
        &self,
        group: &GroupId,
        code: &str,
        public: &Point,
        signature: &EddsaSignature,
    ) -> Result<Attested, RegistrarError> {
        let definition = self.store.group(group)?;
        let (hash, invitation) = self.find(group, &definition, code)?;
        // The leaf is the hash of a point whose secret the sender shows to hold. A leaf that is taken on
        // trust could be an inner node's child: two colluders would own their parent node's siblings.
        let leaf = semaphore::leaf(public);
        let message = group::enrolment_message(group, &leaf, &invitation.binder);
        semaphore::verify(public, message, signature).map_err(|_| RegistrarError::Signature)?;

        let attestation = invitation.attestation(group, FieldElement(leaf));
        let registrar = approval::position(&definition, &self.key())?;
        let signature = self
            .key
            .sign(domain::SIGN_ATTESTATION, &attestation.to_bytes());
        match self.store.bind(
            group,
            &hash,
            &invitation.record,
            &attestation.leaf,
            &signature,
        )? {
            Bound::Yes => Ok(Attested {
                invitation,
                leaf: attestation.leaf,
                signature: RegistrarSignature {
                    registrar,
                    signature,
                },
            }),
            Bound::OtherLeaf => Err(RegistrarError::CodeUsed),
            Bound::OtherCode => Err(RegistrarError::LeafTaken),
            Bound::OtherRecord => Err(RegistrarError::InvitationChanged),
            Bound::NoCode => Err(RegistrarError::UnknownCode),
        }
    }

    fn find(
        &self,
        group: &GroupId,
        definition: &GroupDefinition,
        code: &str,
    ) -> Result<(Digest, Invitation), RegistrarError> {
        let hash = Code::parse(code, group, &self.key())?.hash(group);
        let person = self
            .store
            .person_by_code(group, &hash)?
            .ok_or(RegistrarError::UnknownCode)?;
        let identifier = canonical_identifier(&person.record.name, person.contact.as_deref());
        let salt = group::salt(&self.secret, group, &identifier);
        let mut classes = Vec::new();
        for class in &person.record.classes {
            let index = definition
                .class_index(class)
                .and_then(|i| u16::try_from(i).ok());
            classes.push(index.ok_or(RegistrarError::ForeignStore(
                "names a class that the group doesn't have",
            ))?);
        }
        Ok((
            hash,
            Invitation {
                subject: person.subject,
                binder: person.record.binder(&salt),
                classes,
                record: person.record,
                salt,
            },
        ))
    }

    fn draw_code<R: TryCryptoRng>(&self, rng: &mut R) -> Result<Code, RegistrarError> {
        Code::draw(rng).map_err(|e| RegistrarError::Randomness(e.to_string()))
    }

    fn issued(&self, group: &GroupId, person: &Person, code: &Code) -> IssuedCode {
        IssuedCode {
            name: person.record.name.clone(),
            contact: person.contact.clone(),
            code: code.text(group, &self.key()),
        }
    }

    fn person(&self, group: &GroupId, row: &Row) -> Person {
        let subject = group::subject(&self.secret, group, &row.identifier());
        Person {
            subject,
            record: row.record(),
            contact: row.contact.clone(),
            enrolled: false,
        }
    }

    /// Compares a roster with the people who are there; changes nothing.
    fn plan(
        &self,
        group: &GroupId,
        roster: &Roster,
        before: &[Person],
    ) -> Result<Plan, RegistrarError> {
        let known: HashMap<Subject, &Person> = before.iter().map(|p| (p.subject, p)).collect();
        let rows: Vec<(usize, Person)> = roster
            .rows
            .iter()
            .map(|row| (row.number, self.person(group, row)))
            .collect();
        let listed: HashSet<Subject> = rows.iter().map(|(_, p)| p.subject).collect();
        // Who vanished from the roster, by name: a row that gives them a contact, or takes it away, would
        // make them a second person with a second code.
        let absent: Vec<&Person> = before
            .iter()
            .filter(|p| !listed.contains(&p.subject))
            .collect();
        let absent_names: HashSet<(String, bool)> = absent
            .iter()
            .map(|p| {
                (
                    canonical_identifier(&p.record.name, None),
                    p.contact.is_some(),
                )
            })
            .collect();

        let mut plan = Plan {
            new: Vec::new(),
            changed: Vec::new(),
            report: InviteReport {
                absent: absent.len(),
                ..Default::default()
            },
        };
        for (row, person) in rows {
            let Some(earlier) = known.get(&person.subject) else {
                let with_contact = person.contact.is_none();
                if absent_names.contains(&(
                    canonical_identifier(&person.record.name, None),
                    with_contact,
                )) {
                    return Err(RegistrarError::SecondIdentifier {
                        row,
                        name: person.record.name,
                        with_contact,
                    });
                }
                plan.new.push(person);
                continue;
            };
            plan.report.kept += 1;
            plan.report.enrolled += usize::from(earlier.enrolled);
            if earlier.record != person.record {
                if earlier.enrolled {
                    return Err(RegistrarError::RecordFixed { row });
                }
                plan.report.changed += 1;
                plan.changed.push(person);
            }
        }
        if before.len() + plan.new.len() > MAX_PEOPLE {
            return Err(RegistrarError::TooManyPeople);
        }
        Ok(plan)
    }
}

/// What a roster changes.
struct Plan {
    new: Vec<Person>,
    changed: Vec<Person>,
    report: InviteReport,
}

impl Invitation {
    /// What registrars attest for a leaf that comes with this invitation.
    pub fn attestation(&self, group: &GroupId, leaf: FieldElement) -> Attestation {
        Attestation {
            group: *group,
            subject: self.subject,
            binder: self.binder,
            leaf,
            classes: self.classes.clone(),
        }
    }
}

fn draw<R: TryCryptoRng>(rng: &mut R) -> Result<Zeroizing<[u8; 32]>, RegistrarError> {
    let mut bytes = Zeroizing::new([0; 32]);
    rng.try_fill_bytes(&mut bytes[..])
        .map_err(|e| RegistrarError::Randomness(e.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
