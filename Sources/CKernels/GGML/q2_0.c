// Q2_0: 64 values that are -1, 0, 1 (or, in files of others, 2) times an F16 scale, the largest magnitude.
// Source: ggml quantize_row_q2_0_ref.

#include "../instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 64
#define BLOCK_BYTES 18

static KERNEL size_t encode_q2_0(const float *restrict values, size_t blocks, uint8_t *restrict bytes) {
  for (size_t block = 0; block < blocks; block++, values += BLOCK, bytes += BLOCK_BYTES) {
    int32_t largest = 0;
    LANES for (int j = 0; j < BLOCK; j++) largest = larger(largest, magnitude_bits(values[j]));
    uint32_t scale = half_of(float_of((uint32_t)largest));
    if (largest >= INFINITE_MAGNITUDE || !is_half_finite(scale)) return block;
    float inverse = largest != 0 ? 1.0f / float_of((uint32_t)largest) : 0.0f;
    // A magnitude that has no reciprocal makes all codes 0, as x86 converts what is out of range.
    int has_inverse = magnitude_bits(inverse) < INFINITE_MAGNITUDE;
    int32_t zero = has_inverse ? 1 : 0;
    inverse = has_inverse ? inverse : 0.0f;
    uint8_t codes[BLOCK];
    LANES for (int j = 0; j < BLOCK; j++) {
      float value = values[j] * inverse;
      codes[j] = (uint8_t)(zero + (value >= 0.5f) - (value <= -0.5f));
    }
    store_u16(bytes, scale);
    // Four codes a byte, the first in the lowest bits.
    LANES for (int j = 0; j < BLOCK / 4; j++) {
      uint32_t four;
      memcpy(&four, codes + 4 * j, 4);
      bytes[2 + j] = (uint8_t)(four | four >> 6 | four >> 12 | four >> 18);
    }
  }
  return blocks;
}
DECANT_COMPILE(size_t, encode_q2_0, (const float *values, size_t blocks, uint8_t *bytes), (values, blocks, bytes))

static KERNEL void decode_q2_0(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += BLOCK_BYTES) {
    float scale = float_of_half(load_u16(bytes));
    for (int word = 0; word < BLOCK / 32; word++, values += 32) {
      uint32_t codes[2];
      memcpy(codes, bytes + 2 + 8 * word, 8);
      LANES for (int j = 0; j < 32; j++) values[j] = (float)((int32_t)(codes[j / 16] >> 2 * (j % 16) & 3) - 1) * scale;
    }
  }
}
DECANT_COMPILE(void, decode_q2_0, (const uint8_t *bytes, size_t blocks, float *values), (bytes, blocks, values))
