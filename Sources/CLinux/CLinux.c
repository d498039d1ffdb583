#define _GNU_SOURCE
#include "CLinux.h"
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

const long mm_utime_omit = UTIME_OMIT;

int mm_renameat_noreplace(int from_directory, const char *from, int to_directory, const char *to) {
  return renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE);
}
int mm_syncfs(int descriptor) { return syncfs(descriptor); }
int mm_start_writeback(int descriptor) { return sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE); }
int mm_openat(int directory, const char *name, int flags, mode_t mode) {
  return openat(directory, name, flags, mode);
}
int mm_spawn_close_from(posix_spawn_file_actions_t *actions, int lowest) {
  return posix_spawn_file_actions_addclosefrom_np(actions, lowest);
}
int mm_set_undumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
int mm_is_network_filesystem(int descriptor) {
  struct statfs information;
  if (fstatfs(descriptor, &information) != 0) return -1;
  switch ((unsigned long)information.f_type & 0xFFFFFFFFUL) {
    case 0x6969UL:      // NFS
    case 0xFF534D42UL:  // CIFS
    case 0xFE534D42UL:  // SMB2
    case 0x517BUL:      // SMB
    case 0x5346414FUL:  // AFS
    case 0x00C36400UL:  // Ceph
    case 0x01021997UL:  // 9p
      return 1;
    default:
      return 0;
  }
}

int mm_syncfs_is_durable(int descriptor) {
  struct statfs information;
  if (fstatfs(descriptor, &information) != 0) return -1;
  switch ((unsigned long)information.f_type & 0xFFFFFFFFUL) {
    case 0xEF53UL:      // ext2 to ext4
    case 0x58465342UL:  // XFS
    case 0x9123683EUL:  // Btrfs
    case 0xF2F52010UL:  // F2FS
      return 1;
    default:
      return 0;
  }
}

static int return_code(struct dl_phdr_info *object, size_t size, void *page) {
  (void)size;
  for (int index = 0; index < object->dlpi_phnum; index++) {
    const ElfW(Phdr) *part = &object->dlpi_phdr[index];
    if (part->p_type != PT_LOAD || part->p_flags & PF_W) continue;
    ElfW(Addr) mask = *(const ElfW(Addr) *)page - 1;
    ElfW(Addr) start = object->dlpi_addr + part->p_vaddr;
    ElfW(Addr) end = (start + part->p_memsz + mask) & ~mask;
    start &= ~mask;
    madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

void mm_return_memory(void) {
  malloc_trim(0);
  ElfW(Addr) page = (ElfW(Addr))sysconf(_SC_PAGESIZE);
  dl_iterate_phdr(return_code, &page);
}

int mm_renameat_exchange(int directory, const char *name, int other_directory, const char *other) {
  return renameat2(directory, name, other_directory, other, RENAME_EXCHANGE);
}
