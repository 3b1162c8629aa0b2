mod enrolment;
mod homes;
mod invitations;

use super::testing::*;
use super::*;
use crate::code::CodeError;

const TOWN: &str = "name,contact,senators\nAda,ada@x,1\nBob,,0\nCleo,cleo@x,\n";

fn no_codes(issued: &[IssuedCode]) -> std::io::Result<()> {
    assert!(issued.is_empty());
    Ok(())
}

fn try_invite(
    registrar: &Registrar,
    group: &GroupId,
    text: &str,
) -> Result<InviteReport, RegistrarError> {
    registrar.invite(group, &roster(text), &mut getrandom::SysRng, |_| Ok(()))
}
