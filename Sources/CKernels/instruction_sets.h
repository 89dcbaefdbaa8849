// Compiles a loop for several instruction sets.
//
// A kernel is a `static KERNEL` function, followed by DECANT_COMPILE with its result type, name, parameters and
// arguments; it is a row of DECANT_KERNELS in CKernels.h.

#ifndef DECANT_INSTRUCTION_SETS_H
#define DECANT_INSTRUCTION_SETS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"

// A fused multiply-add rounds once where the formats round twice.
#pragma STDC FP_CONTRACT OFF

#define KERNEL inline __attribute__((always_inline))

// Before a loop of a few dozen turns: it is vectorized, where it would be taken apart.
#define LANES _Pragma("clang loop vectorize(enable)")

#if defined(__x86_64__)
#define DECANT_V3 __attribute__((target("arch=x86-64-v3")))
// Tuned for a processor on which the compiler likes vectors of 512 bits.
#define DECANT_V4 __attribute__((target("arch=x86-64-v4,tune=znver4")))
#define DECANT_COMPILE(result, name, parameters, arguments)                       \
  result decant_##name##_baseline parameters { return name arguments; }           \
  DECANT_V3 result decant_##name##_v3 parameters { return name arguments; }       \
  DECANT_V4 result decant_##name##_v4 parameters { return name arguments; }
#else
#define DECANT_COMPILE(result, name, parameters, arguments)                       \
  result decant_##name##_baseline parameters { return name arguments; }
#endif

static KERNEL uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return bits;
}

static KERNEL float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static KERNEL int32_t magnitude_bits(float value) { return (int32_t)(bits_of(value) & 0x7fffffffu); }

// The magnitude of infinity: finite values have smaller ones, NaNs larger ones.
#define INFINITE_MAGNITUDE 0x7f800000

static KERNEL int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }
static KERNEL int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static KERNEL size_t smaller_size(size_t a, size_t b) { return a < b ? a : b; }

// A float of `significand` bits after the leading one, whose smallest normal exponent is `smallest`, from F32 to
// nearest, ties to even, without its sign. `limit`, the code after the largest finite one, stands for all that is too
// large or not a number. Not for formats with the exponents of F32.
static KERNEL int32_t small_float_of(float value, int significand, int smallest, int32_t limit) {
  int32_t magnitude = magnitude_bits(value);
  int dropped = 23 - significand;
  // Subnormal codes count units of 2^(smallest - significand): the last place of an F32 that is 2^23 as large.
  float large = float_of((uint32_t)(smallest + dropped + 127) << 23);
  int32_t subnormal = magnitude_bits(float_of((uint32_t)magnitude) + large) - magnitude_bits(large);
  int32_t rounding = (1 << (dropped - 1)) - 1 + ((magnitude >> dropped) & 1);
  int32_t normal = (magnitude - ((smallest + 126) << 23) + rounding) >> dropped;
  return smaller(magnitude < (smallest + 127) << 23 ? subnormal : normal, limit);
}

static KERNEL uint32_t half_of(float value) {
  return ((bits_of(value) >> 16) & 0x8000u) | (uint32_t)small_float_of(value, 10, -14, 0x7c00);
}

static KERNEL float float_of_half(uint32_t half) {
  uint32_t sign = (half & 0x8000u) << 16;
  uint32_t magnitude = half & 0x7fffu;
  uint32_t shifted = magnitude << 13;
  uint32_t normal = shifted + (112u << 23);
  uint32_t not_finite = shifted + (224u << 23);
  uint32_t subnormal = bits_of((float)(int32_t)magnitude * 0x1p-24f);
  uint32_t bits = magnitude < 0x400u ? subnormal : magnitude < 0x7c00u ? normal : not_finite;
  return float_of(sign | bits);
}

static KERNEL int is_half_finite(uint32_t half) { return (half & 0x7fffu) < 0x7c00u; }

static KERNEL uint32_t load_u16(const uint8_t *bytes) {
  uint16_t value;
  memcpy(&value, bytes, 2);
  return value;
}

static KERNEL void store_u16(uint8_t *bytes, uint32_t value) {
  uint16_t narrow = (uint16_t)value;
  memcpy(bytes, &narrow, 2);
}

static KERNEL float load_f32(const uint8_t *bytes) {
  float value;
  memcpy(&value, bytes, 4);
  return value;
}

#endif
