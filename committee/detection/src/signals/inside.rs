//! Who is of a group that is looked at: asked for every vote, so it is a list by member.

use crate::votes::{Board, MemberId, PostId};

/// Who is of the group.
#[derive(Debug)]
pub(crate) struct Inside(Vec<bool>);

impl Inside {
    pub(crate) fn of(board: &Board, group: &[MemberId]) -> Self {
        let mut inside = vec![false; board.members()];
        for member in group {
            inside[member.at()] = true;
        }
        Self(inside)
    }

    /// Is this member?
    pub(crate) fn has(&self, member: MemberId) -> bool {
        self.0[member.at()]
    }

    /// Did one of them write this post?
    pub(crate) fn wrote(&self, board: &Board, post: PostId) -> bool {
        self.has(board.post(post).author)
    }
}
