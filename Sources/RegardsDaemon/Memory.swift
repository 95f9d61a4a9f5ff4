import CMemory

/// The process's memory.
package enum Memory {
    /// To be called before there are threads. glibc gives each thread that allocates a heap of its own, up to eight for each
    /// core, and none of them lets go of what another could use (mallopt(3)).
    package static func keepFewHeaps() {
        regards_limit_arenas(4)
    }

    /// Gives back what reading files and cards left behind and an idle daemon does not need again: free pages of the heap,
    /// which glibc keeps below its top (malloc_trim(3)), and the pages of code that ran once. What is used again comes back
    /// from the system's cache of files, a page at a time (madvise(2), MADV_DONTNEED on what is never written).
    package static func giveBack() {
        regards_trim_heap()
        regards_drop_code()
    }
}
