#include <stdlib.h>

#include "CBytes.h"

// <stdlib.h> says which C library it is.
static int count = -1;
static char **words;

#if defined(__GLIBC__) || defined(__APPLE__)
// Both give what main is given to functions that run before it.
__attribute__((constructor)) static void keep(int argc, char **argv) {
  count = argc;
  words = argv;
}
#endif

int decant_argument_count(void) { return count; }

const char *decant_argument(int number) { return number >= 0 && number < count ? words[number] : NULL; }
