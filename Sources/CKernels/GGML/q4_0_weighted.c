// Q4_0 and Q5_0 with importance: 32 values of four or five bits with an F16 scale.

#include "codes_of_32.h"
#include "symmetric_search.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 32
#define GROUP (GROUP_VALUES / BLOCK)
#define LANE_COUNT 32

// Encodes a block with its scale; 0 when that does not fit. Scale F16; codes.
static KERNEL int finish_symmetric(const float *restrict x, float scale, float inverse, int bits,
                                   uint8_t *restrict bytes) {
  uint32_t half = half_of(scale);
  if (!is_half_finite(half)) return 0;
  int32_t codes[BLOCK];
  LANES for (int i = 0; i < BLOCK; i++) codes[i] = stored_code(x[i], inverse, 1 << (bits - 1));
  store_u16(bytes, half);
  store_codes_of_32(codes, bits, bytes + 2);
  return 1;
}

static KERNEL int encode_group(const float *restrict x, const struct importance *importance, size_t first_block,
                               int count, uint8_t *restrict bytes, int bits, int block_bytes) {
  for (int first = 0; first < count; first += LANE_COUNT) {
    float v[BLOCK * LANE_COUNT], w[BLOCK * LANE_COUNT], wv[BLOCK * LANE_COUNT];
    float variance[LANE_COUNT], scales[LANE_COUNT], inverses[LANE_COUNT];
    to_lanes(x + first * BLOCK, BLOCK, LANE_COUNT, LANE_COUNT, v);
    importance_lanes(importance, 1, BLOCK, LANE_COUNT, first_block + (size_t)first, w);
    row_squares_lanes(importance, first_block, first, count, LANE_COUNT, variance);
    weigh(v, variance, BLOCK, LANE_COUNT, w);
    LANES for (int i = 0; i < BLOCK * LANE_COUNT; i++) wv[i] = w[i] * v[i];
    search_symmetric(v, w, wv, BLOCK, LANE_COUNT, 1 << (bits - 1), 1, scales, inverses);
    for (int k = 0; k < LANE_COUNT && first + k < count; k++) {
      int block = first + k;
      if (!finish_symmetric(x + block * BLOCK, scales[k], inverses[k], bits, bytes + block * block_bytes)) {
        return block;
      }
    }
  }
  return count;
}

WEIGHTED_ENCODER_OF_32(encode_q4_0_weighted, 4, 18)
WEIGHTED_ENCODER_OF_32(encode_q5_0_weighted, 5, 22)
