// SPDX-License-Identifier: GPL-2.0

//! The takeover: mempolicy asks us for every page, and the kernel's own files are a face of ours.
//!
//! `numaweave_livepatch.ko` attaches and detaches. While it is attached the kernel's table is kept
//! automatic where our weights are, as its computation is ours; what an administrator writes into it
//! is taken as if it had been written into our files.

use super::Provider;
use crate::kernel_ext::{table_writes::WriteHandler, weighted_interleave::Watch};
use kernel::{prelude::*, sync::Arc};

impl Provider {
    /// Notes that mempolicy's decisions are ours from now on.
    ///
    /// # Errors
    ///
    /// `EBUSY` where they are already, `ENOMEM`.
    pub(crate) fn attach_takeover(this: &Arc<Self>) -> Result {
        if this.kernel_table_watch.lock().is_none() {
            pr_warn!("writes to the kernel's own weights are noticed at the next change only\n");
        }
        this.update(|state, _| state.attach_takeover())?;
        // The first publication may have overwritten what was written just before.
        this.kernel_table_written();
        Ok(())
    }

    /// Returns how the page allocator is made to follow, in the word that users read. Any context.
    pub(crate) fn attached(&self) -> &'static str {
        self.read(|table| {
            if table.takeover {
                "livepatch"
            } else if self.has_kernel_table && table.settings.publish {
                "publish"
            } else {
                "none"
            }
        })
    }

    /// Notes that mempolicy's decisions are its own again. Weights of 0 become 1.
    pub(crate) fn detach_takeover(&self) {
        let detached = self.update(|state, _| {
            state.detach_takeover(|node| {
                pr_info!(
                    "node {node}: weight 0 becomes 1, as the kernel's own interleaving knows no 0\n"
                );
            });
            Ok(())
        });
        if let Err(error) = detached {
            pr_err!("weights of the takeover stay in force until the next change: {error:?}\n");
        }
    }

    /// Tells `handler` of each write to one of the files of the kernel's table, but for our own.
    ///
    /// # Errors
    ///
    /// `ENOENT` where the kernel has no table, and those of fprobe.
    pub(crate) fn watch_kernel_table<H: WriteHandler + Clone>(
        &self,
        handler: H,
    ) -> Result<Watch<H>> {
        let publisher = self.publisher.lock();
        publisher.table().ok_or(ENOENT)?.watch(handler)
    }

    /// Deals with what an administrator has written into the kernel's table.
    pub(crate) fn kernel_table_written(&self) {
        let mut publisher = self.publisher.lock();
        if self.read(|table| table.takeover) {
            drop(publisher);
            if let Err(error) = self.update(|_, _| Ok(())) {
                pr_warn!("weights in the kernel's own files are not taken yet: {error:?}\n");
            }
            return;
        }
        let respected = publisher.respect(|each| self.take_writes(each));
        drop(publisher);
        if let Err(error) = respected {
            pr_warn!("a weight written into the kernel's own files is overwritten: {error:?}\n");
        }
        self.faces.notify_in_sync();
    }
}
