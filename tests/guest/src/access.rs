// SPDX-License-Identifier: GPL-2.0

//! What a process may do with files: `numaweave-guest access`, started as whoever is to be tried.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{bail, Context, Result};
use clap::{Args, ValueEnum};
use nix::mount::{mount, MsFlags};
use nix::sched::{unshare, CloneFlags};
use nix::unistd::{getgid, getuid};
use serde::{Deserialize, Serialize};

use crate::file;
use crate::workload;

/// Which files, and where the process stands.
#[derive(Args)]
pub(crate) struct Question {
    /// Folders, with all that is below, or files.
    paths: Vec<PathBuf>,
    /// Leave what the caller has for new namespaces first.
    #[arg(long, value_enum)]
    inside: Option<Inside>,
    /// Write this to the one file, rather than look at what opens.
    #[arg(long)]
    write: Option<String>,
}

/// What containers are made of.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Inside {
    /// A user and a mount namespace, in which the user is root.
    UserNamespace,
    /// A mount namespace in which /sys is read-only.
    ReadOnlySys,
}

/// Errno of opening a file to read it (and reading it) and to write it; 0 where that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) read: i32,
    pub(crate) write: i32,
}

/// The answer for each file.
pub(crate) type Accesses = BTreeMap<PathBuf, Access>;

/// Entry of `numaweave-guest access`.
pub(crate) fn main(question: &Question) -> Result<ExitCode> {
    match question.inside {
        Some(Inside::UserNamespace) => become_root_of_namespace()?,
        Some(Inside::ReadOnlySys) => make_sys_read_only()?,
        None => {}
    }
    if let Some(value) = &question.write {
        let [path] = question.paths.as_slice() else {
            bail!("--write is for one file");
        };
        println!("{}", errno(file::try_write(path, value)));
        return Ok(ExitCode::SUCCESS);
    }
    let mut accesses = Accesses::new();
    for path in &question.paths {
        collect(path, &mut accesses)?;
    }
    println!("{}", serde_json::to_string(&accesses)?);
    Ok(ExitCode::SUCCESS)
}

fn become_root_of_namespace() -> Result<()> {
    let (user, group) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)
        .context("cannot have a user namespace")?;
    file::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    file::write("/proc/self/setgroups", "deny")?;
    file::write("/proc/self/gid_map", format!("0 {group} 1"))
}

fn make_sys_read_only() -> Result<()> {
    let none: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS).context("cannot have a mount namespace")?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let again = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(none, "/sys", none, again, none).context("cannot make /sys read-only")
}

fn collect(path: &Path, accesses: &mut Accesses) -> Result<()> {
    let kind = fs::symlink_metadata(path);
    if kind.is_ok_and(|kind| kind.is_dir()) {
        let failed = || format!("cannot list {}", path.display());
        for entry in fs::read_dir(path).with_context(failed)? {
            collect(&entry.with_context(failed)?.path(), accesses)?;
        }
        return Ok(());
    }
    let access = Access {
        read: errno(
            OpenOptions::new()
                .read(true)
                .open(path)
                .and_then(|mut file| {
                    let mut first = [0; 64];
                    file.read(&mut first)
                }),
        ),
        write: errno(OpenOptions::new().write(true).open(path)),
    };
    accesses.insert(path.to_owned(), access);
    Ok(())
}

fn errno<T>(result: io::Result<T>) -> i32 {
    result
        .err()
        .map_or(0, |error| error.raw_os_error().unwrap_or(-1))
}

/// Who tries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// Root in new namespaces, or as it is.
    Root(Option<&'static str>),
    /// A user in new namespaces, or as it is.
    User(Option<&'static str>),
    /// Root without any capability.
    BareRoot,
}

/// Makes whoever runs what follows it.
const SETPRIV: &str = "/usr/bin/setpriv";
const USER: [&str; 3] = ["--reuid=1000", "--regid=1000", "--clear-groups"];
const NO_CAPABILITIES: [&str; 2] = ["--bounding-set=-all", "--inh-caps=-all"];

impl Who {
    /// Has him run this program, with `arguments`, in a process of its own.
    fn command(self, arguments: &[&str]) -> Result<Command> {
        let (options, inside): (&[&str], _) = match self {
            Self::Root(inside) => (&[], inside),
            Self::User(inside) => (&USER, inside),
            Self::BareRoot => (&NO_CAPABILITIES, None),
        };
        let mut command = Command::new(SETPRIV);
        command
            .args(options)
            .arg(workload::program()?)
            .arg("access");
        if let Some(inside) = inside {
            command.args(["--inside", inside]);
        }
        command.args(arguments);
        Ok(command)
    }

    /// Has him write `value` to the file at `path`; returns the errno, 0 where it was taken.
    pub(crate) fn write(self, path: &Path, value: &str) -> Result<i32> {
        let path = path.to_str().context("a path that is no text")?;
        workload::json_of(&mut self.command(&["--write", value, path])?)
    }
}

/// Tries `paths` as `who` in a process of its own.
pub(crate) fn ask(who: Who, paths: &[&str]) -> Result<Accesses> {
    workload::json_of(&mut who.command(paths)?)
}
