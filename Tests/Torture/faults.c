// Loaded before the C library: lets one call into the system fail, or wait, and counts the calls.
//
//   FAULT_ROOT    only calls on files below this folder count
//   FAULT_COUNT   a file that gets a line for each call: its number, name and path
//   FAULT_AT      the number of the call that fails, from 1
//   FAULT_ERRNO   what it fails with
//   PAUSE_AT      the number of the call that waits: it makes PAUSE_FILE.here and goes on when PAUSE_FILE.go is there

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

enum { most_files = 1 << 16 };
static atomic_char counted[most_files];
static _Atomic(DIR *) folders[64];
static atomic_long calls;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int is_below(const char *path) {
  const char *root = getenv("FAULT_ROOT");
  return root != NULL && path != NULL && strncmp(path, root, strlen(root)) == 0;
}

// Answers whether the call is to fail, with errno set.
static int fails(const char *name, const char *path) {
  int before = errno;
  long number = atomic_fetch_add(&calls, 1) + 1;
  const char *log = getenv("FAULT_COUNT");
  if (log != NULL) {
    char line[512];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, name, path);
    int file = NEXT(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file >= 0) {
      if (NEXT(write)(file, line, (size_t)(length < 512 ? length : 511)) < 0) abort();
      close(file);
    }
  }
  const char *pause = getenv("PAUSE_AT"), *pause_file = getenv("PAUSE_FILE");
  if (pause != NULL && pause_file != NULL && atol(pause) == number) {
    char here[4096], go[4096];
    snprintf(here, sizeof here, "%s.here", pause_file);
    snprintf(go, sizeof go, "%s.go", pause_file);
    int file = NEXT(open)(here, O_WRONLY | O_CREAT, 0644);
    if (file >= 0) close(file);
    struct timespec moment = {0, 2000000};
    while (NEXT(access)(go, F_OK) != 0) nanosleep(&moment, NULL);
  }
  const char *at = getenv("FAULT_AT"), *number_of_error = getenv("FAULT_ERRNO");
  errno = before;
  if (at == NULL || number_of_error == NULL || atol(at) != number) return 0;
  errno = atoi(number_of_error);
  return 1;
}

static int is_counted(int file) { return file >= 0 && file < most_files && atomic_load(&counted[file]); }

static int opened(int file, int counts) {
  if (file >= 0 && file < most_files) atomic_store(&counted[file], (char)counts);
  return file;
}

int open(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
  va_end(list);
  int counts = is_below(path);
  if (counts && fails("open", path)) return -1;
  return opened(NEXT(open)(path, flags, mode), counts);
}

int open64(const char *path, int flags, ...) {
  va_list list;
  va_start(list, flags);
  mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
  va_end(list);
  return open(path, flags, mode);
}

#define ON_PATH(name, type, failed, parameters, arguments, path)  \
  type name parameters {                                          \
    if (is_below(path) && fails(#name, path)) return failed;      \
    return NEXT(name) arguments;                                  \
  }
#define ON_FILE(name, type, parameters, arguments, file)          \
  type name parameters {                                          \
    if (is_counted(file) && fails(#name, "")) return -1;          \
    return NEXT(name) arguments;                                  \
  }

ON_PATH(stat, int, -1, (const char *path, struct stat *s), (path, s), path)
ON_PATH(lstat, int, -1, (const char *path, struct stat *s), (path, s), path)
ON_PATH(access, int, -1, (const char *path, int mode), (path, mode), path)
ON_PATH(statvfs, int, -1, (const char *path, struct statvfs *s), (path, s), path)
ON_PATH(rename, int, -1, (const char *from, const char *to), (from, to), from)
ON_PATH(renameat2, int, -1, (int a, const char *from, int b, const char *to, unsigned f), (a, from, b, to, f), from)
ON_PATH(link, int, -1, (const char *from, const char *to), (from, to), from)
ON_PATH(mkdir, int, -1, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(unlink, int, -1, (const char *path), (path), path)
ON_PATH(rmdir, int, -1, (const char *path), (path), path)
ON_PATH(realpath, char *, NULL, (const char *path, char *out), (path, out), path)
ON_FILE(fstat, int, (int file, struct stat *s), (file, s), file)
ON_FILE(pread, ssize_t, (int file, void *b, size_t n, off_t o), (file, b, n, o), file)
ON_FILE(pwrite, ssize_t, (int file, const void *b, size_t n, off_t o), (file, b, n, o), file)
ON_FILE(read, ssize_t, (int file, void *b, size_t n), (file, b, n), file)
ON_FILE(write, ssize_t, (int file, const void *b, size_t n), (file, b, n), file)
ON_FILE(ftruncate, int, (int file, off_t n), (file, n), file)
ON_FILE(fsync, int, (int file), (file), file)
ON_FILE(flock, int, (int file, int operation), (file, operation), file)
ON_FILE(fchmod, int, (int file, mode_t mode), (file, mode), file)

DIR *opendir(const char *path) {
  int counts = is_below(path);
  if (counts && fails("opendir", path)) return NULL;
  DIR *folder = NEXT(opendir)(path);
  for (int i = 0; counts && folder != NULL && i < 64; i++) {
    DIR *none = NULL;
    if (atomic_compare_exchange_strong(&folders[i], &none, folder)) break;
  }
  return folder;
}

struct dirent *readdir(DIR *folder) {
  for (int i = 0; i < 64; i++) {
    if (atomic_load(&folders[i]) == folder && fails("readdir", "")) return NULL;
  }
  return NEXT(readdir)(folder);
}

int closedir(DIR *folder) {
  for (int i = 0; i < 64; i++) {
    if (atomic_load(&folders[i]) == folder) atomic_store(&folders[i], NULL);
  }
  return NEXT(closedir)(folder);
}
