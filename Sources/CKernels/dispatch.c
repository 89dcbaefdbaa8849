// The table of instruction sets, and the choice among them.

#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

#define DECLARE(SET, RESULT, NAME, PARAMETERS) extern RESULT decant_##NAME##_##SET PARAMETERS;
#define FIELD(SET, RESULT, NAME, PARAMETERS) .NAME = decant_##NAME##_##SET,
#define TABLE(SET, SUPPORTED) {.name = #SET, .is_supported = SUPPORTED, DECANT_KERNELS(FIELD, SET)}

DECANT_KERNELS(DECLARE, baseline)

static bool always(void) { return true; }

#if defined(__x86_64__)
DECANT_KERNELS(DECLARE, v3)
DECANT_KERNELS(DECLARE, v4)

// Every feature that the set is compiled for, and registers that the system saves. A virtual machine may hide some.
static bool supports_v3(void) { return __builtin_cpu_supports("x86-64-v3"); }
static bool supports_v4(void) { return __builtin_cpu_supports("x86-64-v4"); }
#endif

static const struct decant_kernels sets[] = {
    TABLE(baseline, always),
#if defined(__x86_64__)
    TABLE(v3, supports_v3),
    TABLE(v4, supports_v4),
#endif
};

size_t decant_kernels_count(void) { return sizeof sets / sizeof sets[0]; }

const struct decant_kernels *decant_kernels_at(size_t index) { return &sets[index]; }

static const char *wanted_name(void) { return getenv("DECANT_KERNELS"); }

const char *decant_kernels_refused(void) {
  const char *wanted = wanted_name();
  return wanted == NULL || strcmp(wanted, decant_kernels_best()->name) == 0 ? NULL : wanted;
}

static const struct decant_kernels *choose(void) {
  const char *wanted = wanted_name();
  const struct decant_kernels *best = &sets[0];
  for (size_t i = 0; i < decant_kernels_count(); i++) {
    if (!sets[i].is_supported()) continue;
    if (wanted != NULL && strcmp(wanted, sets[i].name) == 0) return &sets[i];
    best = &sets[i];
  }
  return best;
}

const struct decant_kernels *decant_kernels_best(void) {
  // Racing first calls store the same pointer.
  static const struct decant_kernels *_Atomic chosen;
  const struct decant_kernels *best = chosen;
  if (best == NULL) chosen = best = choose();
  return best;
}

// Names the hidden feature of that index, or counts them all where there is none of that index.
static const char *hidden(size_t index, size_t *count) {
  *count = 0;
#if defined(__x86_64__)
#define LOOK_FOR(NAME) \
  if (!__builtin_cpu_supports(NAME) && (*count)++ == index) return NAME;
  LOOK_FOR("avx") LOOK_FOR("avx2") LOOK_FOR("bmi") LOOK_FOR("bmi2") LOOK_FOR("f16c") LOOK_FOR("fma")
  LOOK_FOR("lzcnt") LOOK_FOR("movbe")
#endif
  return "";
}

size_t decant_kernels_hidden_count(void) {
  size_t count;
  hidden(SIZE_MAX, &count);
  return count;
}

const char *decant_kernels_hidden_at(size_t index) {
  size_t count;
  return hidden(index, &count);
}
