//! The system calls of a confined program, by seccomp.
//!
//! A list of what is refused, not of what is allowed: what ffmpeg and its thirty libraries call differs from version to
//! version, and an allow list would break with each. What matters is closed as a whole: files by Landlock, sockets, new
//! processes, other processes, and the interfaces by which kernels are attacked by this list. Where a list of refusals has a
//! way around it, the way is on it too: the second set of numbers that x86-64 kernels may have (x32), io_uring, and what
//! Landlock does not see (rights, times and attributes of files; truncation before Linux 6.2).

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::collections::BTreeMap;

/// Refused with EPERM, whatever the arguments.
const REFUSED: &[libc::c_long] = &[
    // The network, and other processes by it.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_setrlimit,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setattr,
    libc::SYS_process_madvise,
    libc::SYS_process_mrelease,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // Files that Landlock lets be: it knows neither rights nor times nor attributes.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_truncate,
    // Rights and places.
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    // Interfaces of the kernel.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_quotactl,
    libc::SYS_personality,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_kexec_file_load,
    libc::SYS_fanotify_init,
    // Memory, messages and counters that processes share.
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_mq_open,
];

/// Closes these system calls to this process and what it becomes.
pub(super) fn close() -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| format!("seccomp: {error}");
    // Newer C libraries start threads by it, its arguments are out of a filter's reach, and they know the older way.
    // The flags of `openat2` are out of reach as well.
    let newer = [libc::SYS_clone3, libc::SYS_openat2];
    let unknown = filter(&newer, Vec::new(), libc::ENOSYS).map_err(|error| said(&error))?;
    let refused = with_arguments()
        .and_then(|rules| filter(REFUSED, rules, libc::EPERM))
        .map_err(|error| said(&error))?;
    for filter in [unknown, refused] {
        seccompiler::apply_filter(&filter).map_err(|error| said(&error))?;
    }
    Ok(())
}

type Rules = Vec<(libc::c_long, SeccompRule)>;

/// What a program may ask of an open file: `TCGETS` and `TIOCGWINSZ` (is it a terminal?), `FIONREAD`, `FIONBIO`, `FIOCLEX`.
const IOCTL: [u64; 5] = [0x5401, 0x5413, 0x541b, 0x5421, 0x5451];
/// `fcntl` that makes the kernel send signals to whom the program names: `F_SETOWN`, `F_SETSIG`, `F_SETOWN_EX`.
const FCNTL: [u64; 3] = [8, 10, 15];
/// `prctl` that takes the signal at the parent's death back: `PR_SET_PDEATHSIG`.
const PRCTL: u64 = 1;

/// What is refused with some arguments only.
fn with_arguments() -> Result<Rules, seccompiler::BackendError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let thread = MaskedEq(u64::from(libc::CLONE_THREAD.unsigned_abs()));
    let this = u64::from(std::process::id());
    let mut rules = vec![
        // A new process; new threads are welcome.
        (libc::SYS_clone, when(0, thread, 0)?),
        // A signal to somebody else; `abort` sends one to itself.
        (libc::SYS_tgkill, when(0, Ne, this)?),
        // Limits are set, not asked for: there is a pointer.
        (
            libc::SYS_prlimit64,
            all(vec![condition(2, SeccompCmpArgLen::Qword, Ne, 0)?])?,
        ),
        (libc::SYS_prctl, when(0, Eq, PRCTL)?),
        // The processors that somebody else runs on.
        (libc::SYS_sched_setaffinity, when(0, Ne, 0)?),
    ];
    let unasked = IOCTL.map(|request| condition(1, SeccompCmpArgLen::Dword, Ne, request));
    let unasked = unasked.into_iter().collect::<Result<Vec<_>, _>>()?;
    rules.push((libc::SYS_ioctl, all(unasked)?));
    for command in FCNTL {
        rules.push((libc::SYS_fcntl, when(1, Eq, command)?));
    }
    // Before Linux 6.2 Landlock lets a file be emptied that is opened to be read.
    let emptied = u64::from(libc::O_TRUNC.unsigned_abs());
    let to_be_read = || MaskedEq(emptied | u64::from(libc::O_ACCMODE.unsigned_abs()));
    rules.push((libc::SYS_openat, when(2, to_be_read(), emptied)?));
    #[cfg(target_arch = "x86_64")]
    rules.push((libc::SYS_open, when(1, to_be_read(), emptied)?));
    Ok(rules)
}

/// An argument of 32 bits is so: the upper half of its register may hold anything.
fn when(
    number: u8,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    all(vec![condition(
        number,
        SeccompCmpArgLen::Dword,
        compare,
        value,
    )?])
}

fn condition(
    number: u8,
    length: SeccompCmpArgLen,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(number, length, compare, value)
}

fn all(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(conditions)
}

/// The numbers by which x86-64 kernels may know the same calls in a second way (x32), and those of calls that have a number of
/// their own there.
fn second_numbers(calls: &[libc::c_long]) -> Vec<libc::c_long> {
    const X32: libc::c_long = 0x4000_0000;
    if cfg!(not(target_arch = "x86_64")) {
        return Vec::new();
    }
    let calls = calls.iter().copied().chain(512..548);
    calls.map(|call| call | X32).collect()
}

fn filter(
    calls: &[libc::c_long],
    with_rules: Rules,
    errno: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let some = with_rules.iter().map(|(call, _)| *call);
    let some: Vec<_> = calls.iter().copied().chain(some).collect();
    let plain = calls.iter().copied().chain(second_numbers(&some));
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = plain.map(|call| (call, Vec::new())).collect();
    for (call, rule) in with_rules {
        rules.entry(call).or_default().push(rule);
    }
    let errno = SeccompAction::Errno(u32::try_from(errno).unwrap_or_default());
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        errno,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}
