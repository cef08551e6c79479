//! The system calls of a confined program, by seccomp.
//!
//! A list of what is refused, not of what is allowed: what ffmpeg and its thirty libraries call differs from version to
//! version, and an allow list would break with each. What matters is closed as a whole: files by Landlock, sockets, new
//! processes, other processes, and the interfaces by which kernels are attacked by this list.

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
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
];

/// Closes these system calls to this process and what it becomes.
pub(super) fn close() -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| format!("seccomp: {error}");
    // Newer C libraries start threads by it, its arguments are out of a filter's reach, and they know the older way.
    let unknown =
        filter(&[libc::SYS_clone3], Vec::new(), libc::ENOSYS).map_err(|error| said(&error))?;
    let refused = with_arguments()
        .and_then(|rules| filter(REFUSED, rules, libc::EPERM))
        .map_err(|error| said(&error))?;
    for filter in [unknown, refused] {
        seccompiler::apply_filter(&filter).map_err(|error| said(&error))?;
    }
    Ok(())
}

/// What is refused with some arguments only.
fn with_arguments() -> Result<Vec<(libc::c_long, SeccompRule)>, seccompiler::BackendError> {
    let when = |number, length, compare, value| {
        let condition = SeccompCondition::new(number, length, compare, value)?;
        SeccompRule::new(vec![condition])
    };
    let (word, pointer) = (SeccompCmpArgLen::Dword, SeccompCmpArgLen::Qword);
    let thread = SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64);
    let this = rustix::process::getpid().as_raw_nonzero().get();
    Ok(vec![
        // A new process; new threads are welcome.
        (libc::SYS_clone, when(0, word.clone(), thread, 0)?),
        // A signal to somebody else; `abort` sends one to itself.
        (
            libc::SYS_tgkill,
            when(0, word, SeccompCmpOp::Ne, u64::from(this.unsigned_abs()))?,
        ),
        // Limits are set, not asked for.
        (libc::SYS_prlimit64, when(2, pointer, SeccompCmpOp::Ne, 0)?),
    ])
}

fn filter(
    calls: &[libc::c_long],
    with_rules: Vec<(libc::c_long, SeccompRule)>,
    errno: i32,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        calls.iter().map(|call| (*call, Vec::new())).collect();
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
