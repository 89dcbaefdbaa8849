// The table of instruction sets, and the choice among them.

#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

// Every kernel, in the order of `struct decant_kernels`.
#define EVERY_KERNEL(SET, K)                                                                         \
  K(SET, decode_f16) K(SET, encode_f16) K(SET, decode_bf16) K(SET, encode_bf16)                      \
  K(SET, encode_f8_e4m3) K(SET, encode_f8_e5m2) K(SET, decode_bytes)                                 \
  K(SET, decode_q4_0) K(SET, encode_q4_0) K(SET, decode_q4_1) K(SET, encode_q4_1)                    \
  K(SET, decode_q5_0) K(SET, encode_q5_0) K(SET, decode_q5_1) K(SET, encode_q5_1)                    \
  K(SET, decode_q8_0) K(SET, encode_q8_0)                                                            \
  K(SET, decode_q2_k) K(SET, encode_q2_k) K(SET, decode_q4_k) K(SET, encode_q4_k)                    \
  K(SET, decode_q5_k) K(SET, encode_q5_k)                                                            \
  K(SET, encode_q4_1_weighted) K(SET, encode_q5_1_weighted) K(SET, encode_q2_k_weighted)             \
  K(SET, encode_q4_k_weighted) K(SET, encode_q5_k_weighted)                                          \
  K(SET, decode_q3_k) K(SET, encode_q3_k) K(SET, decode_q6_k) K(SET, encode_q6_k)                    \
  K(SET, decode_iq4_nl) K(SET, encode_iq4_nl) K(SET, decode_iq4_xs) K(SET, encode_iq4_xs)            \
  K(SET, encode_q4_0_weighted) K(SET, encode_q5_0_weighted) K(SET, encode_q3_k_weighted)             \
  K(SET, encode_q6_k_weighted) K(SET, encode_iq4_nl_weighted) K(SET, encode_iq4_xs_weighted)         \
  K(SET, decode_tq1_0) K(SET, encode_tq1_0) K(SET, decode_tq2_0) K(SET, encode_tq2_0)                \
  K(SET, decode_mxfp4) K(SET, encode_mxfp4) K(SET, decode_nvfp4) K(SET, encode_nvfp4)                \
  K(SET, decode_q1_0) K(SET, encode_q1_0) K(SET, decode_q2_0) K(SET, encode_q2_0)                    \
  K(SET, decode_iq1_s) K(SET, decode_iq1_m) K(SET, decode_iq2_xxs) K(SET, decode_iq2_xs)             \
  K(SET, decode_iq2_s) K(SET, decode_iq3_xxs) K(SET, decode_iq3_s)                                   \
  K(SET, decode_code16) K(SET, encode_code16) K(SET, encode_int4)                                    \
  K(SET, decode_code256) K(SET, encode_int8)                                                         \
  K(SET, first_non_finite) K(SET, sum_of_squares) K(SET, sum_of_squared_differences)                 \
  K(SET, add_outer_product)                                                                          \
  K(SET, rms_norm) K(SET, layer_norm) K(SET, rotate) K(SET, soft_cap) K(SET, causal_softmax)         \
  K(SET, activate)                                                                                   \
  K(SET, add_row) K(SET, add_squares)                                                                \
  K(SET, log_softmax_row) K(SET, divergence_row) K(SET, difference) K(SET, multiply)

// Declares a kernel with the type of its field.
#define DECLARE(SET, KERNEL) extern __typeof__(*((struct decant_kernels *)0)->KERNEL) decant_##KERNEL##_##SET;
#define FIELD(SET, KERNEL) .KERNEL = decant_##KERNEL##_##SET,
#define TABLE(SET, SUPPORTED) {.name = #SET, .is_supported = SUPPORTED, EVERY_KERNEL(SET, FIELD)}

EVERY_KERNEL(baseline, DECLARE)

static bool always(void) { return true; }

#if defined(__x86_64__)
EVERY_KERNEL(v3, DECLARE)
EVERY_KERNEL(v4, DECLARE)

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
