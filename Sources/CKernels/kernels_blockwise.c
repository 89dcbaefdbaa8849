// Blockwise codes: blocks of any size with an F32 scale, the largest magnitude (absmax).

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Values encoded at a time.
#define STRIP 32

static KERNEL int32_t absmax_bits(const float *restrict values, size_t count) {
  int32_t largest = 0;
  for (size_t i = 0; i < count; i++) largest = larger(largest, magnitude_bits(values[i]));
  return largest;
}

struct code16 {
  float thresholds[15];
  int32_t steps[15];
  int32_t first_code;
};

static KERNEL int32_t code16_of(float value, const struct code16 *restrict code) {
  int32_t result = code->first_code;
#pragma clang loop unroll(full)
  for (int i = 0; i < 15; i++) result += value > code->thresholds[i] ? code->steps[i] : 0;
  return result;
}

static KERNEL void store_pairs(const int32_t *restrict codes, int count, uint8_t *restrict bytes) {
  LANES for (int j = 0; j < count / 2; j++) bytes[j] = (uint8_t)(codes[2 * j] << 4 | codes[2 * j + 1]);
}

// A last pair may lack its second value: it is coded as zero.
static KERNEL size_t encode_code16(const float *restrict values, size_t count, size_t block_size,
                                   const float *restrict thresholds, const int32_t *restrict steps,
                                   int32_t first_code, uint8_t *restrict codes, uint8_t *restrict scales) {
  // A copy, so that the compiler sees that nothing written below changes it.
  struct code16 code = {.first_code = first_code};
  memcpy(code.thresholds, thresholds, sizeof code.thresholds);
  memcpy(code.steps, steps, sizeof code.steps);
  for (size_t start = 0; start < count; start += block_size, scales += 4) {
    size_t length = count - start < block_size ? count - start : block_size;
    const float *block = values + start;
    int32_t largest = absmax_bits(block, length);
    if (largest >= INFINITE_MAGNITUDE) return start / block_size;
    float absmax = float_of((uint32_t)largest);
    float guarded = absmax < 1e-38f ? 1e-38f : absmax;
    int32_t strip[STRIP];
    if (length == block_size) {
      float inverse = 1.0f / guarded;
      for (size_t i = 0; i < length; i += STRIP) {
        LANES for (int j = 0; j < STRIP; j++) strip[j] = code16_of(block[i + j] * inverse, &code);
        store_pairs(strip, STRIP, codes + (start + i) / 2);
      }
    } else {
      absmax = guarded;
      for (size_t i = 0; i < length; i += 2) {
        int32_t first = code16_of(block[i] / guarded, &code);
        int32_t second = code16_of(i + 1 < length ? block[i + 1] / guarded : 0.0f, &code);
        codes[(start + i) / 2] = (uint8_t)(first << 4 | second);
      }
    }
    memcpy(scales, &absmax, 4);
  }
  return count / block_size + (count % block_size != 0);
}
DECANT_COMPILE(size_t, encode_code16,
               (const float *values, size_t count, size_t block_size, const float *thresholds, const int32_t *steps,
                int32_t first_code, uint8_t *codes, uint8_t *scales),
               (values, count, block_size, thresholds, steps, first_code, codes, scales))

static KERNEL void decode_code16(const uint8_t *restrict codes, const uint8_t *restrict scales, size_t count,
                                 size_t block_size, const float *restrict table, float *restrict values) {
  for (size_t start = 0; start < count; start += block_size, scales += 4) {
    size_t end = count - start < block_size ? count : start + block_size;
    float scale = load_f32(scales);
    float scaled[16];
    for (int i = 0; i < 16; i++) scaled[i] = table[i] * scale;
    size_t pairs_end = end & ~(size_t)1;
    for (size_t i = start; i < pairs_end; i += 2) {
      uint8_t pair = codes[i / 2];
      values[i] = scaled[pair >> 4];
      values[i + 1] = scaled[pair & 15];
    }
    if (pairs_end < end) values[pairs_end] = scaled[codes[pairs_end / 2] >> 4];
  }
}
DECANT_COMPILE(void, decode_code16,
               (const uint8_t *codes, const uint8_t *scales, size_t count, size_t block_size, const float *table,
                float *values),
               (codes, scales, count, block_size, table, values))

// Integer codes. The reciprocal is kept finite: absmax below 1e-36 counts as that.

static KERNEL float levels_over(float levels, float absmax) { return levels / (absmax < 1e-36f ? 1e-36f : absmax); }

// Adding 1.5 * 2^23 leaves no bits for the fraction: the sum is rounded half to even. For magnitudes below 2^22.
static KERNEL int32_t nearest_even(float value) {
  return (int32_t)bits_of(value + 12582912.0f) - (int32_t)bits_of(12582912.0f);
}

static KERNEL size_t encode_int4(const float *restrict values, size_t count, size_t block_size,
                                 uint8_t *restrict codes, uint8_t *restrict scales) {
  for (size_t start = 0; start < count; start += block_size, scales += 4) {
    size_t length = count - start < block_size ? count - start : block_size;
    const float *block = values + start;
    int32_t largest = absmax_bits(block, length);
    if (largest >= INFINITE_MAGNITUDE) return start / block_size;
    float absmax = float_of((uint32_t)largest);
    float inverse = levels_over(7.0f, absmax);
    int32_t strip[STRIP];
    size_t strips_end = length - length % STRIP;
    for (size_t i = 0; i < strips_end; i += STRIP) {
      LANES for (int j = 0; j < STRIP; j++) strip[j] = 8 + nearest_even(block[i + j] * inverse);
      store_pairs(strip, STRIP, codes + (start + i) / 2);
    }
    for (size_t i = strips_end; i < length; i += 2) {
      int32_t first = 8 + nearest_even(block[i] * inverse);
      int32_t second = i + 1 < length ? 8 + nearest_even(block[i + 1] * inverse) : 8;
      codes[(start + i) / 2] = (uint8_t)(first << 4 | second);
    }
    memcpy(scales, &absmax, 4);
  }
  return count / block_size + (count % block_size != 0);
}
DECANT_COMPILE(size_t, encode_int4,
               (const float *values, size_t count, size_t block_size, uint8_t *codes, uint8_t *scales),
               (values, count, block_size, codes, scales))

static KERNEL size_t encode_int8(const float *restrict values, size_t count, size_t block_size,
                                 uint8_t *restrict codes, uint8_t *restrict scales) {
  for (size_t start = 0; start < count; start += block_size, scales += 4) {
    size_t length = count - start < block_size ? count - start : block_size;
    const float *block = values + start;
    int32_t largest = absmax_bits(block, length);
    if (largest >= INFINITE_MAGNITUDE) return start / block_size;
    float absmax = float_of((uint32_t)largest);
    float inverse = levels_over(127.0f, absmax);
    for (size_t i = 0; i < length; i++) codes[start + i] = (uint8_t)(128 + nearest_even(block[i] * inverse));
    memcpy(scales, &absmax, 4);
  }
  return count / block_size + (count % block_size != 0);
}
DECANT_COMPILE(size_t, encode_int8,
               (const float *values, size_t count, size_t block_size, uint8_t *codes, uint8_t *scales),
               (values, count, block_size, codes, scales))

static KERNEL void decode_code256(const uint8_t *restrict codes, const uint8_t *restrict scales, size_t count,
                                  size_t block_size, const float *restrict table, float *restrict values) {
  for (size_t start = 0; start < count; start += block_size, scales += 4) {
    size_t end = count - start < block_size ? count : start + block_size;
    float scale = load_f32(scales);
    for (size_t i = start; i < end; i++) values[i] = table[codes[i]] * scale;
  }
}
DECANT_COMPILE(void, decode_code256,
               (const uint8_t *codes, const uint8_t *scales, size_t count, size_t block_size, const float *table,
                float *values),
               (codes, scales, count, block_size, table, values))
