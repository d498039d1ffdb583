/* Preloaded by slow_disk.py into programs that are measured beside each other: what makes data durable (fsync, fdatasync,
   syncfs) takes MAILMIRROR_TEST_SYNC_MICROSECONDS at least; all else is as fast as it is.

   The device does one flush at a time. Calls that come meanwhile wait for its end and share the next one, as Linux merges
   the flushes that wait for a device (block/blk-flush.c). */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t device = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t flushed = PTHREAD_COND_INITIALIZER;
static long begun, done; /* flushes */

/* Returns when a flush is over that began no earlier than now. */
static void flush(void) {
  const char *setting = getenv("MAILMIRROR_TEST_SYNC_MICROSECONDS");
  long microseconds = setting ? atol(setting) : 0;
  struct timespec duration = {microseconds / 1000000, microseconds % 1000000 * 1000};
  pthread_mutex_lock(&device);
  long wanted = begun + 1;
  while (done < wanted) {
    if (begun > done) {
      pthread_cond_wait(&flushed, &device);
      continue;
    }
    begun++;
    pthread_mutex_unlock(&device);
    struct timespec rest = duration;
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
    }
    pthread_mutex_lock(&device);
    done = begun;
    pthread_cond_broadcast(&flushed);
  }
  pthread_mutex_unlock(&device);
}

static int slowly(const char *name, int descriptor) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int result = real(descriptor);
  int error = errno;
  flush();
  errno = error;
  return result;
}

int fsync(int descriptor) { return slowly("fsync", descriptor); }
int fdatasync(int descriptor) { return slowly("fdatasync", descriptor); }
int syncfs(int descriptor) { return slowly("syncfs", descriptor); }
