#include "CBytes.h"

#include <errno.h>
#if defined(__linux__)
#include <fcntl.h>
#endif

int decant_reserve(int descriptor, long long byteCount) {
#if defined(__linux__)
  if (byteCount <= 0 || fallocate(descriptor, 0, 0, byteCount) == 0) return 0;
  return errno == ENOSPC || errno == EDQUOT || errno == EINTR ? -1 : 0;
#else
  (void)descriptor, (void)byteCount;
  return 0;
#endif
}

void decant_start_writing(int descriptor) {
#if defined(__linux__)
  // The errors of writing are kept for the fsync that follows.
  (void)sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
#else
  (void)descriptor;
#endif
}
