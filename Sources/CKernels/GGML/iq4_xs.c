// IQ4_XS: eight sub-blocks of 32 values of four bits, indices of sixteen levels; their scales in six bits, of an F16
// scale.

#include "codebook_search.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 256
#define BLOCK_BYTES 136
#define SUB_BLOCK 32
#define SUB_BLOCKS 8
#define GROUP (GROUP_VALUES / BLOCK)
// Blocks whose sub-blocks are searched side by side.
#define SIDE_BY_SIDE 4
#define LANE_COUNT (SIDE_BY_SIDE * SUB_BLOCKS)

// Encodes a block with the scales of its sub-blocks; 0 when its scale does not fit. Scale F16; two bits of each
// sub-block's scale in a 16-bit word, at 2 s; four bits in byte s / 2, the upper half for odd s; codes[128].
static KERNEL int finish_iq4_xs(const float *restrict x, const float *restrict scales, uint8_t *restrict bytes) {
  float largest = 0.0f, peak = 0.0f;
  for (int s = 0; s < SUB_BLOCKS; s++) {
    float magnitude = __builtin_fabsf(scales[s]);
    if (magnitude > largest) {
      largest = magnitude;
      peak = scales[s];
    }
  }
  float scale = -peak / 32.0f, inverse = scale != 0.0f ? 1.0f / scale : 0.0f;
  uint32_t half = half_of(scale), high = 0;
  if (!is_half_finite(half)) return 0;
  memset(bytes + 4, 0, 4);
  for (int s = 0; s < SUB_BLOCKS; s++) {
    int32_t code = bounded(nearest(inverse * scales[s]), -32, 31);
    float step = scale * (float)code;
    store_levels(x + s * SUB_BLOCK, step != 0.0f ? 1.0f / step : 0.0f, bytes + 8 + 16 * s);
    high |= (uint32_t)((code + 32) >> 4) << (2 * s);
    bytes[4 + s / 2] |= (uint8_t)(((code + 32) & 15) << (s % 2 * 4));
  }
  store_u16(bytes, half);
  store_u16(bytes + 2, high);
  return 1;
}

static KERNEL int encode_group(const float *restrict x, const struct importance *importance, size_t first_block,
                               int count, uint8_t *restrict bytes) {
  float squares[GROUP];
  if (importance != NULL) sums_of_squares(x, BLOCK, GROUP, squares);
  for (int first = 0; first < count; first += SIDE_BY_SIDE) {
    float v[SUB_BLOCK * LANE_COUNT], w[SUB_BLOCK * LANE_COUNT], scales[LANE_COUNT];
    to_lanes(x + first * BLOCK, SUB_BLOCK, LANE_COUNT, LANE_COUNT, v);
    if (importance != NULL) {
      importance_lanes(importance, SUB_BLOCKS, SUB_BLOCK, LANE_COUNT, (first_block + (size_t)first) * SUB_BLOCKS, w);
      float variance[LANE_COUNT];
      LANES for (int lane = 0; lane < LANE_COUNT; lane++) {
        variance[lane] = squares[first + lane / SUB_BLOCKS] * (2.0f / BLOCK);
      }
      weigh(v, variance, SUB_BLOCK, LANE_COUNT, w);
    } else {
      LANES for (int i = 0; i < SUB_BLOCK * LANE_COUNT; i++) w[i] = v[i] * v[i];
    }
    search_levels(v, w, SUB_BLOCK, LANE_COUNT, scales);
    for (int k = 0; k < SIDE_BY_SIDE && first + k < count; k++) {
      int block = first + k;
      if (!finish_iq4_xs(x + block * BLOCK, scales + k * SUB_BLOCKS, bytes + block * BLOCK_BYTES)) return block;
    }
  }
  return count;
}

static KERNEL size_t encode_iq4_xs(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_in_groups(encode_group, values, NULL, blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_ENCODER(encode_iq4_xs)

static KERNEL size_t encode_iq4_xs_weighted(const float *values, const float *importance, size_t rows,
                                            size_t row_blocks, uint8_t *bytes) {
  struct importance columns = {importance, row_blocks, NULL};
  return encode_in_groups(encode_group, values, &columns, rows * row_blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_WEIGHTED_ENCODER(encode_iq4_xs_weighted)

static KERNEL void decode_iq4_xs(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += BLOCK_BYTES, values += BLOCK) {
    float scale = float_of_half(load_u16(bytes));
    for (int s = 0; s < SUB_BLOCKS; s++) {
      int code = (bytes[4 + s / 2] >> (s % 2 * 4) & 15) | (int)(load_u16(bytes + 2) >> (2 * s) & 3) << 4;
      load_levels(bytes + 8 + 16 * s, scale * (float)(code - 32), values + s * SUB_BLOCK);
    }
  }
}
COMPILE_DECODER(decode_iq4_xs)
