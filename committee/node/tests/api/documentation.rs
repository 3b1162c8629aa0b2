//! The API's documentation names every problem and every route.

use tacit_node::{api::ApiError, machine::Refusal};

#[test]
fn the_documentation_lists_every_problem_with_its_status_and_every_route() {
    let text = include_str!("../../../../docs/api.md");
    let refusal = |code| ApiError::Refused(Refusal::new(code, "detail"));
    let own = [
        ApiError::NoRoute,
        ApiError::Method,
        ApiError::MalformedId,
        ApiError::UnknownGroup(String::new()),
        ApiError::UnknownStatement(String::new()),
        ApiError::UnknownKey(String::new()),
        ApiError::MediaType,
        ApiError::TooLarge(0),
        ApiError::SlowBody,
        ApiError::BrokenBody,
        ApiError::Malformed(String::new()),
        ApiError::Unsupported(String::new()),
        ApiError::WrongRoute(""),
        ApiError::Busy,
        ApiError::NotFinal,
        ApiError::NotReady(String::new()),
        ApiError::Uncertified,
        ApiError::BodiesMissing,
        ApiError::TimedOut,
        ApiError::Stopping,
        ApiError::Internal,
    ];
    // What the ledger refuses of what can be submitted here; the rest only nodes can say.
    let refused = [
        "malformed",
        "duplicate",
        "unknown-group",
        "unknown-statement",
        "other-committee",
        "unknown-circuit",
        "not-a-creator",
        "no-text",
        "deadline-passed",
        "unreachable-trigger",
        "bad-creator-signature",
        "statement-exists",
        "bad-group",
        "group-exists",
        "bad-attestation",
        "already-enrolled",
        "zero-leaf",
        "group-full",
        "not-collecting",
        "unknown-class",
        "nullifier-spent",
        "signature-waiting",
        "too-many-statements",
        "proof-invalid",
        "body-missing",
        "body-mismatch",
        "too-large",
    ];
    let all = own.into_iter().chain(refused.map(refusal));
    let mut rows: Vec<String> = all
        .map(|error| {
            let problem = error.problem();
            let word = problem.kind.rsplit(':').next().unwrap().to_string();
            format!("| {} | `{word}` |", problem.status)
        })
        .collect();
    rows.sort();
    rows.dedup();
    for row in &rows {
        assert!(text.contains(row.as_str()), "{row}");
    }
    let documented = text.lines().filter(|line| {
        line.strip_prefix("| ")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    assert_eq!(documented.count(), rows.len());

    let source = include_str!("../../src/api/routes.rs");
    let routes = source.split('"').filter(|part| part.starts_with("/v1/"));
    let mut count = 0;
    for route in routes {
        assert!(text.contains(&format!("| `GET {route}` |")), "{route}");
        count += 1;
    }
    assert_eq!(count, 14);
}
