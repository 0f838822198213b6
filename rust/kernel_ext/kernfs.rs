// SPDX-License-Identifier: GPL-2.0

//! Attributes in sysfs that belong to the kernel, used from within the kernel.
//!
//! Nothing is opened by path, which would depend on mounts: nodes of the tree are looked up and
//! the attribute's own show and store functions are called, as a read or write from user space does.
//!
//! C headers: `include/linux/kernfs.h`, `include/linux/sysfs.h`

use super::alloc;
use core::ptr::NonNull;
use kernel::{bindings, page::PAGE_SIZE, prelude::*, str::CStr};

/// A reference to a node of the sysfs tree.
///
/// The node may be removed from the tree while the reference lives; only its memory stays.
///
/// # Invariants
///
/// The pointer is valid and holds a reference.
pub(crate) struct Node(NonNull<bindings::kernfs_node>);

// SAFETY: References to kernfs nodes are counted atomically and may be dropped by any thread.
unsafe impl Send for Node {}
// SAFETY: All that is done through a shared reference is thread-safe.
unsafe impl Sync for Node {}

impl Node {
    /// Returns the directory of `kobj`.
    ///
    /// # Safety
    ///
    /// `kobj` must be valid and stay in sysfs for the duration of the call.
    pub(crate) unsafe fn of(kobj: *mut bindings::kobject) -> Option<Self> {
        // SAFETY: By the contract `kobj` is valid.
        let directory = NonNull::new(unsafe { (*kobj).sd })?;
        // SAFETY: By the contract the directory exists, so its node is valid.
        unsafe { bindings::kernfs_get(directory.as_ptr()) };
        // INVARIANT: A reference was just taken.
        Some(Self(directory))
    }

    /// Returns the node's parent.
    ///
    /// # Safety
    ///
    /// The node must never be moved or removed.
    pub(crate) unsafe fn parent(&self) -> Option<Self> {
        // SAFETY: By the type invariant the node is valid; by the contract the field is constant.
        let parent = NonNull::new(unsafe { (*self.0.as_ptr()).__parent })?;
        // SAFETY: A node keeps its parent alive.
        unsafe { bindings::kernfs_get(parent.as_ptr()) };
        // INVARIANT: A reference was just taken.
        Some(Self(parent))
    }

    /// Looks up `path`, one name per component, below the node. May sleep.
    pub(crate) fn descend(&self, path: &[&CStr]) -> Option<Self> {
        let (first, rest) = path.split_first()?;
        let mut node = self.child(first)?;
        for name in rest {
            node = node.child(name)?;
        }
        Some(node)
    }

    /// Looks up the child `name`. May sleep.
    fn child(&self, name: &CStr) -> Option<Self> {
        // SAFETY: By the type invariant the node is valid; `name` is NUL-terminated.
        let child = unsafe {
            bindings::kernfs_find_and_get_ns(self.0.as_ptr(), name.as_char_ptr(), core::ptr::null())
        };
        // INVARIANT: The call took a reference for us.
        NonNull::new(child).map(Self)
    }

    /// What the node stands for: the `struct kobject` of a kobject's directory, the
    /// `struct attribute` of a file.
    pub(crate) fn private(&self) -> *mut c_void {
        // SAFETY: By the type invariant the node is valid; the field never changes.
        unsafe { (*self.0.as_ptr()).priv_ }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: By the type invariant we hold a reference.
        unsafe { bindings::kernfs_put(self.0.as_ptr()) };
    }
}

/// Returns the functions that all attributes of `kobj` are read and written by.
///
/// # Safety
///
/// `kobj` must be valid.
unsafe fn operations<'a>(kobj: *mut bindings::kobject) -> Result<&'a bindings::sysfs_ops> {
    // SAFETY: By the contract `kobj` is valid; a kobject's type never changes.
    let ktype = unsafe { (*kobj).ktype.as_ref() }.ok_or(ENODEV)?;
    // SAFETY: A kobject's type and its operations outlive the kobject.
    unsafe { ktype.sysfs_ops.as_ref() }.ok_or(ENODEV)
}

/// Reads a `kobj`'s attribute and hands the text, with its newline, to `parse`. May sleep.
///
/// # Errors
///
/// Those of the attribute, `EIO` where it is not readable, `ENOMEM`, and those of `parse`.
///
/// # Safety
///
/// `kobj` and `attribute` must be valid and belong together.
pub(crate) unsafe fn show<T>(
    kobj: *mut bindings::kobject,
    attribute: *mut bindings::attribute,
    parse: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    // SAFETY: By the contract `kobj` is valid.
    let show = unsafe { operations(kobj) }?.show.ok_or(EIO)?;
    let mut buffer = alloc::filled(0u8, PAGE_SIZE)?;
    // SAFETY: By the contract object and attribute are valid and belong together; the buffer has the
    // size of a page and its alignment, which `sysfs_emit()` demands, as kmalloc aligns sizes that
    // are powers of two to themselves.
    let length = unsafe { show(kobj, attribute, buffer.as_mut_ptr().cast()) };
    let length = match usize::try_from(length) {
        Ok(length) => length,
        Err(_) => return Err(errno(length)),
    };
    parse(buffer.get(..length).ok_or(EIO)?)
}

/// Writes `value` to a `kobj`'s attribute. May sleep.
///
/// # Errors
///
/// Those of the attribute, `EIO` where it is not writable.
///
/// # Safety
///
/// `kobj` and `attribute` must be valid and belong together.
pub(crate) unsafe fn store(
    kobj: *mut bindings::kobject,
    attribute: *mut bindings::attribute,
    value: &CStr,
) -> Result {
    // SAFETY: By the contract `kobj` is valid.
    let store = unsafe { operations(kobj) }?.store.ok_or(EIO)?;
    let length = value.to_bytes_with_nul().len().saturating_sub(1);
    // SAFETY: By the contract object and attribute are valid and belong together; the value is
    // NUL-terminated after its length, as sysfs promises to store functions.
    let stored = unsafe { store(kobj, attribute, value.as_char_ptr(), length) };
    if stored < 0 {
        Err(errno(stored))
    } else {
        Ok(())
    }
}

/// Turns a negative status into an error.
fn errno(status: isize) -> Error {
    Error::from_errno(i32::try_from(status).unwrap_or(0))
}
