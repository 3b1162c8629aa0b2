//! From the ledger's rows to the JSON of the API, whose words are [`tacit_protocol::views`].

use tacit_ledger::{
    GroupView as Group, MemberView, SignatureView as Signature, StatementView as Row,
};
use tacit_protocol::{field::FieldElement, founding::Founding, group::GroupDefinition, views::*};

/// Shows a group.
pub(super) fn group(group: Group) -> GroupView {
    let names = group.definition.classes.iter().map(ToString::to_string);
    let sizes = group.classes.iter().map(|tree| tree.size);
    GroupView {
        id: group.id.to_string(),
        classes: names
            .zip(sizes)
            .map(|(name, members)| ClassView { name, members })
            .collect(),
        members: group.members.size,
        registrars: group
            .definition
            .registrars
            .iter()
            .map(ToString::to_string)
            .collect(),
        threshold: group.definition.threshold,
        name: group.definition.name,
    }
}

/// Lists a group's members.
pub(super) fn members(definition: &GroupDefinition, mut members: Vec<MemberView>) -> MembersView {
    members.sort_by_key(|member| member.position);
    let in_class = |class: usize| {
        let of = |m: &&MemberView| m.classes.iter().any(|c| usize::from(*c) == class);
        members.iter().filter(of).map(|m| hex(&m.leaf)).collect()
    };
    let names = definition.classes.iter().enumerate();
    MembersView {
        classes: names
            .map(|(i, name)| (name.to_string(), in_class(i)))
            .collect(),
        members: members.iter().map(|m| hex(&m.leaf)).collect(),
    }
}

/// Shows a statement, of whose group there are `members` now.
pub(super) fn statement(founding: &Founding, row: Row, members: u64) -> StatementView {
    let smallest_list = row.smallest_list();
    let opening = row.opening.as_ref();
    StatementView {
        id: row.id.to_string(),
        group: row.statement.group.to_string(),
        trigger: row.statement.trigger.to_string(),
        deadline_ms: row.statement.deadline_ms,
        status: row.status.word().to_string(),
        count: row.count,
        classes: row.class_names.into_iter().zip(row.class_counts).collect(),
        holders: row.holders,
        needed: founding.quorum() as u64,
        k: opening.map(|o| hex::encode(o.k.to_bytes())),
        members: opening.map_or(members, |o| o.group.size),
        opened_ms: row.opened_ms,
        faults: row
            .findings
            .into_iter()
            .map(|f| FaultView {
                node: f.culprit,
                fault: f.fault,
            })
            .collect(),
        smallest_list,
        development_keys: founding.development_keys(),
        text: row.statement.text,
    }
}

/// Lists a statement's signatures; `classes` are the group's, in the definition's order.
pub(super) fn signatures(classes: &[String], mut signatures: Vec<Signature>) -> SignaturesView {
    signatures.sort_by_key(|signature| signature.position);
    let show = |s: Signature| SignatureView {
        position: s.position,
        nullifier: hex(&s.nullifier),
        ct: hex(&s.ct),
        class: s.class.and_then(|c| classes.get(usize::from(c)).cloned()),
        height: s.height,
    };
    SignaturesView {
        signatures: signatures.into_iter().map(show).collect(),
    }
}

fn hex(element: &FieldElement) -> String {
    hex::encode(element.to_le_bytes())
}
