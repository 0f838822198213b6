// SPDX-License-Identifier: GPL-2.0

//! Probes at the entry and exit of kernel functions.
//!
//! C header: `include/linux/fprobe.h`

use super::ffi;
use core::{marker::PhantomPinned, mem, ptr::NonNull};
use kernel::{container_of, error::to_result, prelude::*, str::CStr, types::Opaque};

/// What is called when a probed function is.
///
/// Both methods run in the caller's context with preemption off: they must not sleep, and they delay
/// the function they watch.
pub(crate) trait CallHandler: Send + Sync + 'static {
    /// What the entry leaves for the exit of the same call; a few words at most.
    type Note: Copy + Default;

    /// Handles the entry to the function.
    fn entry(&self, arguments: &Arguments) -> Self::Note;

    /// Handles the exit from the function, which returns `result`. An exit can be missed where too
    /// many are pending.
    fn exit(&self, _note: Self::Note, _result: isize) {}
}

/// The arguments of a probed call.
///
/// # Invariants
///
/// The registers are those of a probed call that is being made.
pub(crate) struct Arguments(*mut ffi::ftrace_regs);

impl Arguments {
    /// Returns the `n`-th argument, from 0, as the register holds it.
    pub(crate) fn get(&self, n: u32) -> usize {
        // SAFETY: By the type invariant the registers are valid; the function reads them only.
        unsafe { ffi::numaweave_ftrace_argument(self.0, n) }
    }
}

/// The address of a function of the kernel proper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function(pub(super) usize);

/// A registered probe on one function of the kernel.
///
/// Dropping it waits until no handler runs any more; may sleep.
///
/// # Invariants
///
/// `fprobe` is registered from the end of the initializer until the drop.
#[pin_data(PinnedDrop)]
pub(crate) struct Fprobe<H: CallHandler> {
    #[pin]
    fprobe: Opaque<ffi::fprobe>,
    handler: H,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The C struct may be unregistered from any thread, and `H` is `Send`.
unsafe impl<H: CallHandler> Send for Fprobe<H> {}
// SAFETY: Through a shared reference only `handler` can be used, and `H` is `Sync`.
unsafe impl<H: CallHandler> Sync for Fprobe<H> {}

impl<H: CallHandler> Fprobe<H> {
    /// Probes the function `symbol` of the kernel proper. May sleep.
    ///
    /// # Errors
    ///
    /// `ENOENT` or `EINVAL` where the kernel has no such function or cannot trace it,
    /// `EOPNOTSUPP` where it has no fprobe, `ENOMEM`.
    pub(crate) fn register(symbol: &'static CStr, handler: H) -> impl PinInit<Self, Error> {
        // SAFETY: `fprobe` is one by the contract of `with`; `symbol` is NUL-terminated and outlives
        // the call.
        Self::with(handler, move |fprobe| unsafe {
            ffi::numaweave_register_fprobe(fprobe, symbol.as_char_ptr())
        })
    }

    /// Probes `function`; otherwise like [`Fprobe::register()`].
    pub(crate) fn at(function: Function, handler: H) -> impl PinInit<Self, Error> {
        // SAFETY: `fprobe` is one by the contract of `with`; the address is only looked up.
        Self::with(handler, move |fprobe| unsafe {
            ffi::numaweave_register_fprobe_at(fprobe, function.0)
        })
    }

    /// Makes a probe that `register` registers; it is given an fprobe in pinned memory and returns 0
    /// or an error number.
    fn with(
        handler: H,
        register: impl FnOnce(*mut ffi::fprobe) -> c_int,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            handler,
            _pin: PhantomPinned,
            fprobe <- Opaque::try_ffi_init(|slot: *mut ffi::fprobe| {
                // SAFETY: `slot` is valid for writes, and all fields of an fprobe may be zero.
                unsafe { slot.write_bytes(0, 1) };
                // SAFETY: `slot` was just initialized.
                unsafe { (*slot).entry_handler = Some(Self::entry_callback) };
                // SAFETY: As above.
                unsafe { (*slot).exit_handler = Some(Self::exit_callback) };
                // The kernel keeps notes in words.
                const { assert!(mem::align_of::<H::Note>() <= mem::align_of::<usize>()) };
                // SAFETY: As above.
                unsafe { (*slot).entry_data_size = mem::size_of::<H::Note>() };
                // `handler` was initialized before, so that the callback may run at once.
                to_result(register(slot))
            }),
        }? Error)
    }

    /// Returns the handler.
    pub(crate) fn handler(&self) -> &H {
        &self.handler
    }

    /// Hands one call of the probed function to the handler.
    ///
    /// # Safety
    ///
    /// `fprobe` must be the `fprobe` of a live `Fprobe<H>`, `regs` the registers of the call, and
    /// `entry_data` null or room for a note in this call.
    unsafe extern "C" fn entry_callback(
        fprobe: *mut ffi::fprobe,
        _entry_ip: usize,
        _ret_ip: usize,
        regs: *mut ffi::ftrace_regs,
        entry_data: *mut c_void,
    ) -> c_int {
        // SAFETY: By the contract.
        let this = unsafe { Self::from_fprobe(fprobe) };
        // INVARIANT: By the contract these are the registers of the call.
        let note = this.handler.entry(&Arguments(regs));
        if let Some(room) = NonNull::new(entry_data.cast::<H::Note>()) {
            // SAFETY: By the contract; the kernel aligns it to a word, which is enough.
            unsafe { room.write(note) };
        }
        0
    }

    /// Tells the handler of the end of one call of the probed function.
    ///
    /// # Safety
    ///
    /// `fprobe` must be the `fprobe` of a live `Fprobe<H>`, `regs` the registers at the end of the call,
    /// and `entry_data` what the entry to this call was given.
    unsafe extern "C" fn exit_callback(
        fprobe: *mut ffi::fprobe,
        _entry_ip: usize,
        _ret_ip: usize,
        regs: *mut ffi::ftrace_regs,
        entry_data: *mut c_void,
    ) {
        let note = NonNull::new(entry_data.cast::<H::Note>())
            // SAFETY: By the contract the entry has written a note there.
            .map_or_else(H::Note::default, |note| unsafe { note.read() });
        // SAFETY: By the contract the registers are valid; the function reads them only.
        // CAST: The register as the signed number that C functions return errors in.
        let result = unsafe { ffi::numaweave_ftrace_return_value(regs) } as isize;
        // SAFETY: By the contract.
        let this = unsafe { Self::from_fprobe(fprobe) };
        this.handler.exit(note, result);
    }

    /// # Safety
    ///
    /// `fprobe` must be the `fprobe` of an `Fprobe<H>` that lives for `'a`.
    unsafe fn from_fprobe<'a>(fprobe: *mut ffi::fprobe) -> &'a Self {
        let fprobe = fprobe.cast::<Opaque<ffi::fprobe>>();
        // SAFETY: By the contract `fprobe` is embedded in a `Self`.
        let this = unsafe { container_of!(fprobe, Self, fprobe) };
        // SAFETY: By the contract it is alive; nothing holds a mutable reference to a pinned,
        // registered probe.
        unsafe { &*this }
    }
}

#[pinned_drop]
impl<H: CallHandler> PinnedDrop for Fprobe<H> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariant the probe is registered. The call returns when no handler
        // runs any more, so `handler` may be dropped after it. It fails only for a probe that is
        // not registered.
        unsafe { ffi::numaweave_unregister_fprobe(self.fprobe.get()) };
    }
}

/// Calls a harmless function of the kernel, [`CANARY`].
///
/// A probe on it that does not see this call shows that fprobes see nothing at present
/// (`kernel.ftrace_enabled=0` does that without an error). Any context.
pub(crate) fn call_canary() {
    // SAFETY: The function has no requirements.
    unsafe { ffi::numaweave_call_canary() };
}

/// The function that [`call_canary()`] calls.
pub(crate) const CANARY: &CStr = c"gcd";
