// F16, BF16 and types of one byte.

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Values between two looks at whether all were fine.
#define RUN 1024

static KERNEL void decode_f16(const uint8_t *restrict bytes, size_t count, float *restrict values) {
  for (size_t i = 0; i < count; i++) values[i] = float_of_half(load_u16(bytes + 2 * i));
}
DECANT_COMPILE(void, decode_f16, (const uint8_t *bytes, size_t count, float *values), (bytes, count, values))

static KERNEL size_t encode_f16(const float *restrict values, size_t count, uint8_t *restrict bytes) {
  for (size_t start = 0; start < count; start += RUN) {
    size_t end = count - start < RUN ? count : start + RUN;
    uint32_t bad = 0;
    for (size_t i = start; i < end; i++) {
      uint32_t half = half_of(values[i]);
      bad |= (half & 0x7fffu) + 0x400u;  // has its uppermost bit set from 0x7c00 on
      store_u16(bytes + 2 * i, half);
    }
    if (bad & 0x8000u) {
      for (size_t i = start; i < end; i++) {
        if (!is_half_finite(half_of(values[i]))) return i;
      }
    }
  }
  return count;
}
DECANT_COMPILE(size_t, encode_f16, (const float *values, size_t count, uint8_t *bytes), (values, count, bytes))

static KERNEL void decode_bf16(const uint8_t *restrict bytes, size_t count, float *restrict values) {
  for (size_t i = 0; i < count; i++) values[i] = float_of(load_u16(bytes + 2 * i) << 16);
}
DECANT_COMPILE(void, decode_bf16, (const uint8_t *bytes, size_t count, float *values), (bytes, count, values))

// To nearest, ties to even.
static KERNEL uint32_t brain_of(float value) {
  uint32_t bits = bits_of(value);
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

// NaNs may wrap around when rounded, so the value itself is looked at too.
static KERNEL int fits_brain(float value) {
  return magnitude_bits(value) < INFINITE_MAGNITUDE && (brain_of(value) & 0x7fffu) < 0x7f80u;
}

static KERNEL size_t encode_bf16(const float *restrict values, size_t count, uint8_t *restrict bytes) {
  for (size_t start = 0; start < count; start += RUN) {
    size_t end = count - start < RUN ? count : start + RUN;
    int32_t largest = 0;
    for (size_t i = start; i < end; i++) {
      largest = larger(largest, magnitude_bits(values[i]));
      store_u16(bytes + 2 * i, brain_of(values[i]));
    }
    if (!fits_brain(float_of((uint32_t)largest))) {
      for (size_t i = start; i < end; i++) {
        if (!fits_brain(values[i])) return i;
      }
    }
  }
  return count;
}
DECANT_COMPILE(size_t, encode_bf16, (const float *values, size_t count, uint8_t *bytes), (values, count, bytes))

static KERNEL void decode_bytes(const uint8_t *restrict bytes, size_t count, const float *restrict table,
                                float *restrict values) {
  for (size_t i = 0; i < count; i++) values[i] = table[bytes[i]];
}
DECANT_COMPILE(void, decode_bytes, (const uint8_t *bytes, size_t count, const float *table, float *values),
               (bytes, count, table, values))

static KERNEL size_t encode_f8(const float *restrict values, size_t count, uint8_t *restrict bytes, int significand,
                               int smallest, int32_t limit) {
  for (size_t start = 0; start < count; start += RUN) {
    size_t end = count - start < RUN ? count : start + RUN;
    int32_t largest = 0;
    for (size_t i = start; i < end; i++) {
      int32_t code = small_float_of(values[i], significand, smallest, limit);
      largest = larger(largest, code);
      bytes[i] = (uint8_t)(((bits_of(values[i]) >> 24) & 0x80u) | (uint32_t)code);
    }
    if (largest == limit) {
      for (size_t i = start; i < end; i++) {
        if (small_float_of(values[i], significand, smallest, limit) == limit) return i;
      }
    }
  }
  return count;
}

static KERNEL size_t encode_f8_e4m3(const float *values, size_t count, uint8_t *bytes) {
  return encode_f8(values, count, bytes, 3, -6, 0x7f);
}
DECANT_COMPILE(size_t, encode_f8_e4m3, (const float *values, size_t count, uint8_t *bytes), (values, count, bytes))

static KERNEL size_t encode_f8_e5m2(const float *values, size_t count, uint8_t *bytes) {
  return encode_f8(values, count, bytes, 2, -14, 0x7c);
}
DECANT_COMPILE(size_t, encode_f8_e5m2, (const float *values, size_t count, uint8_t *bytes), (values, count, bytes))
