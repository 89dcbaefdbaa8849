// Compiles a loop for several instruction sets.
//
// A kernel is a `static KERNEL` function, followed by DECANT_COMPILE with its result type, name, parameters and
// arguments; it is listed in CKernels.h and in dispatch.c.

#ifndef DECANT_INSTRUCTION_SETS_H
#define DECANT_INSTRUCTION_SETS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CKernels.h"

// A fused multiply-add rounds once where the formats round twice.
#pragma STDC FP_CONTRACT OFF

#define KERNEL inline __attribute__((always_inline))

// Before a loop of a few dozen turns: keeps it a loop until it is vectorized.
#define LANES _Pragma("clang loop vectorize(enable) unroll(disable)")

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

// F16 from F32 to nearest, ties to even. Infinity stands for all that is too large or not a number.
static KERNEL uint32_t half_of(float value) {
  uint32_t sign = (bits_of(value) >> 16) & 0x8000u;
  int32_t magnitude = magnitude_bits(value);
  // A subnormal F16 counts units of 2^-24, which is also the last place of an F32 in [0.5, 1).
  int32_t subnormal = magnitude_bits(float_of((uint32_t)magnitude) + 0.5f) - magnitude_bits(0.5f);
  int32_t normal = (magnitude - (112 << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  int32_t half = magnitude < (113 << 23) ? subnormal : normal;
  return sign | (uint32_t)smaller(half, 0x7c00);
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
