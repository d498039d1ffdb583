// Linux calls that Glibc's Swift import lacks.
#ifndef MAILMIRROR_CLINUX_H
#define MAILMIRROR_CLINUX_H
#include <spawn.h>
#include <stdint.h>
#include <sys/types.h>

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
/// posix_spawn_file_actions_addclosefrom_np(3): the child closes all descriptors from the lowest given on. Returns 0 or
/// an error number.
int mm_spawn_close_from(posix_spawn_file_actions_t *actions, int lowest);
/// prctl(2) with PR_SET_DUMPABLE 0: no core dump, and no ptrace by another process of the same user. Returns 0, or -1
/// with errno.
int mm_set_undumpable(void);
/// UTIME_OMIT for utimensat(2): leaves that time as it is.
extern const long mm_utime_omit;
#endif
