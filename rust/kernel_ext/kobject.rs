// SPDX-License-Identifier: GPL-2.0

//! Directories and attributes in sysfs.
//!
//! A [`Directory`] is a kobject with a fixed list of [`Attribute`]s that all work on one piece of
//! data:
//!
//! ```ignore
//! struct Lamp { brightness: Atomic<u32> }
//!
//! static ATTRIBUTES: &[Attribute<Lamp>] = &[Attribute::rw(
//!     c"brightness",
//!     |lamp, out| Ok(writeln!(out, "{}", lamp.brightness.load(Relaxed))?),
//!     |lamp, input| Ok(lamp.brightness.store(parse(input)?, Relaxed)),
//! )];
//!
//! let directory = Directory::in_kernel(c"lamp", ATTRIBUTES, lamp)?;
//! directory.populate()?;
//! ```
//!
//! The kobject itself belongs to the kernel (`kobject_create_and_add()`): its release function is
//! not in the module, so that the module can go away as soon as the directory is gone, also where
//! `CONFIG_DEBUG_KOBJECT_RELEASE` delays the release.
//!
//! C headers: `include/linux/kobject.h`, `include/linux/sysfs.h`

use super::{alloc, ffi};
use core::ptr::{self, NonNull};
use kernel::{
    bindings, container_of,
    error::{from_result, to_result},
    page::PAGE_SIZE,
    prelude::*,
    str::{CStr, Formatter},
};

/// Writes an attribute's value to its reader. May sleep.
pub(crate) type Show<D> = fn(&D, &mut Formatter<'_>) -> Result;

/// Takes what a writer wrote, at most a page, with the newline if there was one. May sleep.
pub(crate) type Store<D> = fn(&D, &[u8]) -> Result;

/// One file of a directory.
pub(crate) struct Attribute<D: 'static> {
    name: &'static CStr,
    show: Show<D>,
    store: Option<Store<D>>,
}

impl<D> Attribute<D> {
    /// A file that all may read (0444).
    pub(crate) const fn ro(name: &'static CStr, show: Show<D>) -> Self {
        Self {
            name,
            show,
            store: None,
        }
    }

    /// A file that all may read and root may write (0644).
    pub(crate) const fn rw(name: &'static CStr, show: Show<D>, store: Store<D>) -> Self {
        Self {
            name,
            show,
            store: Some(store),
        }
    }
}

/// An attribute in the form that the kernel's `kobj_sysfs_ops` want.
///
/// # Invariants
///
/// `data` is valid while the file exists.
#[repr(C)]
struct File<D: 'static> {
    attribute: bindings::kobj_attribute,
    operations: &'static Attribute<D>,
    data: NonNull<D>,
}

impl<D: Send + Sync> File<D> {
    fn new(operations: &'static Attribute<D>, data: NonNull<D>) -> Self {
        let mut attribute = bindings::kobj_attribute::default();
        let show: unsafe extern "C" fn(_, _, _) -> _ = Self::show_callback;
        let store: unsafe extern "C" fn(_, _, _, _) -> _ = Self::store_callback;
        let store = match operations.store {
            // CAST: C takes both as addresses, see there.
            Some(_) => store as *mut c_void,
            None => ptr::null_mut(),
        };
        // SAFETY: `attribute` is valid, and these functions have the prototypes of its operations.
        // CAST: As above.
        unsafe {
            ffi::numaweave_set_operations((&raw mut attribute).cast(), show as *mut c_void, store)
        };
        attribute.attr.name = operations.name.as_char_ptr();
        attribute.attr.mode = 0o444;
        if operations.store.is_some() {
            attribute.attr.mode = 0o644;
        }
        #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
        {
            // One class for all: no file of ours is removed from within another's operation.
            attribute.attr.key = kernel::sync::static_lock_class!().as_ptr();
        }
        Self {
            attribute,
            operations,
            data,
        }
    }

    /// Shows the attribute.
    ///
    /// # Safety
    ///
    /// `attribute` must be the `attribute` of a live `File<D>`, and `page` a page of memory.
    unsafe extern "C" fn show_callback(
        _kobj: *mut bindings::kobject,
        attribute: *mut bindings::kobj_attribute,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: By the contract `attribute` is embedded in a live `Self`.
        let this = unsafe { &*container_of!(attribute, Self, attribute) };
        // SAFETY: By the type invariant `data` is valid while the file exists, and the kernel
        // removes no file while an operation on it runs.
        let data = unsafe { this.data.as_ref() };
        // SAFETY: By the contract `page` is a page that is ours during the call; sysfs zeroed it.
        let page = unsafe { core::slice::from_raw_parts_mut(page.cast::<u8>(), PAGE_SIZE) };
        from_result(|| {
            let mut out = Formatter::new(page);
            (this.operations.show)(data, &mut out)?;
            Ok(isize::try_from(out.bytes_written())?)
        })
    }

    /// Stores to the attribute.
    ///
    /// # Safety
    ///
    /// `attribute` must be the `attribute` of a live `File<D>`, and `buffer` valid for reads of
    /// `count` bytes.
    unsafe extern "C" fn store_callback(
        _kobj: *mut bindings::kobject,
        attribute: *mut bindings::kobj_attribute,
        buffer: *const c_char,
        count: usize,
    ) -> isize {
        // SAFETY: By the contract `attribute` is embedded in a live `Self`.
        let this = unsafe { &*container_of!(attribute, Self, attribute) };
        // SAFETY: By the type invariant `data` is valid while the file exists, and the kernel
        // removes no file while an operation on it runs.
        let data = unsafe { this.data.as_ref() };
        // SAFETY: By the contract `buffer` has `count` bytes.
        let input = unsafe { core::slice::from_raw_parts(buffer.cast::<u8>(), count) };
        from_result(|| {
            let store = this.operations.store.ok_or(EACCES)?;
            store(data, input)?;
            Ok(isize::try_from(count)?)
        })
    }
}

/// A directory in sysfs with its files.
///
/// Dropping it removes the files and waits for running operations on them: never drop it from an
/// operation on one of its own files or under a lock that these take. One that was never populated
/// has nothing to wait for. Drop the directories inside it first: they vanish from sysfs with it in
/// any case.
///
/// # Invariants
///
/// `kobj` is a kobject that was added to sysfs and whose initial reference is ours.
pub(crate) struct Directory<D: 'static> {
    kobj: NonNull<bindings::kobject>,
    // Dropped after the files are gone. The files point into `_data`; `files` never grows.
    files: KVec<File<D>>,
    _data: KBox<D>,
}

// SAFETY: Kobjects may be used and removed from any thread; `D` is `Send`.
unsafe impl<D: Send + Sync> Send for Directory<D> {}
// SAFETY: All that is done through a shared reference is thread-safe; `D` is `Sync`.
unsafe impl<D: Send + Sync> Sync for Directory<D> {}

impl<D: Send + Sync + 'static> Directory<D> {
    /// Makes the directory `name` in `/sys/kernel`, still without files, for `attributes` that work
    /// on `data`. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, also where the directory exists already, as the kernel does not tell them apart.
    pub(crate) fn in_kernel(
        name: &CStr,
        attributes: &'static [Attribute<D>],
        data: D,
    ) -> Result<Self> {
        // SAFETY: `kernel_kobj` is set during boot and never changes.
        let kernel = unsafe { bindings::kernel_kobj };
        // SAFETY: The kobject of `/sys/kernel` is there for good.
        unsafe { Self::new(name, kernel, attributes, data) }
    }

    /// Makes the directory `name` in `parent`; otherwise like [`Directory::in_kernel()`].
    pub(crate) fn inside<P>(
        parent: &Directory<P>,
        name: &CStr,
        attributes: &'static [Attribute<D>],
        data: D,
    ) -> Result<Self> {
        // SAFETY: By the type invariant the parent's kobject is in sysfs.
        unsafe { Self::new(name, parent.kobj.as_ptr(), attributes, data) }
    }

    /// # Safety
    ///
    /// `parent` must be a kobject in sysfs.
    unsafe fn new(
        name: &CStr,
        parent: *mut bindings::kobject,
        attributes: &'static [Attribute<D>],
        data: D,
    ) -> Result<Self> {
        let mut data = alloc::boxed(data)?;
        let pointer = NonNull::from(&mut *data);
        let mut files = alloc::with_capacity(attributes.len())?;
        for attribute in attributes {
            // INVARIANT: The data is boxed and outlives the file, see `Drop`.
            files
                .push_within_capacity(File::new(attribute, pointer))
                .map_err(|_| ENOMEM)?;
        }
        // SAFETY: `name` is NUL-terminated and copied; by the contract `parent` is in sysfs.
        let kobj = unsafe { bindings::kobject_create_and_add(name.as_char_ptr(), parent) };
        // INVARIANT: The kobject was just added, and the reference is ours.
        Ok(Self {
            kobj: NonNull::new(kobj).ok_or(ENOMEM)?,
            files,
            _data: data,
        })
    }

    /// Makes the files; to be called once. May sleep. On failure some of them may be there already,
    /// so drop the directory as one with files.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EEXIST` when called twice.
    pub(crate) fn populate(&self) -> Result {
        for file in &self.files {
            let file = core::ptr::from_ref(file);
            // SAFETY: `file` is valid; the pointer keeps the provenance of the whole `File`, which
            // the callbacks go back to.
            let attribute = unsafe { &raw const (*file).attribute.attr };
            // SAFETY: By the type invariant the kobject is in sysfs. The attribute stays at its
            // place until the file is removed, as the vector owns it and never grows.
            to_result(unsafe {
                bindings::sysfs_create_file_ns(self.kobj.as_ptr(), attribute, core::ptr::null())
            })?;
        }
        Ok(())
    }

    /// Wakes those who poll the file `name`. May sleep.
    pub(crate) fn notify(&self, name: &CStr) {
        // SAFETY: By the type invariant the kobject is valid; `name` is NUL-terminated and only
        // looked up.
        unsafe {
            bindings::sysfs_notify(self.kobj.as_ptr(), core::ptr::null(), name.as_char_ptr())
        };
    }
}

impl<D: 'static> Drop for Directory<D> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant the kobject is valid. This removes the files and waits for
        // running operations, after which nothing refers to `files` and `_data`.
        unsafe { bindings::kobject_del(self.kobj.as_ptr()) };
        // SAFETY: By the type invariant the reference is ours.
        unsafe { bindings::kobject_put(self.kobj.as_ptr()) };
    }
}
