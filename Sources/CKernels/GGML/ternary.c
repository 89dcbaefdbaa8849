// TQ1_0, TQ2_0: 256 values that are -1, 0 or 1 times an F16 scale, the largest magnitude.
// Source: ggml quantize_row_tq1_0_ref, quantize_row_tq2_0_ref.

#include "../instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 256

// The codes 0, 1, 2 of a block, and its scale; false where that is not finite. A magnitude that has no reciprocal makes
// all codes 1.
static KERNEL int ternary_codes(const float *restrict values, uint8_t *restrict codes, uint32_t *restrict scale) {
  int32_t largest = 0;
  LANES for (int j = 0; j < BLOCK; j++) largest = larger(largest, magnitude_bits(values[j]));
  *scale = half_of(float_of((uint32_t)largest));
  if (largest >= INFINITE_MAGNITUDE || !is_half_finite(*scale)) return 0;
  float inverse = largest != 0 ? 1.0f / float_of((uint32_t)largest) : 0.0f;
  if (magnitude_bits(inverse) >= INFINITE_MAGNITUDE) inverse = 0.0f;
  LANES for (int j = 0; j < BLOCK; j++) {
    float value = values[j] * inverse;
    codes[j] = (uint8_t)(1 + (value >= 0.5f) - (value <= -0.5f));
  }
  return 1;
}

// 64 bytes of four codes, of values 32 apart; scale.
static KERNEL size_t encode_tq2_0(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += 66) {
    uint8_t codes[BLOCK];
    uint32_t scale;
    if (!ternary_codes(values, codes, &scale)) return block;
    for (int half = 0; half < 2; half++) {
      const uint8_t *from = codes + 128 * half;
      LANES for (int j = 0; j < 32; j++) {
        bytes[32 * half + j] = (uint8_t)(from[j] | from[32 + j] << 2 | from[64 + j] << 4 | from[96 + j] << 6);
      }
    }
    store_u16(bytes + 64, scale);
  }
  return blocks;
}
DECANT_COMPILE(size_t, encode_tq2_0, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

static KERNEL void decode_tq2_0(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += 66) {
    float scale = float_of_half(load_u16(bytes + 64));
    for (int run = 0; run < 8; run++, values += 32) {
      LANES for (int j = 0; j < 32; j++) {
        values[j] = (float)((bytes[32 * (run / 4) + j] >> 2 * (run % 4) & 3) - 1) * scale;
      }
    }
  }
}
DECANT_COMPILE(void, decode_tq2_0, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))

// Packs `count` bytes of five codes, of values `count` apart: the number they make in base 3, the first code first, as
// a part of 256 rounded up, so that multiplying by 3 brings out digit after digit. Codes past the block are 0.
static KERNEL void pack_fives(const uint8_t *restrict codes, int count, int digits, uint8_t *restrict bytes) {
  LANES for (int j = 0; j < count; j++) {
    uint32_t number = 0;
    for (int digit = 0; digit < 5; digit++) number = 3 * number + (digit < digits ? codes[j + count * digit] : 0);
    bytes[j] = (uint8_t)((256 * number + 242) / 243);
  }
}

static KERNEL void unpack_fives(const uint8_t *restrict bytes, int count, int digits, float scale,
                                float *restrict values) {
  uint32_t power = 1;
  for (int digit = 0; digit < digits; digit++, values += count, power *= 3) {
    LANES for (int j = 0; j < count; j++) {
      uint32_t rest = bytes[j] * power & 255;
      values[j] = (float)((int32_t)(3 * rest >> 8) - 1) * scale;
    }
  }
}

// 32 bytes of five codes, 16 bytes of five, 4 bytes of four; scale.
static KERNEL size_t encode_tq1_0(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += 54) {
    uint8_t codes[BLOCK];
    uint32_t scale;
    if (!ternary_codes(values, codes, &scale)) return block;
    pack_fives(codes, 32, 5, bytes);
    pack_fives(codes + 160, 16, 5, bytes + 32);
    pack_fives(codes + 240, 4, 4, bytes + 48);
    store_u16(bytes + 52, scale);
  }
  return blocks;
}
DECANT_COMPILE(size_t, encode_tq1_0, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

static KERNEL void decode_tq1_0(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += 54) {
    float scale = float_of_half(load_u16(bytes + 52));
    unpack_fives(bytes, 32, 5, scale, values);
    unpack_fives(bytes + 32, 16, 5, scale, values + 160);
    unpack_fives(bytes + 48, 4, 4, scale, values + 240);
  }
}
DECANT_COMPILE(void, decode_tq1_0, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
