//! Memory that holds a wrapping key: one page of its own that isn't written to swap where the system
//! allows it, isn't part of core dumps, is empty in child processes, and is zeroed before it is given back.
//!
//! The only module with `unsafe`: the system calls that map and lock a page take raw addresses.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fmt;
use std::io;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mlock, mmap_anonymous, munlock, munmap};
use zeroize::Zeroize as _;

/// Bytes asked for: the system rounds up to whole pages, which keys never share.
const PAGE: usize = 4096;

/// 32 secret bytes in a page of their own.
pub(crate) struct LockedKey {
    page: NonNull<[u8; 32]>,
    locked: bool,
}

// SAFETY: the page belongs to this value alone and is reached only through `&self` and `&mut self`.
unsafe impl Send for LockedKey {}
// SAFETY: `&self` gives only shared references to plain bytes.
unsafe impl Sync for LockedKey {}

impl LockedKey {
    /// A key of 32 zero bytes, to be filled in place.
    pub fn zeroed() -> io::Result<Self> {
        // SAFETY: a new anonymous private mapping at an address of the kernel's choice overlaps nothing.
        let address = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                PAGE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let Some(page) = NonNull::new(address.cast::<[u8; 32]>()) else {
            return Err(io::ErrorKind::OutOfMemory.into());
        };
        // SAFETY: `address` is the mapping made above, PAGE bytes long.
        let locked = unsafe { mlock(address, PAGE) }.is_ok();
        // SAFETY: as above; neither advice changes the parent's bytes. Both only add to the protection,
        // so an old kernel's refusal is no error.
        #[cfg(target_os = "linux")]
        unsafe {
            use rustix::mm::{Advice, madvise};
            let _ = madvise(address, PAGE, Advice::LinuxDontDump);
            let _ = madvise(address, PAGE, Advice::LinuxWipeOnFork);
        }
        Ok(Self { page, locked })
    }

    /// The key.
    pub fn bytes(&self) -> &[u8; 32] {
        // SAFETY: the mapping lives as long as `self`, is aligned to a page, and anonymous memory is
        // initialized with zeros.
        unsafe { self.page.as_ref() }
    }

    /// The key, to be filled in.
    pub fn bytes_mut(&mut self) -> &mut [u8; 32] {
        // SAFETY: as in `bytes`, and `&mut self` makes this the only reference.
        unsafe { self.page.as_mut() }
    }

    /// Whether the system keeps the page out of swap.
    pub fn is_locked(&self) -> bool {
        self.locked
    }
}

impl Drop for LockedKey {
    fn drop(&mut self) {
        self.bytes_mut().zeroize();
        let address: *mut c_void = self.page.as_ptr().cast();
        // SAFETY: the mapping made in `zeroed`, PAGE bytes long, to which no reference is left.
        unsafe {
            let _ = munlock(address, PAGE);
            let _ = munmap(address, PAGE);
        }
    }
}

impl fmt::Debug for LockedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_zero_and_keeps_what_is_written() {
        let mut key = LockedKey::zeroed().unwrap();
        assert_eq!(key.bytes(), &[0; 32]);
        key.bytes_mut().fill(5);
        assert_eq!(key.bytes(), &[5; 32]);
    }

    #[test]
    fn debug_output_shows_nothing() {
        let mut key = LockedKey::zeroed().unwrap();
        key.bytes_mut().fill(0xab);
        assert_eq!(format!("{key:?}"), "LockedKey(redacted)");
    }
}
