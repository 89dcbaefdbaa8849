// Q2_K: superblocks of 16 blocks of 16 values. Multiples of scale and minimum of 4 bits in a byte, four codes a byte, an
// F16 scale and minimum.

#include "affine_superblocks.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCKS 16
#define ELEMENTS 16
#define CODES_OFFSET BLOCKS
#define SCALE_OFFSET 80
#define BYTES 84

static KERNEL void decode_q2_k(const uint8_t *bytes, size_t blocks, float *values) {
  for (size_t n = 0; n < blocks; n++, bytes += BYTES, values += VALUES) {
    float scale = float_of_half(load_u16(bytes + SCALE_OFFSET));
    float minimum = float_of_half(load_u16(bytes + SCALE_OFFSET + 2));
    for (int j = 0; j < BLOCKS; j++) {
      float block_scale = scale * (float)(bytes[j] & 15), block_minimum = minimum * (float)(bytes[j] >> 4);
      const uint8_t *codes = bytes + CODES_OFFSET + j / 8 * 32 + j % 2 * ELEMENTS;
      LANES for (int i = 0; i < ELEMENTS; i++) {
        int32_t code = (codes[i] >> (j / 2 % 4 * 2)) & 3;
        values[j * ELEMENTS + i] = block_scale * (float)code - block_minimum;
      }
    }
  }
}

static KERNEL void store_multiples(uint8_t *restrict scales, uint8_t *restrict minimums, uint8_t *restrict bytes) {
  for (int j = 0; j < BLOCKS; j++) {
    bytes[j] = (uint8_t)(scales[j] | minimums[j] << 4);
    scales[j] = bytes[j] & 15;
    minimums[j] = bytes[j] >> 4;
  }
}

static KERNEL void store_codes(const int32_t *restrict codes, uint8_t *restrict bytes) {
  for (int half = 0; half < 2; half++) {
    const int32_t *from = codes + half * 128;
    uint8_t *to = bytes + CODES_OFFSET + half * 32;
    LANES for (int i = 0; i < 32; i++) {
      to[i] = (uint8_t)(from[i] | from[i + 32] << 2 | from[i + 64] << 4 | from[i + 96] << 6);
    }
  }
}

static const struct superblock_type q2_k = {
    .bits = 2,
    .blocks = BLOCKS,
    .elements = ELEMENTS,
    .most = 15,
    .bytes = BYTES,
    .scale_offset = SCALE_OFFSET,
    .store_multiples = store_multiples,
    .store_codes = store_codes,
};
SUPERBLOCK_KERNELS(q2_k, q2_k)
