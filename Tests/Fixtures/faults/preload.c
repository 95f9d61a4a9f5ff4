/* What a test does to a process that it starts with this library in LD_PRELOAD.
 *
 * REGARDS_TEST_CLOCK=FILE: the machine's clock, as the process reads it, is off by the microseconds that stand in the first
 * eight bytes of FILE. Whoever writes there sets the clock. CLOCK_MONOTONIC is left alone, as by clock_settime(2).
 *
 * REGARDS_TEST_DISK=FOLDER: while there is a file FOLDER.read-only, whatever would write to files of FOLDER fails with
 * EROFS, as on a file system that the kernel has made read-only under open files.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const volatile int64_t *offset;
static char folder[PATH_MAX];
static char mark[PATH_MAX + 16];

__attribute__((constructor)) static void begin(void) {
  const char *clock = getenv("REGARDS_TEST_CLOCK");
  if (clock) {
    int descriptor = open(clock, O_RDONLY | O_CLOEXEC);
    void *page = descriptor < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, descriptor, 0);
    if (page == MAP_FAILED) {
      perror(clock);
      _exit(99);
    }
    close(descriptor);
    offset = page;
  }
  const char *disk = getenv("REGARDS_TEST_DISK");
  if (disk && strlen(disk) < sizeof folder) {
    snprintf(mark, sizeof mark, "%s.read-only", disk);
    strcpy(folder, disk);
  }
}

/* The clock. */

static void move(struct timespec *time, int64_t microseconds) {
  int64_t sum = (int64_t)time->tv_nsec + microseconds % 1000000 * 1000;
  int64_t seconds = microseconds / 1000000 + sum / 1000000000;
  sum %= 1000000000;
  if (sum < 0) sum += 1000000000, seconds -= 1;
  time->tv_sec += seconds;
  time->tv_nsec = sum;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) move(time, *offset);
  return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  struct timespec now;
  (void)zone;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}

/* Dispatch's idle workers wait so, until a time of the clock that was moved. */
int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until) {
  struct timespec moved = *until;
  if (offset) move(&moved, -*offset);
  return NEXT(sem_timedwait)(semaphore, &moved);
}

/* The disk. */

static int is_read_only(void) { return *mark && syscall(SYS_faccessat, AT_FDCWD, mark, F_OK) == 0; }

static int is_refused_path(const char *path) {
  return is_read_only() && strncmp(path, folder, strlen(folder)) == 0 && path[strlen(folder)] == '/';
}

static int is_refused(int descriptor) {
  char link[64], path[PATH_MAX];
  if (!is_read_only()) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t count = readlink(link, path, sizeof path - 1);
  if (count < 0) return 0;
  path[count] = 0;
  return is_refused_path(path);
}

#define REFUSE(condition) \
  if (condition) return errno = EROFS, -1

ssize_t write(int descriptor, const void *bytes, size_t count) {
  REFUSE(is_refused(descriptor));
  return syscall(SYS_write, descriptor, bytes, count);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off64_t position) {
  REFUSE(is_refused(descriptor));
  return syscall(SYS_pwrite64, descriptor, bytes, count, position);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t position) {
  return pwrite64(descriptor, bytes, count, position);
}

int ftruncate64(int descriptor, off64_t size) {
  REFUSE(is_refused(descriptor));
  return syscall(SYS_ftruncate, descriptor, size);
}

int ftruncate(int descriptor, off_t size) { return ftruncate64(descriptor, size); }

int fsync(int descriptor) {
  REFUSE(is_refused(descriptor));
  return NEXT(fsync)(descriptor);
}

int fdatasync(int descriptor) {
  REFUSE(is_refused(descriptor));
  return NEXT(fdatasync)(descriptor);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  REFUSE((flags & O_ACCMODE) != O_RDONLY && is_refused_path(path));
  return syscall(SYS_openat, AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open64(path, flags, mode);
}

int unlink(const char *path) {
  REFUSE(is_refused_path(path));
  return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
