// The C library, as the module that POSIX imports (Embedded Swift has no Glibc module), and shims for what
// Swift cannot import: variadic functions and function-like macros. Header-only: there is no C source in
// Postern.

#ifndef POSTERN_SHIMS_H
#define POSTERN_SHIMS_H

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <crypt.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <resolv.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static inline int postern_errno(void) { return errno; }

extern char **environ;
static inline char **postern_environ(void) { return environ; }

// The arguments, null at the end. At the start of a process they lie in front of the environment, and their
// number in front of them (System V ABI, "Initial Process Stack"), where the C library's own start code
// finds them. Call this before the environment is changed.
static inline char **postern_arguments(void) {
  char **end = environ - 1;
  intptr_t count = 0;
  while ((intptr_t)end[-1 - count] != count) count++;
  return end - count;
}

static inline int postern_openat(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags, mode);
}

// getdents64(2): entries of a directory, each a `struct linux_dirent64`.
static inline ssize_t postern_read_entries(int directory, void *buffer, size_t size) {
  return syscall(SYS_getdents64, directory, buffer, size);
}

// readdir(3): the next name; null at the end.
static inline const char *postern_next_name(DIR *directory) {
  struct dirent *entry = readdir(directory);
  return entry == NULL ? NULL : entry->d_name;
}

// fcntl(2) with a lock of this process.
static inline int postern_lock(int descriptor, int command, struct flock *lock) {
  return fcntl(descriptor, command, lock);
}

// fcntl(2) that has signals about a descriptor sent to this process, or, for what it matters, to another.
static inline int postern_set_owner(int descriptor) { return fcntl(descriptor, F_SETOWN, getpid()); }

// openlog(3) keeps the pointer; syslog(3) writes local time, and a confined process cannot read which
// that is.
static inline void postern_openlog(void) {
  tzset();
  openlog("postern-smtpd", LOG_PID, LOG_MAIL);
}

static inline void postern_syslog(int priority, const char *message) {
  syslog(priority, "%s", message);
}

static inline int postern_signalfd(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_CLOEXEC);
}

// A pipe whose ends are closed by exec: pipe2(2).
static inline int postern_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

// pwritev2(2) at the current position with RWF_NOWAIT.
static inline ssize_t postern_write_now(int descriptor, const void *octets, size_t count) {
  struct iovec piece = {(void *)octets, count};
  return syscall(SYS_pwritev2, descriptor, &piece, 1, -1L, -1L, 8);
}

// Who has connected a UNIX socket: unix(7), SO_PEERCRED. 0 if that is known.
static inline int postern_peer_user(int socket, uint32_t *user) {
  struct {
    pid_t process;
    uid_t user;
    gid_t group;
  } peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  if (size != sizeof peer || peer.process <= 0) return -1;
  *user = peer.user;
  return 0;
}

static inline int postern_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

static const int postern_rlimit_nproc = RLIMIT_NPROC;

static inline int postern_accept(int listener) {
  return (int)syscall(SYS_accept4, listener, (void *)0, (void *)0, SOCK_CLOEXEC);
}

// Swift does not import fork(2).
static inline pid_t postern_fork(void) { return fork(); }

// The calling process gets `signal` when its parent ends. Fails if that has happened already.
static inline int postern_end_with_parent(pid_t parent, int signal) {
  if (prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) == -1) return -1;
  return getppid() == parent ? 0 : -1;
}

static inline int postern_is_ignored(int signal) {
  struct sigaction action;
  return sigaction(signal, (void *)0, &action) == 0 && action.sa_handler == SIG_IGN;
}

static inline void postern_ignore(int number) { signal(number, SIG_IGN); }

// What posix_spawnp(3) does, for a program that gets `last_signal` when this process ends. Its descriptors are those of
// `standard` as 0, 1 and 2, and `extra` unless that is -1. No signal is blocked or ignored. -1 and errno on failure, also
// where the program cannot be executed.
static inline pid_t postern_spawn(
    char *const arguments[], const int standard[3], int extra, int last_signal) {
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) == -1) return -1;
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    int error = 0;
    if (postern_end_with_parent(parent, last_signal) == -1) _exit(127);
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, (void *)0);
    for (int number = 0; number < 3 && error == 0; number++) {
      // dup2(2) of a descriptor to itself does nothing.
      int copied = standard[number] == number ? fcntl(number, F_SETFD, 0) : dup2(standard[number], number);
      if (copied == -1) error = errno;
    }
    if (extra >= 0 && error == 0 && fcntl(extra, F_SETFD, 0) == -1) error = errno;
    if (error == 0) {
      execvp(arguments[0], arguments);
      error = errno;
    }
    ssize_t told = write(failure[1], &error, sizeof error);
    _exit(told == sizeof error ? 127 : 126);
  }
  int error = pid == -1 ? errno : 0;
  close(failure[1]);
  if (pid != -1) {
    ssize_t count;
    do count = read(failure[0], &error, sizeof error);
    while (count == -1 && errno == EINTR);
    if (count != sizeof error) error = 0;
    if (error != 0) waitpid(pid, (void *)0, 0);
  }
  close(failure[0]);
  if (error == 0) return pid;
  errno = error;
  return -1;
}

// Starts a program that somebody else has written, with this environment and nothing of this process: a session and a
// process group of its own, the descriptors of `standard` as 0, 1 and 2, `extra` unless that is -1, no signal blocked or
// ignored, / as its directory, no core files, and at most `memory` octets of address space, where that is not 0. It is
// killed when this process ends. -1 and errno on failure, also where the program cannot be executed.
static inline pid_t postern_run(
    char *const arguments[], char *const variables[], const int standard[3], int extra, uint64_t memory) {
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) == -1) return -1;
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    int error = 0;
    if (postern_end_with_parent(parent, SIGKILL) == -1) _exit(127);
    setsid();
    for (int number = 1; number < 65; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, (void *)0);
    for (int number = 0; number < 3 && error == 0; number++) {
      if (dup2(standard[number], number) == -1) error = errno;
    }
    // close_range(2) with CLOSE_RANGE_CLOEXEC; before Linux 5.11 by hand.
    if (syscall(436, 3u, ~0u, 4u) == -1) {
      for (int number = 3; number < 1024; number++) fcntl(number, F_SETFD, FD_CLOEXEC);
    }
    if (extra >= 0 && error == 0 && fcntl(extra, F_SETFD, 0) == -1) error = errno;
    struct rlimit limit = {0, 0};
    if (error == 0 && setrlimit(RLIMIT_CORE, &limit) == -1) error = errno;
    if (error == 0 && memory != 0 && getrlimit(RLIMIT_AS, &limit) == 0) {
      if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > memory) limit.rlim_max = memory;
      limit.rlim_cur = limit.rlim_max;
      if (setrlimit(RLIMIT_AS, &limit) == -1) error = errno;
    }
    umask(077);
    if (error == 0 && chdir("/") == -1) error = errno;
    if (error == 0) {
      execve(arguments[0], arguments, variables);
      error = errno;
    }
    ssize_t told = write(failure[1], &error, sizeof error);
    _exit(told == sizeof error ? 127 : 126);
  }
  int error = pid == -1 ? errno : 0;
  close(failure[1]);
  if (pid != -1) {
    ssize_t count;
    do count = read(failure[0], &error, sizeof error);
    while (count == -1 && errno == EINTR);
    if (count != sizeof error) error = 0;
    if (error != 0) waitpid(pid, (void *)0, 0);
  }
  close(failure[0]);
  if (error == 0) return pid;
  errno = error;
  return -1;
}

// Reads and writes of what is behind a descriptor do not wait any more.
static inline int postern_never_wait(int descriptor) {
  int flags = fcntl(descriptor, F_GETFL);
  return flags == -1 ? -1 : fcntl(descriptor, F_SETFL, flags | O_NONBLOCK);
}

// An octet with a descriptor, and `octets` behind it, through a UNIX socket: unix(7), SCM_RIGHTS.
static inline ssize_t postern_send_descriptor(
    int socket, int descriptor, const void *octets, size_t count) {
  char octet = 0;
  struct iovec pieces[2] = {{&octet, 1}, {(void *)octets, count}};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {0};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  message.msg_control = control.space;
  message.msg_controllen = sizeof control.space;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL);
}

// The descriptor that the next octet has with it; -1 if it has none or there is no such octet.
static inline int postern_receive_descriptor(int socket) {
  char octet;
  struct iovec piece = {&octet, 1};
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {0};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.space;
  message.msg_controllen = sizeof control.space;
  int descriptor = -1;
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) <= 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header == NULL || header->cmsg_type != SCM_RIGHTS) return -1;
  memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

// res_nquery(3) with a state of its own, and in `reason` its h_errno; the name server is at `port` of
// 127.0.0.1, where that is not 0.
static inline int postern_query(
    const char *name, int type, unsigned char *answer, int size, int *reason, uint16_t port) {
  struct __res_state state;
  memset(&state, 0, sizeof state);
  *reason = TRY_AGAIN;
  if (res_ninit(&state) != 0) return -1;
  state.retry = 2;
  state.retrans = 5;
  if (port != 0) {
    state.nscount = 1;
    memset(&state.nsaddr_list[0], 0, sizeof state.nsaddr_list[0]);
    state.nsaddr_list[0].sin_family = AF_INET;
    state.nsaddr_list[0].sin_port = htons(port);
    state.nsaddr_list[0].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  int length = res_nquery(&state, name, C_IN, type, answer, size);
  if (length < 0) *reason = state.res_h_errno;
  res_nclose(&state);
  return length;
}

// The search list of resolv.conf(5) with a space behind each domain, and in `dots` how many dots in a name let it be asked
// for as it is at first. The length of the list.
static inline size_t postern_search_list(char *list, size_t size, int *dots) {
  struct __res_state state;
  memset(&state, 0, sizeof state);
  *dots = 1;
  if (res_ninit(&state) != 0) return 0;
  *dots = state.ndots;
  size_t length = 0;
  for (int index = 0; index < MAXDNSRCH && state.dnsrch[index] != (void *)0; index++) {
    size_t count = strlen(state.dnsrch[index]);
    if (length + count + 1 > size) break;
    memcpy(list + length, state.dnsrch[index], count);
    list[length + count] = ' ';
    length += count + 1;
  }
  res_nclose(&state);
  return length;
}

// The kernel's; the C library shows them only to _GNU_SOURCE. The first two have other values on a
// few architectures, none of which Swift runs on.
static const int postern_o_tmpfile = 020000000 | O_DIRECTORY;  // O_TMPFILE
static const int postern_o_path = 010000000;  // O_PATH
static const int postern_at_empty_path = 0x1000;  // AT_EMPTY_PATH

// Landlock (landlock(7)). The distribution's header is older than the kernel, so the structures and
// numbers are here; a kernel that is older still takes the part of them that it knows.
struct postern_landlock_ruleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};

struct postern_landlock_path {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));

// The version, octet by octet, and NUL at its end. `stamp` of deploy/common.sh replaces it in a built program. It is volatile
// so that no code is made from what stands here.
static inline unsigned char postern_version_octet(int index) {
  static const volatile char text[] = "Postern's version: 0.1.0\0......................................";
  return (unsigned char)text[sizeof "Postern's version: " - 1 + index];
}

static inline int postern_landlock_version(void) {
  return (int)syscall(444, (void *)0, (size_t)0, 1u);
}

static inline int postern_landlock_create(const struct postern_landlock_ruleset *rules, size_t size) {
  return (int)syscall(444, rules, size, 0u);
}

static inline int postern_landlock_allow(int ruleset, int directory, uint64_t access) {
  struct postern_landlock_path rule = {access, directory};
  return (int)syscall(445, ruleset, 1, &rule, 0u);
}

static inline int postern_landlock_restrict(int ruleset) {
  return (int)syscall(446, ruleset, 0u);
}

static inline int postern_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

static inline int postern_seccomp(const struct sock_filter *filter, unsigned short count) {
  struct sock_fprog program = {count, (struct sock_filter *)filter};
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program);
}

#if defined(__x86_64__)
static const uint32_t postern_audit_arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
static const uint32_t postern_audit_arch = AUDIT_ARCH_AARCH64;
#else
static const uint32_t postern_audit_arch = 0;  // Confinement.swift leaves seccomp out
#endif

// Not on every architecture; -1 is no system call.
#ifdef SYS_poll
static const int postern_sys_poll = SYS_poll;
#else
static const int postern_sys_poll = -1;
#endif
#ifdef SYS_access
static const int postern_sys_access = SYS_access;
#else
static const int postern_sys_access = -1;
#endif
#ifdef SYS_unlink
static const int postern_sys_unlink = SYS_unlink;
#else
static const int postern_sys_unlink = -1;
#endif
#ifdef SYS_mkdir
static const int postern_sys_mkdir = SYS_mkdir;
#else
static const int postern_sys_mkdir = -1;
#endif
#ifdef SYS_readlink
static const int postern_sys_readlink = SYS_readlink;
#else
static const int postern_sys_readlink = -1;
#endif
#ifdef SYS_kexec_file_load
static const int postern_sys_kexec_file_load = SYS_kexec_file_load;
#else
static const int postern_sys_kexec_file_load = -1;
#endif

// Newer than the headers of a distribution may be, and the same on every architecture that Swift runs on.
static const int postern_sys_io_uring_setup = 425;
static const int postern_sys_open_tree = 428;
static const int postern_sys_move_mount = 429;
static const int postern_sys_fsopen = 430;
static const int postern_sys_fsmount = 432;
static const int postern_sys_pidfd_getfd = 438;
static const int postern_sys_mount_setattr = 442;

#endif
