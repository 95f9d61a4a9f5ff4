#pragma once
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

extern const char __executable_start[], etext[];

/* The program's own code, paged out: clean pages of a file, read again when they run (madvise(2), since Linux 5.4). */
static inline int regards_page_out_code(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)__executable_start & ~(page - 1);
    return madvise((void *)start, ((uintptr_t)etext - start) & ~(page - 1), MADV_PAGEOUT);
}
