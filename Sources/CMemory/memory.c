#define _GNU_SOURCE
#include "memory.h"
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* What is mapped from files and never written: code and constants. Relocated tables stand in writable segments. */
static int drop_segments(struct dl_phdr_info *info, size_t size, void *page) {
    (void)size;
    uintptr_t mask = ~(*(uintptr_t *)page - 1);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        uintptr_t end = start + segment->p_memsz;
        madvise((void *)(start & mask), (end & mask) - (start & mask), MADV_DONTNEED);
    }
    return 0;
}

void regards_drop_code(void) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    dl_iterate_phdr(drop_segments, &page);
}

void regards_trim_heap(void) { malloc_trim(0); }

void regards_limit_arenas(int count) { mallopt(M_ARENA_MAX, count); }
