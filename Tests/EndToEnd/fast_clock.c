/* Preloaded into the daemon by fast_clock.py: its monotonic and boot-time clocks run RATE times as fast as the machine's,
   all its waits are that much shorter, and its boot-time clock is ahead by what the machine has "slept". Its wall clock runs
   as fast, so that what it counts by that one (`settle`) is as long as it says, but without what was slept: the kernel
   dates files by the machine's clock, and none may look older than a day. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define TIMERS 1024

/* The file MAILMIRROR_TEST_CLOCK, shared with fast_clock.py. */
struct control {
  int64_t origin; /* nanoseconds of the machine's CLOCK_MONOTONIC at which the fast one began at the same value */
  int64_t rate;
  int64_t slept; /* nanoseconds by which CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC */
  int64_t wall; /* nanoseconds since 1970 at the origin */
};

static volatile struct control *control;
static int (*real_clock_gettime)(clockid_t, struct timespec *);
static int (*real_timerfd_settime)(int, int, const struct itimerspec *, struct itimerspec *);
static int (*real_timerfd_create)(int, int);
static int (*real_nanosleep)(const struct timespec *, struct timespec *);
static int (*real_poll)(struct pollfd *, nfds_t, int);
static int (*real_ppoll)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
static int (*real_epoll_wait)(int, struct epoll_event *, int, int);
static int (*real_close)(int);
static int (*real_sem_timedwait)(sem_t *, const struct timespec *);
static int (*real_pthread_cond_timedwait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

/* The timers that are set by CLOCK_BOOTTIME: they are due at once when the machine has slept through their time. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { int clock; int64_t due; struct timespec interval; } timers[TIMERS];

static int64_t whole(const struct timespec *time) { return time->tv_sec * SECOND + time->tv_nsec; }
static struct timespec parts(int64_t time) {
  return (struct timespec){.tv_sec = time / SECOND, .tv_nsec = time % SECOND};
}

static int64_t machine(void) {
  struct timespec now;
  real_clock_gettime(CLOCK_MONOTONIC, &now);
  return whole(&now);
}

static int is_fast(clockid_t clock) {
  return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_MONOTONIC_COARSE
         || clock == CLOCK_BOOTTIME || clock == CLOCK_BOOTTIME_ALARM;
}
static int is_boottime(clockid_t clock) { return clock == CLOCK_BOOTTIME || clock == CLOCK_BOOTTIME_ALARM; }

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

static int64_t fast_wall(void) { return control->wall + (machine() - control->origin) * control->rate; }

static int64_t fast(clockid_t clock) {
  return control->origin + (machine() - control->origin) * control->rate + (is_boottime(clock) ? control->slept : 0);
}

/* A time of a fast clock as one of the machine's monotonic clock; never 0, which would disarm a timer. */
static int64_t slow(clockid_t clock, int64_t time) {
  int64_t on = (time - (is_boottime(clock) ? control->slept : 0) - control->origin) / control->rate + control->origin;
  return on > 0 ? on : 1;
}

static int shorter(int milliseconds) {
  return milliseconds > 0 ? (int)((milliseconds + control->rate - 1) / control->rate) : milliseconds;
}

/* When the machine wakes up, what was due meanwhile is due now. */
static void *wake_up(void *unused) {
  int64_t slept = control->slept;
  for (;;) {
    struct timespec pause = {.tv_nsec = 5000000};
    real_nanosleep(&pause, NULL);
    if (control->slept == slept) continue;
    slept = control->slept;
    pthread_mutex_lock(&lock);
    for (int timer = 0; timer < TIMERS; timer++) {
      if (timers[timer].due == 0 || !is_boottime(timers[timer].clock)) continue;
      struct itimerspec at = {.it_value = parts(slow(CLOCK_BOOTTIME, timers[timer].due)),
                              .it_interval = timers[timer].interval};
      real_timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    }
    pthread_mutex_unlock(&lock);
  }
  return NULL;
}

__attribute__((constructor)) static void begin(void) {
  real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_timerfd_settime = dlsym(RTLD_NEXT, "timerfd_settime");
  real_timerfd_create = dlsym(RTLD_NEXT, "timerfd_create");
  real_nanosleep = dlsym(RTLD_NEXT, "nanosleep");
  real_poll = dlsym(RTLD_NEXT, "poll");
  real_ppoll = dlsym(RTLD_NEXT, "ppoll");
  real_epoll_wait = dlsym(RTLD_NEXT, "epoll_wait");
  real_close = dlsym(RTLD_NEXT, "close");
  real_sem_timedwait = dlsym(RTLD_NEXT, "sem_timedwait");
  real_pthread_cond_timedwait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
  const char *path = getenv("MAILMIRROR_TEST_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *page = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct control), PROT_READ, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) abort();
  close(file);
  control = page;
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (pthread_create(&thread, &attributes, wake_up, NULL) != 0) abort();
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (control && is_wall(clock)) {
    *now = parts(fast_wall());
    return 0;
  }
  if (!control || !is_fast(clock)) {
    if (!real_clock_gettime) real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    return real_clock_gettime(clock, now);
  }
  *now = parts(fast(clock));
  return 0;
}

/* All are made on the machine's monotonic clock, so that both fast clocks can be told on it. */
int timerfd_create(int clock, int flags) {
  int timer = real_timerfd_create(is_fast(clock) ? CLOCK_MONOTONIC : clock, flags);
  if (timer >= TIMERS) abort();
  if (timer >= 0) {
    pthread_mutex_lock(&lock);
    timers[timer].clock = clock;
    timers[timer].due = 0;
    pthread_mutex_unlock(&lock);
  }
  return timer;
}

int timerfd_settime(int timer, int flags, const struct itimerspec *wanted, struct itimerspec *old) {
  int clock = timers[timer].clock;
  if (!is_fast(clock)) return real_timerfd_settime(timer, flags, wanted, old);
  int64_t value = whole(&wanted->it_value), interval = whole(&wanted->it_interval);
  struct itimerspec at = {.it_interval = parts(interval / control->rate)};
  pthread_mutex_lock(&lock);
  if (value != 0) {
    int64_t due = flags & TFD_TIMER_ABSTIME ? value : fast(clock) + value;
    at.it_value = parts(slow(clock, due));
    timers[timer].due = due;
    timers[timer].interval = at.it_interval;
  } else {
    timers[timer].due = 0;
  }
  int result = real_timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, old);
  pthread_mutex_unlock(&lock);
  return result;
}

int close(int file) {
  if (!real_close) real_close = dlsym(RTLD_NEXT, "close");
  if (file >= 0 && file < TIMERS && timers[file].due != 0) {
    pthread_mutex_lock(&lock);
    timers[file].due = 0;
    timers[file].clock = 0;
    pthread_mutex_unlock(&lock);
  }
  return real_close(file);
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
  struct timespec pause = parts(whole(wanted) / control->rate);
  int result = real_nanosleep(&pause, left);
  if (result != 0 && left) *left = parts(whole(left) * control->rate);
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  *now = (struct timeval){.tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000};
  return 0;
}

/* A time of the fast wall clock as one of the machine's. */
static struct timespec slow_wall(const struct timespec *until) {
  struct timespec now;
  real_clock_gettime(CLOCK_REALTIME, &now);
  return parts(whole(&now) + (whole(until) - fast_wall()) / control->rate);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
  struct timespec end = slow_wall(until);
  return real_sem_timedwait(semaphore, &end);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
  struct timespec end = slow_wall(until);
  return real_pthread_cond_timedwait(condition, mutex, &end);
}

int usleep(useconds_t wanted) {
  struct timespec pause = parts(wanted * 1000LL);
  return nanosleep(&pause, NULL);
}

unsigned sleep(unsigned wanted) {
  struct timespec pause = {.tv_sec = wanted}, left = {0};
  return nanosleep(&pause, &left) == 0 ? 0 : (unsigned)left.tv_sec;
}

int poll(struct pollfd *files, nfds_t count, int timeout) { return real_poll(files, count, shorter(timeout)); }

int ppoll(struct pollfd *files, nfds_t count, const struct timespec *timeout, const sigset_t *mask) {
  struct timespec pause;
  if (timeout) pause = parts(whole(timeout) / control->rate);
  return real_ppoll(files, count, timeout ? &pause : NULL, mask);
}

int epoll_wait(int queue, struct epoll_event *events, int most, int timeout) {
  return real_epoll_wait(queue, events, most, shorter(timeout));
}
