// Linux calls that Glibc's Swift import lacks.
#ifndef MAILMIRROR_CLINUX_H
#define MAILMIRROR_CLINUX_H
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
/// UTIME_OMIT for utimensat(2): leaves that time as it is.
extern const long mm_utime_omit;
#endif
