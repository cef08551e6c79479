//! The file system of a confined program, by Landlock.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::path::{Path, PathBuf};

/// Rights of this version are asked for; of them, a kernel gives those that it knows. The first is the least that is taken.
const WANTED: ABI = ABI::V6;
/// Where programs find their libraries.
const LIBRARIES: [&str; 5] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"];
/// What the start of a program reads.
const NEEDED: [&str; 5] = [
    "/etc/ld.so.cache",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/self/status",
    "/sys/devices/system",
];
/// Loaders of programs, which the kernel runs with them.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// Leaves to this process the program, its libraries, the inputs to read, and one folder to write in.
pub(super) fn close(
    program: &Path,
    reads: &[PathBuf],
    writes: Option<&Path>,
) -> Result<(), String> {
    let closed = rules(program, reads, writes).and_then(|rules| {
        let status = rules.restrict_self().map_err(|error| error.to_string())?;
        Ok(status.ruleset)
    });
    match closed.map_err(|error| format!("Landlock: {error}"))? {
        RulesetStatus::NotEnforced => Err("Landlock is not in this kernel, or off".into()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

fn rules(
    program: &Path,
    reads: &[PathBuf],
    writes: Option<&Path>,
) -> Result<RulesetCreated, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(WANTED))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(WANTED)))
        .and_then(|rules| rules.scope(Scope::from_all(WANTED)))
        .and_then(Ruleset::create)
        .map_err(|error| said(&error))?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = AccessFs::ReadFile | AccessFs::Execute;
    let mut allow = |path: &Path, access: BitFlags<AccessFs>, must: bool| {
        let opened = match PathFd::new(path) {
            Ok(opened) => opened,
            Err(_) if !must => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        // A file has no entries to be read.
        let access = match path.is_dir() {
            true => access,
            false => access & AccessFs::from_file(WANTED),
        };
        let added = (&mut rules).add_rule(PathBeneath::new(opened, access));
        added.map(|_| ()).map_err(|error| error.to_string())
    };
    allow(program, run, true)?;
    for loader in LOADERS {
        allow(Path::new(loader), run, false)?;
    }
    for path in LIBRARIES.iter().chain(&NEEDED) {
        allow(Path::new(path), read, false)?;
    }
    allow(
        Path::new("/dev/null"),
        AccessFs::ReadFile | AccessFs::WriteFile,
        false,
    )?;
    for file in reads {
        allow(file, AccessFs::ReadFile.into(), true)?;
    }
    if let Some(folder) = writes {
        allow(folder, written(), true)?;
    }
    Ok(rules)
}

/// What may be done in the folder of outputs: files come, are written, read again, shortened and go.
fn written() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::Truncate
}
