// What the C library has and Swift cannot import: variadic functions and function-like macros.
// Header-only: there is no C source in Postern.

#ifndef POSTERN_SHIMS_H
#define POSTERN_SHIMS_H

#include <crypt.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

static inline int postern_openat(int directory, const char *path, int flags, mode_t mode) {
  return openat(directory, path, flags, mode);
}

static inline void postern_syslog(int priority, const char *message) {
  syslog(priority, "%s", message);
}

static inline int postern_signalfd(const sigset_t *signals) {
  return signalfd(-1, signals, SFD_CLOEXEC);
}

// A pipe whose ends are closed by exec: pipe2(2).
static inline int postern_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, O_CLOEXEC); }

static inline int postern_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

// The kernel's; the C library shows them only to _GNU_SOURCE. The first has another value on a few
// architectures, none of which Swift runs on.
static const int postern_o_tmpfile = 020000000 | O_DIRECTORY;  // O_TMPFILE
static const int postern_at_empty_path = 0x1000;  // AT_EMPTY_PATH

#endif
