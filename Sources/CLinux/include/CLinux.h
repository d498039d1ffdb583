// Linux calls that Glibc's Swift import lacks.
#ifndef MAILMIRROR_CLINUX_H
#define MAILMIRROR_CLINUX_H
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>

/// renameat2(2) with RENAME_EXCHANGE. Returns 0, or -1 with errno.
int mm_renameat_exchange(int directory, const char *name, int other_directory, const char *other);

/// renameat2(2) with RENAME_NOREPLACE. Returns 0, or -1 with errno.
int mm_renameat_noreplace(int from_directory, const char *from, int to_directory, const char *to);
/// syncfs(2). Returns 0, or -1 with errno.
int mm_syncfs(int descriptor);
/// sync_file_range(2) that only starts writing the whole file out. Returns 0, or -1 with errno.
int mm_start_writeback(int descriptor);
/// openat(2), which is variadic and so not imported. Returns the descriptor, or -1 with errno.
int mm_openat(int directory, const char *name, int flags, mode_t mode);
/// Whether the file system under the descriptor is one of the network: 1 or 0, or -1
/// with errno.
int mm_is_network_filesystem(int descriptor);
/// Whether syncfs(2) on the file system under the descriptor leads to the disk (it does nothing on FUSE): 1 for those that
/// are known to, 0, or -1 with errno.
int mm_syncfs_is_durable(int descriptor);
/// Gives back freed heap memory (malloc_trim(3)) and the pages of code and constants that
/// were read so far (madvise(2) with MADV_DONTNEED on mappings that nobody can write):
/// what is still needed is mapped again when it is used.
void mm_return_memory(void);
/// posix_spawn_file_actions_addclosefrom_np(3): the child closes all descriptors from the lowest given on. Returns 0 or
/// an error number.
int mm_spawn_close_from(posix_spawn_file_actions_t *actions, int lowest);
/// prctl(2) with PR_SET_DUMPABLE 0: no core dump, and no ptrace by another process of the same user. Returns 0, or -1
/// with errno.
int mm_set_undumpable(void);
/// UTIME_OMIT for utimensat(2): leaves that time as it is.
extern const long mm_utime_omit;
/// An anonymous file in memory, closed in programs that are started. Returns its descriptor, or -1 with errno.
int mm_memory_file(const char *name);
/// pidfd_open(2): readable when the process has ended. Returns the descriptor, or -1 with errno.
int mm_process_descriptor(pid_t process);
/// A socket, which never blocks, that can be read when a link, an address or a route came, changed or went
/// (rtnetlink(7)). Returns its descriptor, or -1 with errno.
int mm_network_notices(void);
/// A program to start: see mm_spawn.
struct mm_program {
  /// Both end with NULL; arguments[0] is looked for in PATH.
  char *const *arguments;
  char *const *environment;
  const char *directory;
  /// What become its standard input, output and error.
  int input, output, error;
};
/// Starts the program in a session of its own, with default signal actions and no signal blocked, and with no other
/// descriptor than the three. Returns 0, or the error number.
int mm_spawn(pid_t *process, const struct mm_program *program);
#endif
