// GGML's block types: 32 values with an F16 scale, and for some an F16 minimum.

#include "GGML/codes_of_32.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 32

// The magnitude of the largest value; not below INFINITE_MAGNITUDE when a value is not finite.
static KERNEL int32_t largest_magnitude(const float *restrict values) {
  int32_t largest = 0;
  LANES for (int j = 0; j < BLOCK; j++) largest = larger(largest, magnitude_bits(values[j]));
  return largest;
}

// The first of the values that have the largest magnitude, with its sign; 0 where all are 0.
static KERNEL float peak_of(const float *restrict values, int32_t largest) {
  if (largest == 0) return 0.0f;
  int32_t first = BLOCK;
  LANES for (int j = 0; j < BLOCK; j++) first = smaller(first, magnitude_bits(values[j]) == largest ? j : BLOCK);
  return values[first];
}

// Finite values in the order of these integers are in ascending order.
static KERNEL int32_t ordered(float value) {
  int32_t bits = (int32_t)bits_of(value);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

static KERNEL float from_ordered(int32_t order) {
  return float_of((uint32_t)(order ^ ((order >> 31) & 0x7fffffff)));
}

// The smallest and the largest value. A minimum of zero has the sign of the first zero.
static KERNEL void range_of(const float *restrict values, float *restrict minimum, float *restrict maximum) {
  int32_t low = INT32_MAX, high = INT32_MIN;
  LANES for (int j = 0; j < BLOCK; j++) {
    low = smaller(low, ordered(values[j]));
    high = larger(high, ordered(values[j]));
  }
  *minimum = from_ordered(low);
  *maximum = from_ordered(high);
  if (*minimum == 0.0f) {
    for (int j = BLOCK - 1; j >= 0; j--) {
      if (values[j] == 0.0f) *minimum = values[j];
    }
  }
}

// What values are multiplied by and what is added before truncation. Where the reciprocal of a subnormal scale is
// infinite, every code is 0, as x86 converts what is out of range.
struct rounding {
  float inverse, bias;
};

static KERNEL struct rounding rounding_of(float scale, float bias) {
  struct rounding result = {scale != 0.0f ? 1.0f / scale : 0.0f, bias};
  if (magnitude_bits(result.inverse) >= INFINITE_MAGNITUDE) result = (struct rounding){0.0f, 0.0f};
  return result;
}

#define DECODER(name)                                                                       \
  DECANT_COMPILE(void, name, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
#define ENCODER(name)                                                                       \
  DECANT_COMPILE(size_t, name, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

// Symmetric types of 4 and 5 bits: the peak becomes the smallest code.

static KERNEL size_t encode_symmetric(const float *restrict values, size_t blocks, uint8_t *restrict bytes, int bits) {
  int half = 1 << (bits - 1), most = 2 * half - 1;
  size_t block_bytes = bits == 4 ? 18 : 22;
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += block_bytes) {
    int32_t largest = largest_magnitude(values);
    if (largest >= INFINITE_MAGNITUDE) return block;
    float scale = peak_of(values, largest) / (float)-half;
    uint32_t stored = half_of(scale);
    if (!is_half_finite(stored)) return block;
    struct rounding rounding = rounding_of(scale, (float)half + 0.5f);
    int32_t codes[BLOCK];
    LANES for (int j = 0; j < BLOCK; j++) {
      codes[j] = smaller(most, (int32_t)(values[j] * rounding.inverse + rounding.bias));
    }
    store_u16(bytes, stored);
    store_codes_of_32(codes, bits, bytes + 2);
  }
  return blocks;
}

static KERNEL void decode_symmetric(const uint8_t *restrict bytes, size_t blocks, float *restrict values, int bits) {
  int half = 1 << (bits - 1);
  size_t block_bytes = bits == 4 ? 18 : 22;
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += block_bytes) {
    float scale = float_of_half(load_u16(bytes));
    int32_t codes[BLOCK];
    load_codes_of_32(bytes + 2, bits, codes);
    LANES for (int j = 0; j < BLOCK; j++) values[j] = (float)(codes[j] - half) * scale;
  }
}

static KERNEL size_t encode_q4_0(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_symmetric(values, blocks, bytes, 4);
}
ENCODER(encode_q4_0)

static KERNEL void decode_q4_0(const uint8_t *bytes, size_t blocks, float *values) {
  decode_symmetric(bytes, blocks, values, 4);
}
DECODER(decode_q4_0)

static KERNEL size_t encode_q5_0(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_symmetric(values, blocks, bytes, 5);
}
ENCODER(encode_q5_0)

static KERNEL void decode_q5_0(const uint8_t *bytes, size_t blocks, float *values) {
  decode_symmetric(bytes, blocks, values, 5);
}
DECODER(decode_q5_0)

// Types with a minimum: the range is divided into equal steps.

static KERNEL size_t encode_ranged(const float *restrict values, size_t blocks, uint8_t *restrict bytes, int bits) {
  int most = (1 << bits) - 1;
  size_t block_bytes = bits == 4 ? 20 : 24;
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += block_bytes) {
    if (largest_magnitude(values) >= INFINITE_MAGNITUDE) return block;
    float minimum, maximum;
    range_of(values, &minimum, &maximum);
    float scale = (maximum - minimum) / (float)most;
    uint32_t stored_scale = half_of(scale), stored_minimum = half_of(minimum);
    if (!is_half_finite(stored_scale) || !is_half_finite(stored_minimum)) return block;
    struct rounding rounding = rounding_of(scale, 0.5f);
    int32_t codes[BLOCK];
    LANES for (int j = 0; j < BLOCK; j++) {
      codes[j] = smaller(most, (int32_t)((values[j] - minimum) * rounding.inverse + rounding.bias));
    }
    store_u16(bytes, stored_scale);
    store_u16(bytes + 2, stored_minimum);
    store_codes_of_32(codes, bits, bytes + 4);
  }
  return blocks;
}

static KERNEL void decode_ranged(const uint8_t *restrict bytes, size_t blocks, float *restrict values, int bits) {
  size_t block_bytes = bits == 4 ? 20 : 24;
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += block_bytes) {
    float scale = float_of_half(load_u16(bytes)), minimum = float_of_half(load_u16(bytes + 2));
    int32_t codes[BLOCK];
    load_codes_of_32(bytes + 4, bits, codes);
    LANES for (int j = 0; j < BLOCK; j++) values[j] = (float)codes[j] * scale + minimum;
  }
}

static KERNEL size_t encode_q4_1(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_ranged(values, blocks, bytes, 4);
}
ENCODER(encode_q4_1)

static KERNEL void decode_q4_1(const uint8_t *bytes, size_t blocks, float *values) {
  decode_ranged(bytes, blocks, values, 4);
}
DECODER(decode_q4_1)

static KERNEL size_t encode_q5_1(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_ranged(values, blocks, bytes, 5);
}
ENCODER(encode_q5_1)

static KERNEL void decode_q5_1(const uint8_t *bytes, size_t blocks, float *values) {
  decode_ranged(bytes, blocks, values, 5);
}
DECODER(decode_q5_1)

// Symmetric, 8 bits, rounded half away from zero.

static KERNEL size_t encode_q8_0(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += 34) {
    int32_t largest = largest_magnitude(values);
    if (largest >= INFINITE_MAGNITUDE) return block;
    float scale = float_of((uint32_t)largest) / 127.0f;
    uint32_t stored = half_of(scale);
    if (!is_half_finite(stored)) return block;
    struct rounding rounding = rounding_of(scale, 0.0f);
    store_u16(bytes, stored);
    LANES for (int j = 0; j < BLOCK; j++) {
      float value = values[j] * rounding.inverse;
      int32_t whole = (int32_t)value;
      float rest = value - (float)whole;  // exact
      bytes[2 + j] = (uint8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
    }
  }
  return blocks;
}
ENCODER(encode_q8_0)

static KERNEL void decode_q8_0(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += 34) {
    float scale = float_of_half(load_u16(bytes));
    LANES for (int j = 0; j < BLOCK; j++) values[j] = (float)(int8_t)bytes[2 + j] * scale;
  }
}
DECODER(decode_q8_0)
