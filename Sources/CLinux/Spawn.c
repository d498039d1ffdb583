#define _GNU_SOURCE
#include "CLinux.h"
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int mm_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
int mm_process_descriptor(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

static int add_actions(posix_spawn_file_actions_t *actions, const struct mm_program *program) {
  int failure = posix_spawn_file_actions_addchdir_np(actions, program->directory);
  if (failure == 0) failure = posix_spawn_file_actions_adddup2(actions, program->input, STDIN_FILENO);
  if (failure == 0) failure = posix_spawn_file_actions_adddup2(actions, program->output, STDOUT_FILENO);
  if (failure == 0) failure = posix_spawn_file_actions_adddup2(actions, program->error, STDERR_FILENO);
#if __GLIBC_PREREQ(2, 34)
  if (failure == 0) failure = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#endif
  return failure;
}

int mm_spawn(pid_t *process, const struct mm_program *program) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int failure = posix_spawn_file_actions_init(&actions);
  if (failure != 0) return failure;
  failure = posix_spawnattr_init(&attributes);
  if (failure != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return failure;
  }
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  failure = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  if (failure == 0) failure = add_actions(&actions, program);
  if (failure == 0)
    failure = posix_spawnp(process, program->arguments[0], &actions, &attributes, program->arguments,
                           program->environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}
