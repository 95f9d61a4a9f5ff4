#pragma once

/// How many blocks of memory this process has asked for so far, in all threads.
long allocation_count(void);
