// IQ4_NL: 32 values of four bits, indices of sixteen levels, with an F16 scale.

#include "codebook_search.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 32
#define BLOCK_BYTES 18
#define GROUP (GROUP_VALUES / BLOCK)
#define LANE_COUNT 32

// Encodes a block with its scale; 0 when that does not fit.
static KERNEL int finish_iq4_nl(const float *restrict x, float scale, uint8_t *restrict bytes) {
  uint32_t half = half_of(scale);
  if (!is_half_finite(half)) return 0;
  store_u16(bytes, half);
  store_levels(x, scale != 0.0f ? 1.0f / scale : 0.0f, bytes + 2);
  return 1;
}

static KERNEL int encode_group(const float *restrict x, const struct importance *importance, size_t first_block,
                               int count, uint8_t *restrict bytes) {
  for (int first = 0; first < count; first += LANE_COUNT) {
    float v[BLOCK * LANE_COUNT], w[BLOCK * LANE_COUNT], scales[LANE_COUNT];
    to_lanes(x + first * BLOCK, BLOCK, LANE_COUNT, LANE_COUNT, v);
    if (importance != NULL) {
      importance_lanes(importance, 1, BLOCK, LANE_COUNT, first_block + (size_t)first, w);
      float variance[LANE_COUNT];
      LANES for (int lane = 0; lane < LANE_COUNT; lane++) variance[lane] = 0.0f;
      for (int n = 0; n < BLOCK; n++) {
        LANES for (int lane = 0; lane < LANE_COUNT; lane++) {
          variance[lane] += v[n * LANE_COUNT + lane] * v[n * LANE_COUNT + lane];
        }
      }
      LANES for (int lane = 0; lane < LANE_COUNT; lane++) variance[lane] *= 2.0f / BLOCK;
      weigh(v, variance, BLOCK, LANE_COUNT, w);
    } else {
      LANES for (int i = 0; i < BLOCK * LANE_COUNT; i++) w[i] = v[i] * v[i];
    }
    search_levels(v, w, BLOCK, LANE_COUNT, scales);
    for (int k = 0; k < LANE_COUNT && first + k < count; k++) {
      int block = first + k;
      if (!finish_iq4_nl(x + block * BLOCK, scales[k], bytes + block * BLOCK_BYTES)) return block;
    }
  }
  return count;
}

static KERNEL size_t encode_iq4_nl(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_in_groups(encode_group, values, NULL, blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_ENCODER(encode_iq4_nl)

static KERNEL size_t encode_iq4_nl_weighted(const float *values, const float *importance, size_t rows,
                                            size_t row_blocks, uint8_t *bytes) {
  struct importance columns = {importance, row_blocks, NULL};
  return encode_in_groups(encode_group, values, &columns, rows * row_blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_WEIGHTED_ENCODER(encode_iq4_nl_weighted)

static KERNEL void decode_iq4_nl(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += BLOCK_BYTES, values += BLOCK) {
    load_levels(bytes + 2, float_of_half(load_u16(bytes)), values);
  }
}
COMPILE_DECODER(decode_iq4_nl)
