// SPDX-License-Identifier: GPL-2.0

//! numaweave: a policy provider for weighted interleave.
//!
//! Data flows one way: `sources` tell the `provider` of bandwidth, `policy` turns it into weights,
//! the provider publishes them as a table, and `sinks` consume that. This file has the start-up and
//! teardown order and nothing else.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is also a crate of its own, for the host's tests"
)]
mod hmat;
mod input;
mod kernel_ext;
#[cfg(CONFIG_KUNIT = "y")]
mod kunit;
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "it is also a crate of its own, for the host's tools and tests"
)]
mod policy;
mod provider;
mod sinks;
mod sources;

use crate::{
    kernel_ext::weighted_interleave::WeightedInterleave,
    provider::{retry::OpenRetries, settings::Settings, Provider},
    sinks::{exports::Exports, sysfs::Faces},
    sources::{
        hook::{Hook, HookStatus},
        hotplug::Hotplug,
        kernel_table::KernelTableWatch,
    },
};
use kernel::{prelude::*, sync::Arc};

module! {
    type: Numaweave,
    name: "numaweave",
    authors: ["numaweave developers"],
    description: "Policy provider for weighted interleave",
    license: "GPL",
}

/// The loaded module. The fields are dropped in this order, which is the order of teardown. (They are
/// made in the opposite order, but for the last two: a start-up that fails between them must give the
/// kernel's table back too.)
struct Numaweave {
    /// No other module asks any more (none can be there that calls us), then ...
    _exports: Exports,
    /// ... nobody can ask for a change any more, then ...
    _faces: OpenFaces,
    /// ... no update comes in and none is under way, then ...
    _hook: AttachedHook,
    /// ... nor do writes to the kernel's table, then ...
    _watch: AttachedWatch,
    /// ... the kernel's table is given back, then ...
    _publication: Publication,
    /// ... memory may come and go without us, then ...
    _hotplug: Hotplug,
    /// ... nothing is left to be done later, and with the provider its tables go.
    _retries: OpenRetries,
}

/// The provider's files; removed on drop.
struct OpenFaces(Arc<Provider>);

impl Drop for OpenFaces {
    fn drop(&mut self) {
        self.0.faces().close();
    }
}

/// The hook on updates; taken away on drop.
struct AttachedHook(Arc<Provider>);

impl Drop for AttachedHook {
    fn drop(&mut self) {
        self.0.attach_hook(None);
    }
}

/// The watch over the kernel's table; taken away on drop.
struct AttachedWatch(Arc<Provider>);

impl Drop for AttachedWatch {
    fn drop(&mut self) {
        self.0.attach_kernel_table_watch(None);
    }
}

/// Our weights in the kernel's table; given back on drop.
struct Publication(Arc<Provider>);

impl Drop for Publication {
    fn drop(&mut self) {
        self.0.close_publication();
    }
}

impl kernel::Module for Numaweave {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let settings = Settings::from_params()?;
        let kernel_table = match WeightedInterleave::find() {
            Err(error) if error == ENOENT => {
                pr_warn!(
                    "this kernel has no table of weights: weights are computed and shown, but the \
                     page allocator does not follow\n"
                );
                None
            }
            found => Some(found?),
        };
        let provider = Provider::new(settings, kernel_table)?;
        let retries = OpenRetries::new(provider.clone());
        let publication = Publication(provider.clone());
        let hotplug = Hotplug::register(&provider)?;
        let hook = AttachedHook(provider.clone());
        match Hook::install(provider.clone()) {
            Err(error) if error == ENOMEM => return Err(error),
            Err(error) => pr_warn!(
                "this kernel cannot be hooked ({error:?}): bandwidth updates are not followed; \
                 write to auto to read the kernel's coordinates anew\n"
            ),
            Ok(hook) => provider.attach_hook(Some(hook)),
        }
        let watch = AttachedWatch(provider.clone());
        match KernelTableWatch::install(provider.clone()) {
            Err(error) if error == ENOMEM => return Err(error),
            // There is no table, or what was said of the hook holds here too.
            watch => provider.attach_kernel_table_watch(watch.ok()),
        }
        if provider.hook_status() == HookStatus::Silent {
            pr_warn!(
                "the kernel calls no probes at present (kernel.ftrace_enabled): bandwidth updates \
                 are not followed\n"
            );
        }
        let faces = OpenFaces(provider.clone());
        Faces::open(&provider)?;
        let exports = Exports::open(provider.clone())?;
        // What happened since the provider was made, before all of this listened.
        provider.refresh()?;

        provider.read(|table| {
            pr_info!(
                "cycle of {} pages, efficiency {} ppm\n",
                table.cycle,
                table.efficiency_ppm
            )
        });
        Ok(Self {
            _exports: exports,
            _faces: faces,
            _hook: hook,
            _watch: watch,
            _publication: publication,
            _hotplug: hotplug,
            _retries: retries,
        })
    }
}
