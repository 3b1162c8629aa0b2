//! A coordinator who lies, with real files and real signatures. It has the ceremony's own key and whatever
//! keys it made up, and none of the contributors'. Each test tells one lie; a doubter finds it by name, or,
//! where the published ceremony holds by itself, the contributor who was wronged does, by the attestation.

mod chains;
mod entries;
mod files;
mod scene;
#[allow(dead_code, reason = "shared with the tests of both phases")]
#[path = "../phases/sections.rs"]
mod sections;
mod whole;
