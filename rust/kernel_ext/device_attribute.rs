// SPDX-License-Identifier: GPL-2.0

//! What the kernel knows of a node's access coordinates.
//!
//! The node devices are not exported, but sysfs has them: all devices sit in one kset, and the
//! coordinates of the CPU access class are attributes of `nodeN`'s child `access1`.
//!
//! C headers: `include/linux/device.h`, `include/linux/node.h`

use super::{
    alloc,
    coordinates::Bandwidth,
    kernfs::{self, Node},
    node::NodeId,
    number,
};
use core::ptr::NonNull;
use kernel::{bindings, container_of, prelude::*, str::CStr};

/// A counted reference to a device.
///
/// # Invariants
///
/// The pointer is valid and holds a reference.
struct Device(NonNull<bindings::device>);

impl Device {
    /// Finds a registered device by its name among all devices. May sleep.
    fn find(name: &CStr) -> Option<Self> {
        // SAFETY: CPU 0 is always possible; the result is null or a registered device.
        let cpu = NonNull::new(unsafe { bindings::get_cpu_device(0) })?;
        // SAFETY: The device of CPU 0 stays registered for good.
        let devices = unsafe { (*cpu.as_ptr()).kobj.kset };
        // SAFETY: `devices` is the kset of all devices, which lives for good; `name` is
        // NUL-terminated.
        let kobj = unsafe { bindings::kset_find_obj(devices, name.as_char_ptr()) };
        let kobj = NonNull::new(kobj)?;
        // SAFETY: The kset holds nothing but devices' kobjects.
        let device = unsafe { container_of!(kobj.as_ptr(), bindings::device, kobj) };
        // INVARIANT: `kset_find_obj()` took a reference for us.
        NonNull::new(device).map(Self)
    }

    /// Finds a child by its name. May sleep.
    fn child(&self, name: &CStr) -> Option<Self> {
        // SAFETY: By the type invariant the device is valid; the match function compares names and
        // gets a NUL-terminated one.
        let child = unsafe {
            bindings::device_find_child(
                self.0.as_ptr(),
                name.as_char_ptr().cast(),
                Some(bindings::device_match_name),
            )
        };
        // INVARIANT: The call took a reference for us.
        NonNull::new(child).map(Self)
    }

    /// Returns the device's kobject.
    fn kobj(&self) -> *mut bindings::kobject {
        // SAFETY: By the type invariant the device is valid.
        unsafe { &raw mut (*self.0.as_ptr()).kobj }
    }

    /// Reads the number in the device's attribute `file`. May sleep.
    ///
    /// # Safety
    ///
    /// `file` must be the node of a static attribute of this device.
    unsafe fn number(&self, file: &Node) -> Result<u32> {
        let parse = |text: &[u8]| number::parse(text.trim_ascii_end()).ok_or(EIO);
        // SAFETY: The kobject is valid; by the contract the attribute is one of its own and static.
        unsafe { kernfs::show(self.kobj(), file.private().cast(), parse) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: By the type invariant we hold a reference.
        unsafe { bindings::put_device(self.0.as_ptr()) };
    }
}

/// Returns `/sys/devices/system`.
fn system_devices() -> Option<Node> {
    // SAFETY: CPU 0 is always possible; the result is null or a registered device.
    let cpu = NonNull::new(unsafe { bindings::get_cpu_device(0) })?;
    // SAFETY: The device of CPU 0 stays registered, and so in sysfs, for good.
    let cpu = unsafe { Node::of(&raw mut (*cpu.as_ptr()).kobj) }?;
    // SAFETY: `system/cpu/cpu0` is never moved or removed.
    let cpus = unsafe { cpu.parent() }?;
    // SAFETY: Neither is `system/cpu`.
    unsafe { cpus.parent() }
}

/// Reads the bandwidth that the kernel's CPU access class has for `node`, from its nearest
/// initiators. May sleep.
///
/// # Errors
///
/// `ENOENT` where nothing was ever reported for the node, `EIO` where it cannot be read, `ENOMEM`.
pub(crate) fn bandwidth(node: NodeId) -> Result<Bandwidth> {
    let name = alloc::formatted(fmt!("node{node}"))?;
    let access = Device::find(&name)
        .and_then(|device| device.child(ACCESS_CLASS))
        .ok_or(ENOENT)?;
    // The nodes are looked up from the top: the device's own pointer to its directory may go stale
    // while the node is being removed, the references that a look-up returns do not.
    let directory = system_devices()
        .and_then(|system| system.descend(&[c"node", &name, ACCESS_CLASS]))
        .filter(|directory| directory.private() == access.kobj().cast())
        .ok_or(ENOENT)?;
    let initiators = directory.descend(&[c"initiators"]).ok_or(ENOENT)?;
    let read = initiators.descend(&[c"read_bandwidth"]).ok_or(ENOENT)?;
    let write = initiators.descend(&[c"write_bandwidth"]).ok_or(ENOENT)?;
    Ok(Bandwidth {
        // SAFETY: The directory was just found to be the device's own, and drivers/base defines the
        // attribute statically.
        read: unsafe { access.number(&read) }?,
        // SAFETY: As above.
        write: unsafe { access.number(&write) }?,
    })
}

/// The CPU access class as sysfs names it, see `enum access_coordinate_class`.
const ACCESS_CLASS: &CStr = c"access1";
