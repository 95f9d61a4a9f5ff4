import CMemory

/// The process's memory.
package enum Memory {
    /// Gives back what reading files and cards left behind and an idle daemon does not need again: free pages of the heap,
    /// which glibc keeps below its top (malloc_trim(3)), and code that ran once, which the system keeps as long as nobody
    /// else wants the room. Neither can fail in a way that matters: an older kernel keeps the code.
    package static func giveBack() {
        _ = malloc_trim(0)
        _ = regards_page_out_code()
    }
}
