#include "CPeak.h"

#include <stdbool.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

typedef float Floats __attribute__((vector_size(64)));

#define UNROLL _Pragma("clang loop unroll(full)")

// Twelve chains of sums hide how long an instruction takes. Where 16 floats take several registers, there are not enough
// of these for all at once, and fewer chains do.
static inline __attribute__((always_inline)) float peak(size_t turns, int chains, bool is_fused) {
  const Floats factor = (Floats){} + 0.999f, term = (Floats){} + 1e-3f;
  Floats sums[12];
  UNROLL for (int i = 0; i < chains; i++) sums[i] = (Floats){} + (float)i;
  for (size_t turn = 0; turn < turns * 12 / (size_t)chains; turn++) {
    UNROLL for (int i = 0; i < chains; i++)
      sums[i] = is_fused ? __builtin_elementwise_fma(sums[i], factor, term) : sums[i] * factor + term;
  }
  Floats sum = {};
  UNROLL for (int i = 0; i < chains; i++) sum += sums[i];
  float result = 0;
  for (int lane = 0; lane < 16; lane++) result += sum[lane];
  return result;
}

#if defined(__x86_64__)
static float peak_baseline(size_t turns) { return peak(turns, 3, false); }
__attribute__((target("arch=x86-64-v3"))) static float peak_v3(size_t turns) { return peak(turns, 6, true); }
__attribute__((target("arch=x86-64-v4,tune=znver4"))) static float peak_v4(size_t turns) {
  return peak(turns, 12, true);
}

float decant_peak(const char *kernels, size_t turns) {
  if (strcmp(kernels, "v4") == 0) return peak_v4(turns);
  if (strcmp(kernels, "v3") == 0) return peak_v3(turns);
  return peak_baseline(turns);
}
#else
float decant_peak(const char *kernels, size_t turns) { return peak(turns, 6, true); }
#endif
