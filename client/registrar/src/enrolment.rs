//! The member's side of an enrolment, without a network: what must hold before a member signs, and how
//! k attestations become the log's entry. Nothing here believes a registrar.

use tacit_protocol::codec::Encode as _;
use tacit_protocol::field::FieldElement;
use tacit_protocol::group::{
    Enrol, GroupDefinition, GroupError, RegistrarSignature, enrolment_message,
};
use tacit_protocol::hash::domain;
use tacit_protocol::semaphore::{EddsaSignature, Identity, SemaphoreError};
use thiserror::Error;

use crate::registrar::{Attested, Invitation};

/// Why an enrolment can't go on; each names the registrar to talk to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnrolmentError {
    /// Too few codes.
    #[error("{have} of the {need} registrars that must attest you have invited you")]
    Few {
        /// Registrars that invited.
        have: usize,
        /// k
        need: usize,
    },
    /// The same registrar twice: two of its codes are for two people.
    #[error("two of the codes are from registrar {0}")]
    Twice(u8),
    /// The commitment is to something else than the record that is shown.
    #[error("registrar {0} shows a record that its commitment does not open to")]
    Binder(u8),
    /// The classes that are counted aren't those that are shown.
    #[error("registrar {0} shows other classes than it would attest")]
    Classes(u8),
    /// Two registrars have two accounts of one person.
    #[error("registrars {0} and {1} disagree about you: {2}")]
    Disagree(u8, u8, &'static str),
    /// The registrar attested something else than it was asked to.
    #[error("registrar {0} attests something else than it showed")]
    OtherAttestation(u8),
    /// The attestation isn't that registrar's.
    #[error("registrar {0}'s signature does not hold")]
    BadSignature(u8),
    /// The whole doesn't hold.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The identity can't sign this.
    #[error(transparent)]
    Identity(#[from] SemaphoreError),
}

/// Checks the invitations of registrars, given with their positions, against the group and each other.
/// Gives the one that all of them mean.
pub fn agree<'a>(
    group: &GroupDefinition,
    invitations: &'a [(u8, Invitation)],
) -> Result<&'a Invitation, EnrolmentError> {
    let need = usize::from(group.threshold);
    let few = EnrolmentError::Few {
        have: invitations.len(),
        need,
    };
    let Some(((first_position, first), others)) = invitations
        .split_first()
        .filter(|_| invitations.len() >= need)
    else {
        return Err(few);
    };
    for (i, (position, invitation)) in invitations.iter().enumerate() {
        if invitations
            .iter()
            .take(i)
            .any(|(earlier, _)| earlier == position)
        {
            return Err(EnrolmentError::Twice(*position));
        }
        check(group, *position, invitation)?;
    }
    for (position, other) in others {
        let differ = |what| Err(EnrolmentError::Disagree(*first_position, *position, what));
        match () {
            () if other.record.name != first.record.name => return differ("the name"),
            () if other.record != first.record => return differ("the classes"),
            () if other.subject != first.subject => {
                return differ("who you are (their rosters or their shared secrets differ)");
            }
            () if other != first => {
                return differ("the commitment to your record (their shared secrets differ)");
            }
            () => {}
        }
    }
    Ok(first)
}

/// Checks one registrar's invitation against the group: the record is in the binder, the classes are the record's.
fn check(
    group: &GroupDefinition,
    position: u8,
    invitation: &Invitation,
) -> Result<(), EnrolmentError> {
    if invitation.record.binder(&invitation.salt) != invitation.binder {
        return Err(EnrolmentError::Binder(position));
    }
    let shown: Option<Vec<u16>> = invitation
        .record
        .classes
        .iter()
        .map(|c| group.class_index(c).and_then(|i| u16::try_from(i).ok()))
        .collect();
    if shown.as_deref() != Some(&invitation.classes) {
        return Err(EnrolmentError::Classes(position));
    }
    Ok(())
}

/// The member's signature that registrars ask for, made after the member has seen the record.
pub fn sign(
    group: &GroupDefinition,
    invitation: &Invitation,
    identity: &Identity,
) -> Result<EddsaSignature, EnrolmentError> {
    Ok(identity.sign(enrolment_message(
        &group.id(),
        &identity.commitment(),
        &invitation.binder,
    ))?)
}

/// Checks what a registrar attested for `identity`; gives its signature.
pub fn accept(
    group: &GroupDefinition,
    position: u8,
    invitation: &Invitation,
    identity: &Identity,
    attested: &Attested,
) -> Result<RegistrarSignature, EnrolmentError> {
    let leaf = FieldElement(identity.commitment());
    if &attested.invitation != invitation
        || attested.leaf != leaf
        || attested.signature.registrar != position
    {
        return Err(EnrolmentError::OtherAttestation(position));
    }
    let attestation = invitation.attestation(&group.id(), leaf);
    let key = group
        .registrars
        .get(usize::from(position))
        .ok_or(EnrolmentError::BadSignature(position))?;
    key.verify(
        domain::SIGN_ATTESTATION,
        &attestation.to_bytes(),
        &attested.signature.signature,
    )
    .map_err(|_| EnrolmentError::BadSignature(position))?;
    Ok(attested.signature.clone())
}

/// The log's entry, from signatures that [`accept`] gave.
pub fn assemble(
    group: &GroupDefinition,
    invitation: &Invitation,
    identity: &Identity,
    mut signatures: Vec<RegistrarSignature>,
) -> Result<Enrol, EnrolmentError> {
    signatures.sort_by_key(|s| s.registrar);
    let attestation = invitation.attestation(&group.id(), FieldElement(identity.commitment()));
    let enrol = Enrol {
        attestation,
        registrars: signatures,
    };
    enrol.check(group)?;
    Ok(enrol)
}

#[cfg(test)]
mod tests;
