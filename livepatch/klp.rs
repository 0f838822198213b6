// SPDX-License-Identifier: GPL-2.0

//! The patch as the kernel's live patching knows it, and the decision whether it can be applied.
//!
//! C header: `include/linux/livepatch.h`

use crate::{ffi, mempolicy::REPLACEMENTS};
use core::{cell::UnsafeCell, hint::black_box, mem::MaybeUninit};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    str::CStr,
    sync::{
        atomic::{Atomic, Relaxed},
        SetOnce,
    },
    time::{delay::fsleep, Delta},
    types::{Opaque, ScopeGuard},
};

/// A function of the kernel and what replaces it.
pub(crate) struct Replacement {
    /// The symbol of the kernel's function.
    pub(crate) name: &'static CStr,
    /// Ours: it has the kernel's prototype and keeps its promises.
    pub(crate) function: *const (),
}

/// Marks the module: the loader lets no other enable a patch.
#[used]
#[link_section = ".modinfo"]
static MARK: [u8; 12] = *b"livepatch=Y\0";

/// Memory that is the kernel's as long as the patch is known to it.
#[repr(transparent)]
struct Shared<T>(UnsafeCell<T>);

// SAFETY: We touch it before we hand it over only, in `enable()`; later the kernel does, under its
// own mutex.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    const fn get(&self) -> *mut T {
        self.0.get()
    }
}

/// Returns a value of all zeros, which is what C leaves of a static that is not written out.
///
/// # Safety
///
/// All zeros must be a value of `T`.
const unsafe fn zeroed<T>() -> T {
    // SAFETY: By the contract.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// What ends a list of functions.
// SAFETY: It has numbers, pointers that may be null, and lists, which the kernel sets up.
const NO_FUNCTION: ffi::klp_func = unsafe { zeroed() };
/// What ends a list of objects; one without a name is the kernel itself.
// SAFETY: As above; no function pointer is the [`None`] of an `Option`.
const NO_OBJECT: ffi::klp_object = unsafe { zeroed() };
/// What ends a list of states.
// SAFETY: As above.
const NO_STATE: ffi::klp_state = unsafe { zeroed() };

const fn replace(replacement: &Replacement) -> ffi::klp_func {
    ffi::klp_func {
        old_name: replacement.name.to_bytes_with_nul().as_ptr(),
        new_func: replacement.function.cast_mut().cast(),
        ..NO_FUNCTION
    }
}

static FUNCTIONS: Shared<[ffi::klp_func; 4]> = {
    let [a, b, c] = &REPLACEMENTS;
    Shared::new([replace(a), replace(b), replace(c), NO_FUNCTION])
};

static OBJECTS: Shared<[ffi::klp_object; 2]> = Shared::new([
    ffi::klp_object {
        funcs: FUNCTIONS.get().cast(),
        callbacks: ffi::klp_callbacks {
            post_patch: Some(patched),
            post_unpatch: Some(unpatched),
            // SAFETY: As for `NO_OBJECT`.
            ..unsafe { zeroed() }
        },
        ..NO_OBJECT
    },
    NO_OBJECT,
]);

/// A cumulative patch (`replace`) takes all others away and does not run their callbacks, so numaweave
/// would go on as if it were attached. The kernel refuses one that does not know this state.
static STATES: Shared<[ffi::klp_state; 2]> = Shared::new([
    ffi::klp_state {
        id: 0x6e75_6d61,
        version: 1,
        ..NO_STATE
    },
    NO_STATE,
]);

static PATCH: Shared<ffi::klp_patch> = Shared::new(ffi::klp_patch {
    objs: OBJECTS.get().cast(),
    states: STATES.get().cast(),
    // SAFETY: As for `NO_FUNCTION`; no live patch is all zeros.
    ..unsafe { zeroed() }
});

/// Whether somebody was let to [`enable()`]: one is, once and for all.
static TAKEN: SetOnce<()> = SetOnce::new();

/// Whether numaweave knows. The kernel calls both functions below under its own mutex.
static ATTACHED: Atomic<bool> = Atomic::new(false);

/// Called when each task uses our functions.
extern "C" fn patched(_: *mut ffi::klp_object) {
    // SAFETY: Ours are in force, and we may sleep.
    match to_result(unsafe { ffi::numaweave_takeover_attach() }) {
        Ok(()) => ATTACHED.store(true, Relaxed),
        Err(error) => pr_err!(
            "mempolicy asks numaweave, which does not know ({error:?}): write 0 to \
             /sys/kernel/livepatch/numaweave_livepatch/enabled, remove this module, load it again\n"
        ),
    }
}

/// Called when each task uses the kernel's functions again, or still: also where patching has failed
/// or was called off.
extern "C" fn unpatched(_: *mut ffi::klp_object) {
    if ATTACHED.xchg(false, Relaxed) {
        // SAFETY: The kernel's are in force, and we may sleep.
        unsafe { ffi::numaweave_takeover_detach() };
    }
}

/// Returns whether the kernel has a function `name` that can be replaced.
///
/// Live patching puts itself where ftrace does, and finds functions by name; so does a filter of
/// ftrace, which here is never put to use.
///
/// # Errors
///
/// `ENOMEM`; `ENODEV` where ftrace has turned itself off after a fault.
fn can_be_replaced(name: &CStr) -> Result<bool> {
    let mut pattern = [0u8; 64];
    let bytes = name.to_bytes_with_nul();
    pattern
        .get_mut(..bytes.len())
        .ok_or(EINVAL)?
        .copy_from_slice(bytes);
    let length = c_int::try_from(bytes.len().saturating_sub(1))?;

    let ops = Opaque::<bindings::ftrace_ops>::zeroed();
    // SAFETY: `ops` was only filtered with, stays where it is, and is not used again.
    let ops = ScopeGuard::new_with_data(&ops, |ops| unsafe {
        bindings::ftrace_free_filter(ops.get())
    });
    // SAFETY: A zeroed `ops` is one that nobody has used; the pattern ends with NUL after `length`.
    let status = unsafe { bindings::ftrace_set_filter(ops.get(), pattern.as_mut_ptr(), length, 0) };
    match to_result(status) {
        Err(error) if error == EINVAL => Ok(false),
        filtered => filtered.map(|()| true),
    }
}

/// Replaces the functions; all tasks use ours some time after this has returned. To be the last step
/// of the start-up of `module`.
///
/// # Errors
///
/// `ENOENT` where the kernel lacks one of the functions, and those of live patching; nothing is
/// replaced then, and the log has the reason.
pub(crate) fn enable(module: &'static ThisModule) -> Result {
    if !TAKEN.populate(()) {
        return Err(EBUSY);
    }
    let mut complete = true;
    for replacement in &REPLACEMENTS {
        // What the kernel is going to look for is in memory, where tests alter it.
        let name = black_box(replacement.name);
        if !can_be_replaced(name)? {
            complete = false;
            pr_err!(
                "this kernel has no function {name} that could be replaced: it is missing, inlined \
                 or not traceable\n"
            );
        }
    }
    if !complete {
        pr_err!("nothing is replaced; numaweave works without the takeover\n");
        return Err(ENOENT);
    }
    // SAFETY: Nobody else knows the patch yet.
    unsafe { (&raw mut (*PATCH.get()).mod_).write(module.as_ptr()) };
    // SAFETY: All of the patch is static. It is handed over once, and the kernel keeps the module
    // loaded until it has forgotten the patch.
    let enabled = to_result(unsafe { ffi::klp_enable_patch(PATCH.get()) });
    if let Err(error) = enabled {
        let reason = if error == EBUSY {
            "kernel.ftrace_enabled is 0, or something else redirects one of the functions"
        } else {
            "the lines before say why"
        };
        pr_err!("nothing is replaced, as the kernel does not let itself be patched: {reason}\n");
        outlive_the_patch();
    }
    enabled
}

/// Waits until the kernel has let go of what lies in this module, after it has refused the patch.
///
/// It waits itself for the kobject of the patch, which those of objects and functions keep alive, but only
/// those that it got to add to their parents. Without memory for that their release is on its own, and
/// with `CONFIG_DEBUG_KOBJECT_RELEASE` comes up to four seconds later (`kobject_release()` in
/// `lib/kobject.c`).
fn outlive_the_patch() {
    if cfg!(CONFIG_DEBUG_KOBJECT_RELEASE) {
        fsleep(Delta::from_secs(5));
    }
}
