// SPDX-License-Identifier: GPL-2.0

//! ACPI tables and the proximity domains they speak of.
//!
//! C headers: `include/acpi/acpixf.h`, `include/acpi/acpi_numa.h`

use super::node::NodeId;
use kernel::{prelude::*, str::CStr};

/// Hands the bytes of the first ACPI table with this signature, its header included, to `read`.
/// [`None`] where there is none. May sleep.
#[cfg(CONFIG_ACPI)]
pub(crate) fn with_table<T>(signature: &CStr, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    use core::ptr::{null_mut, NonNull};
    use kernel::bindings;

    let mut table = null_mut();
    // SAFETY: `signature` is NUL-terminated and only read; `table` is valid for writes.
    let status =
        unsafe { bindings::acpi_get_table(signature.as_char_ptr().cast_mut(), 1, &raw mut table) };
    let table = NonNull::new(table).filter(|_| status == 0)?;
    // SAFETY: ACPICA has mapped the whole table, which begins with a header.
    let length = unsafe { (*table.as_ptr()).length };
    // CAST: A u32 fits.
    let length = length as usize;
    // SAFETY: ACPICA maps and checks as many bytes as the header says; nobody writes them.
    let bytes = unsafe { core::slice::from_raw_parts(table.as_ptr().cast::<u8>(), length) };
    let result = read(bytes);
    // SAFETY: The reference that the look-up took is ours, and `bytes` is not used any more.
    unsafe { bindings::acpi_put_table(table.as_ptr()) };
    Some(result)
}

/// There are no ACPI tables in this kernel.
#[cfg(not(CONFIG_ACPI))]
pub(crate) fn with_table<T>(_signature: &CStr, _read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    None
}

/// Returns the node of a proximity domain that the SRAT has named. Any context.
#[cfg(CONFIG_ACPI_NUMA)]
pub(crate) fn node_of(proximity_domain: u32) -> Option<NodeId> {
    let domain = i32::try_from(proximity_domain).ok()?;
    // SAFETY: The function checks its argument.
    NodeId::new(unsafe { kernel::bindings::pxm_to_node(domain) })
}

/// No proximity domain has a node in this kernel.
#[cfg(not(CONFIG_ACPI_NUMA))]
pub(crate) fn node_of(_proximity_domain: u32) -> Option<NodeId> {
    None
}
