//! What Semaphore v4 itself made (`tests/vectors/make-semaphore.mjs`) comes out the same here.

use serde_json::Value;
use tacit_protocol::field::{
    Fr, PublicScalar, fr_from_decimal, fr_to_bytes, fr_to_decimal, scalar_from_bytes,
};
use tacit_protocol::lean_imt::LeanImt;
use tacit_protocol::point::Point;
use tacit_protocol::semaphore::{
    EddsaSignature, Identity, semaphore_scope, semaphore_scope_of_text, verify,
};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/semaphore.json")).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn field(value: &Value) -> Fr {
    fr_from_decimal(text(value)).unwrap()
}

fn fields(value: &Value) -> Vec<Fr> {
    list(value).iter().map(field).collect()
}

fn is_point(point: &Point, value: &Value) -> bool {
    vec![point.x(), point.y()] == fields(value)
}

fn identity_of(vectors: &Value, index: &Value) -> Identity {
    let entry = &vectors["identities"][index.as_u64().unwrap() as usize];
    Identity::from_key(&hex::decode(text(&entry["key"])).unwrap()).unwrap()
}

fn group(vectors: &Value, size: u64) -> &Value {
    list(&vectors["groups"])
        .iter()
        .find(|group| group["size"] == size)
        .unwrap()
}

#[test]
fn identities_come_out_as_in_semaphore() {
    let vectors = vectors();
    for entry in list(&vectors["identities"]) {
        let identity = Identity::from_key(&hex::decode(text(&entry["key"])).unwrap()).unwrap();
        assert!(is_point(identity.public(), &entry["public_key"]));
        assert_eq!(
            fr_to_decimal(&identity.commitment()),
            text(&entry["commitment"])
        );

        // The same member from the bare scalar.
        let scalar = fr_to_bytes(&field(&entry["secret_scalar"]));
        let bare = Identity::from_scalar_bytes(&scalar).unwrap();
        assert_eq!(bare.public(), identity.public());
        assert_eq!(
            bare.nullifier(Fr::from(1u64)),
            identity.nullifier(Fr::from(1u64))
        );
    }
    assert_eq!(list(&vectors["identities"]).len(), 7);
}

#[test]
fn signatures_come_out_as_in_semaphore_and_verify() {
    let vectors = vectors();
    for entry in list(&vectors["signatures"]) {
        let identity = identity_of(&vectors, &entry["identity"]);
        let message = field(&entry["message"]);
        let ours = identity.sign(message).unwrap();
        assert!(is_point(&ours.r8, &entry["r8"]));
        let response = PublicScalar(scalar_from_bytes(&fr_to_bytes(&field(&entry["s"]))).unwrap());
        assert_eq!(
            ours,
            EddsaSignature {
                r8: ours.r8,
                response
            }
        );
        assert_eq!(verify(identity.public(), message, &ours), Ok(()));
    }
    assert_eq!(list(&vectors["signatures"]).len(), 20);
}

#[test]
fn roots_and_paths_come_out_as_in_semaphore() {
    let vectors = vectors();
    for group in list(&vectors["groups"]) {
        let leaves = fields(&group["leaves"]);
        let tree = LeanImt::from_leaves(&leaves).unwrap();
        assert_eq!(tree.root(), Some(field(&group["root"])));
        for proof in list(&group["proofs"]) {
            let position = proof["position"].as_u64().unwrap();
            let ours = tree.proof(position).unwrap();
            assert_eq!(ours.siblings, fields(&proof["siblings"]));
            assert_eq!(u64::from(ours.index), proof["index"].as_u64().unwrap());
            assert_eq!(ours.root(leaves[position as usize]), field(&group["root"]));
        }
    }
    let sizes: Vec<_> = list(&vectors["groups"])
        .iter()
        .map(|group| group["size"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes, [1, 2, 3, 5, 8, 30]);
}

#[test]
fn nullifiers_equal_those_of_semaphores_own_proofs() {
    let vectors = vectors();
    for entry in list(&vectors["nullifiers"]) {
        let member =
            Identity::from_key(format!("member {}", entry["position"]).as_bytes()).unwrap();
        let group = group(&vectors, entry["size"].as_u64().unwrap());
        assert_eq!(field(&entry["root"]), field(&group["root"]));
        assert!(fields(&group["leaves"]).contains(&member.commitment()));
        let scope = match entry.get("scope_text") {
            Some(topic) => semaphore_scope_of_text(text(topic)).unwrap(),
            None => semaphore_scope(
                &hex::decode(text(&entry["scope_integer"]))
                    .unwrap()
                    .try_into()
                    .unwrap(),
            ),
        };
        assert_eq!(member.nullifier(scope), field(&entry["nullifier"]));
    }
    assert_eq!(list(&vectors["nullifiers"]).len(), 5);
}
