#include "CBytes.h"

#if defined(__linux__)
#include <fcntl.h>
#endif

void decant_start_writing(int descriptor) {
#if defined(__linux__)
  // The errors of writing are kept for the fsync that follows.
  (void)sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
  (void)descriptor;
#endif
}
