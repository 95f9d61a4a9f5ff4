#pragma once

/* Memory the process gives back to the kernel. No system header stands here: a feature macro (_GNU_SOURCE) in a module
   header changes the types other modules see. */

/* Lets go of the code and constants of the program and its libraries, which are read again where they are used. */
void regards_drop_code(void);

/* malloc_trim(3) with nothing kept. */
void regards_trim_heap(void);

/* mallopt(3), M_ARENA_MAX. */
void regards_limit_arenas(int count);
