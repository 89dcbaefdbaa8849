// Q4_1 and Q5_1 with importance: 32 values of four or five bits with an F16 scale and minimum.

#include "affine_search.h"
#include "codes_of_32.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 32
// Blocks that are searched at once.
#define LANE_BLOCKS (TURNS * WIDTH)

// Encodes a block with what the search found in lane k; 0 when that does not fit. Scale F16, minimum F16; codes.
static KERNEL int finish_affine(const float *restrict x, const struct affine_fit *restrict fit, int k, int bits,
                                uint8_t *restrict bytes) {
  uint32_t scale = half_of(fit->scale[k]), minimum = half_of(fit->minimum[k]);
  if (!is_half_finite(scale) || !is_half_finite(minimum)) return 0;
  int32_t codes[BLOCK];
  LANES for (int i = 0; i < BLOCK; i++) {
    codes[i] = clamped(nearest((x[i] - fit->origin[k]) * fit->inverse[k]), (1 << bits) - 1);
  }
  store_u16(bytes, scale);
  store_u16(bytes + 2, minimum);
  store_codes_of_32(codes, bits, bytes + 4);
  return 1;
}

static KERNEL int encode_group(const float *restrict x, const struct importance *importance, size_t first_block,
                               int count, uint8_t *restrict bytes, int bits, int block_bytes) {
  const struct affine_grid grid = weighted_affine_grid(BLOCK, bits);
  for (int first = 0; first < count; first += LANE_BLOCKS) {
    ALIGNED float lanes[TURNS * BLOCK][WIDTH], weights[TURNS * BLOCK][WIDTH], variance[WIDTH];
    for (int t = 0; t < TURNS; t++) {
      int block = first + t * WIDTH;
      float *turn_lanes = lanes[t * BLOCK], *turn_weights = weights[t * BLOCK];
      to_lanes(x + block * BLOCK, BLOCK, WIDTH, WIDTH, turn_lanes);
      importance_lanes(importance, 1, BLOCK, WIDTH, first_block + (size_t)block, turn_weights);
      row_squares_lanes(importance, first_block, block, count, WIDTH, variance);
      weigh(turn_lanes, variance, BLOCK, WIDTH, turn_weights);
    }
    struct affine_fit fits[TURNS];
    search_affine(grid, lanes, weights, fits);
    for (int block = first; block < count && block < first + LANE_BLOCKS; block++) {
      const struct affine_fit *fit = &fits[(block - first) / WIDTH];
      if (!finish_affine(x + block * BLOCK, fit, block % WIDTH, bits, bytes + block * block_bytes)) {
        return block;
      }
    }
  }
  return count;
}

WEIGHTED_ENCODER_OF_32(encode_q4_1_weighted, 4, 20)
WEIGHTED_ENCODER_OF_32(encode_q5_1_weighted, 5, 24)
