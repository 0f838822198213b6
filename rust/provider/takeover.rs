// SPDX-License-Identifier: GPL-2.0

//! The takeover: mempolicy asks us for every page, and the kernel's own files are a face of ours.
//!
//! `numaweave_livepatch.ko` attaches and detaches. While it is attached the kernel's table is kept
//! automatic where our weights are, as its computation is ours; what an administrator writes into it
//! is taken as if it had been written into our files.

use super::Provider;
use crate::kernel_ext::{table_writes::WriteHandler, weighted_interleave::Watch};
use kernel::prelude::*;

impl Provider {
    /// Notes that mempolicy's decisions are ours from now on. Where memory is short for what follows
    /// from that, it follows later.
    ///
    /// # Errors
    ///
    /// `EBUSY` where they are already.
    pub(crate) fn attach_takeover(&self) -> Result {
        if self.kernel_table_watch.lock().is_none() {
            pr_warn!("writes to the kernel's own weights are noticed at the next change only\n");
        }
        if core::mem::replace(&mut *self.takeover.lock(), true) {
            return Err(EBUSY);
        }
        if let Err(error) = self.settle_takeover() {
            self.failed(fmt!("the takeover is not known of yet"), error);
        }
        Ok(())
    }

    /// Notes that mempolicy's decisions are its own again. Weights of 0 become 1, if need be later.
    pub(crate) fn detach_takeover(&self) {
        *self.takeover.lock() = false;
        if let Err(error) = self.settle_takeover() {
            self.failed(fmt!("weights of the takeover stay in force for now"), error);
        }
    }

    /// Makes the table say whether decisions are ours.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing has changed then.
    pub(super) fn settle_takeover(&self) -> Result {
        // Held, so that the last word is that of who spoke last.
        let wanted = self.takeover.lock();
        let is_attached = self.read(|table| table.takeover);
        match (*wanted, is_attached) {
            (true, false) => self.attach(),
            (false, true) => self.detach(),
            _ => Ok(()),
        }
    }

    fn attach(&self) -> Result {
        // What was written long before is to be told from what the first publication makes of it.
        self.publisher.lock().look(|each| self.take_writes(each))?;
        self.update(|state, _| state.attach_takeover())?;
        // The first publication may have overwritten what was written just before.
        self.kernel_table_written();
        Ok(())
    }

    fn detach(&self) -> Result {
        self.update(|state, _| {
            state.detach_takeover(|node| {
                pr_info!(
                    "node {node}: weight 0 becomes 1, as the kernel's own interleaving knows no 0\n"
                );
            });
            Ok(())
        })
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

    /// Tells `handler` of each write to one of the files of the kernel's table, but for our own.
    ///
    /// # Errors
    ///
    /// `ENOENT` where the kernel has no table, and those of fprobe.
    pub(crate) fn watch_kernel_table<H: WriteHandler + Clone>(
        &self,
        handler: H,
    ) -> Result<Watch<H>> {
        let stores = self.publisher.lock().table().ok_or(ENOENT)?.stores()?;
        stores.watch(handler)
    }

    /// Deals with what an administrator has written into the kernel's table.
    pub(crate) fn kernel_table_written(&self) {
        if let Err(error) = self.take_kernel_table_writes() {
            self.failed(
                fmt!("writes to the kernel's own files are not dealt with yet"),
                error,
            );
        }
    }

    /// Takes them for ours with the takeover, and has them stay without it.
    ///
    /// # Errors
    ///
    /// Those of the table, `ENOMEM`; nothing is forgotten then.
    pub(super) fn take_kernel_table_writes(&self) -> Result {
        let mut publisher = self.publisher.lock();
        if self.read(|table| table.takeover) {
            drop(publisher);
            return self.update(|_, _| Ok(()));
        }
        let respected = publisher.respect(|each| self.take_writes(each));
        drop(publisher);
        self.faces.notify_in_sync();
        respected.map(drop)
    }
}
