// A disk that takes longer: fdatasync(2) and fsync(2) return SLOW_DISK_US microseconds after the real ones. Preloaded into
// the programs that are compared, because the disks of shared machines often answer before anything is safe.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int late(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(descriptor);
    const char *text = getenv("SLOW_DISK_US");
    long wait = text ? atol(text) : 0;
    struct timespec span = {wait / 1000000, wait % 1000000 * 1000};
    nanosleep(&span, 0);
    return result;
}

int fdatasync(int descriptor) { return late("fdatasync", descriptor); }
int fsync(int descriptor) { return late("fsync", descriptor); }
