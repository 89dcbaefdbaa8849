// Q3_K: 16 sub-blocks of 16 values with three bits each; their scales in six bits, of an F16 scale.

#include "symmetric_search.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 256
#define BLOCK_BYTES 110
#define SUB_BLOCK 16
#define SUB_BLOCKS 16
#define LIMIT 4

// More than usual: the few sub-blocks that are left for a second pass should fill lanes.
#define GROUP 64
// Sub-blocks that are searched side by side.
#define LANE_COUNT 64

// high[32]: the third bit of value 32 q + l in byte l, bit q. low[64]: two bits of value 128 h + 32 q + l in byte
// 32 h + l, at 2 q. scales[12]: four bits of scale s in byte s % 8, the upper half for s > 7, and two bits in byte
// 8 + s % 4, at 2 (s / 4). Scale F16.
static KERNEL void pack_codes(const uint8_t *restrict codes, uint8_t *restrict bytes) {
  LANES for (int l = 0; l < 32; l++) {
    int bits = 0;
    for (int q = 0; q < 8; q++) bits |= (codes[32 * q + l] >> 2) << q;
    bytes[l] = (uint8_t)bits;
  }
  for (int half = 0; half < 2; half++) {
    const uint8_t *c = codes + 128 * half;
    LANES for (int l = 0; l < 32; l++) {
      bytes[32 + 32 * half + l] =
          (uint8_t)((c[l] & 3) | (c[l + 32] & 3) << 2 | (c[l + 64] & 3) << 4 | (c[l + 96] & 3) << 6);
    }
  }
}

static KERNEL void pack_scales(const int32_t *restrict scales, uint8_t *restrict bytes) {
  for (int s = 0; s < 8; s++) bytes[s] = (uint8_t)((scales[s] & 15) | (scales[s + 8] & 15) << 4);
  for (int s = 0; s < 4; s++) {
    bytes[8 + s] = (uint8_t)(scales[s] >> 4 | (scales[s + 4] >> 4) << 2 | (scales[s + 8] >> 4) << 4 |
                             (scales[s + 12] >> 4) << 6);
  }
}

static KERNEL int32_t unpacked_scale(const uint8_t *restrict bytes, int s) {
  return (bytes[s % 8] >> (s / 8 * 4) & 15) | (bytes[8 + s % 4] >> (s / 4 * 2) & 3) << 4;
}

// Encodes a block with the scales of its sub-blocks as they are stored; 0 when its scale does not fit. Where a scale
// was rounded to zero, codes stay what the search found: those of `inverses`, or what `refined` points at.
static KERNEL int finish_q3_k(const float *restrict x, float scale, const int32_t *restrict scales,
                              const float *restrict inverses, const float *const *restrict refined,
                              uint8_t *restrict bytes) {
  uint32_t half = half_of(scale);
  if (!is_half_finite(half)) return 0;
  uint8_t codes[BLOCK];
  for (int s = 0; s < SUB_BLOCKS; s++) {
    float step = float_of_half(half) * (float)(scales[s] - 32);
    const float *v = x + s * SUB_BLOCK;
    uint8_t *c = codes + s * SUB_BLOCK;
    if (step != 0.0f) {
      LANES for (int i = 0; i < SUB_BLOCK; i++) c[i] = (uint8_t)nearest_code(v[i] / step, LIMIT);
    } else if (refined != NULL && refined[s] != NULL) {
      for (int i = 0; i < SUB_BLOCK; i++) c[i] = (uint8_t)(LIMIT + (int)refined[s][i * LANE_COUNT]);
    } else {
      for (int i = 0; i < SUB_BLOCK; i++) c[i] = (uint8_t)stored_code(v[i], inverses[s], LIMIT);
    }
  }
  pack_codes(codes, bytes);
  pack_scales(scales, bytes + 96);
  store_u16(bytes + 108, half);
  return 1;
}

// The scale of a block, and those of its sub-blocks in six bits, from the sub-blocks' scales.
static KERNEL float scale_of_scales(const float *restrict scales, int32_t *restrict stored) {
  float largest = 0.0f, peak = 0.0f;
  for (int s = 0; s < SUB_BLOCKS; s++) {
    float magnitude = __builtin_fabsf(scales[s]);
    if (magnitude > largest) {
      largest = magnitude;
      peak = scales[s];
    }
  }
  if (peak == 0.0f) {
    memset(stored, 0, SUB_BLOCKS * sizeof *stored);
    return 0.0f;
  }
  float inverse = -32.0f / peak;
  LANES for (int s = 0; s < SUB_BLOCKS; s++) {
    stored[s] = 32 + bounded((int8_t)nearest(inverse * scales[s]), -32, 31);
  }
  return 1.0f / inverse;
}

static KERNEL int encode_group(const float *restrict x, const struct importance *importance, size_t first_block,
                               int count, uint8_t *restrict bytes) {
  (void)importance, (void)first_block;
  float v[SUB_BLOCK * LANE_COUNT], scales[GROUP * SUB_BLOCKS], inverses[GROUP * SUB_BLOCKS];
  int32_t is_settled[GROUP * SUB_BLOCKS];
  for (int first = 0; first < count * SUB_BLOCKS; first += LANE_COUNT) {
    to_lanes(x + first * SUB_BLOCK, SUB_BLOCK, LANE_COUNT, LANE_COUNT, v);
    settle_symmetric(v, SUB_BLOCK, LANE_COUNT, LIMIT, scales + first, inverses + first, is_settled + first);
  }

  // The others, gathered.
  float gathered[GROUP * BLOCK], codes[GROUP * BLOCK];
  const float *refined[GROUP * SUB_BLOCKS];
  int sources[GROUP * SUB_BLOCKS], unsettled = 0;
  for (int s = 0; s < count * SUB_BLOCKS; s++) {
    refined[s] = NULL;
    if (is_settled[s]) continue;
    memcpy(gathered + unsettled * SUB_BLOCK, x + s * SUB_BLOCK, SUB_BLOCK * sizeof(float));
    sources[unsettled++] = s;
  }
  for (int first = 0; first < unsettled; first += LANE_COUNT) {
    int lanes = smaller(LANE_COUNT, unsettled - first);
    float *own = codes + first * SUB_BLOCK, scale[LANE_COUNT];
    memset(gathered + (first + lanes) * SUB_BLOCK, 0, (size_t)((LANE_COUNT - lanes) * SUB_BLOCK) * sizeof(float));
    to_lanes(gathered + first * SUB_BLOCK, SUB_BLOCK, LANE_COUNT, LANE_COUNT, v);
    refine_symmetric(v, SUB_BLOCK, LANE_COUNT, LIMIT, own, scale);
    for (int lane = 0; lane < lanes; lane++) {
      scales[sources[first + lane]] = scale[lane];
      refined[sources[first + lane]] = own + lane;
    }
  }

  for (int block = 0; block < count; block++) {
    int32_t stored[SUB_BLOCKS];
    int s = block * SUB_BLOCKS;
    float scale = scale_of_scales(scales + s, stored);
    if (!finish_q3_k(x + block * BLOCK, scale, stored, inverses + s, refined + s, bytes + block * BLOCK_BYTES)) {
      return block;
    }
  }
  return count;
}

static KERNEL size_t encode_q3_k(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_in_groups_of(GROUP, encode_group, values, NULL, blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_ENCODER(encode_q3_k)

// With importance the scales of all sub-blocks of a group are searched first, and then, a lane a block, those of the
// blocks.
static KERNEL int encode_group_weighted(const float *restrict x, const struct importance *importance,
                                        size_t first_block, int count, uint8_t *restrict bytes) {
  float squares[GROUP], scales[GROUP * SUB_BLOCKS], inverses[GROUP * SUB_BLOCKS], weights[GROUP * SUB_BLOCKS];
  sums_of_squares(x, BLOCK, GROUP, squares);
  for (int first = 0; first < count; first += LANE_COUNT / SUB_BLOCKS) {
    float v[SUB_BLOCK * LANE_COUNT], w[SUB_BLOCK * LANE_COUNT], wv[SUB_BLOCK * LANE_COUNT];
    float variance[LANE_COUNT], *weight = weights + first * SUB_BLOCKS;
    to_lanes(x + first * BLOCK, SUB_BLOCK, LANE_COUNT, LANE_COUNT, v);
    importance_lanes(importance, SUB_BLOCKS, SUB_BLOCK, LANE_COUNT, (first_block + (size_t)first) * SUB_BLOCKS, w);
    LANES for (int lane = 0; lane < LANE_COUNT; lane++) {
      variance[lane] = 2.0f * squares[first + lane / SUB_BLOCKS] / (float)BLOCK;
      weight[lane] = 0.0f;
    }
    weigh(v, variance, SUB_BLOCK, LANE_COUNT, w);
    for (int i = 0; i < SUB_BLOCK; i++) {
      LANES for (int lane = 0; lane < LANE_COUNT; lane++) {
        int at = i * LANE_COUNT + lane;
        wv[at] = w[at] * v[at];
        weight[lane] += w[at];
      }
    }
    search_symmetric(v, w, wv, SUB_BLOCK, LANE_COUNT, LIMIT, 1, scales + first * SUB_BLOCKS,
                     inverses + first * SUB_BLOCKS);
  }
  // Lanes without a block are searched too, and not looked at.
  size_t rest = (size_t)(GROUP - (count + 3) / 4 * 4) * SUB_BLOCKS, done = GROUP * SUB_BLOCKS - rest;
  memset(scales + done, 0, rest * sizeof(float));
  memset(weights + done, 0, rest * sizeof(float));
  float v[SUB_BLOCKS * GROUP], w[SUB_BLOCKS * GROUP], wv[SUB_BLOCKS * GROUP], scale[GROUP], inverse[GROUP];
  to_lanes(scales, SUB_BLOCKS, GROUP, GROUP, v);
  to_lanes(weights, SUB_BLOCKS, GROUP, GROUP, w);
  LANES for (int i = 0; i < SUB_BLOCKS * GROUP; i++) wv[i] = w[i] * v[i];
  search_symmetric(v, w, wv, SUB_BLOCKS, GROUP, 32, 0, scale, inverse);
  for (int block = 0; block < count; block++) {
    int32_t stored[SUB_BLOCKS];
    const float *own = scales + block * SUB_BLOCKS;
    LANES for (int s = 0; s < SUB_BLOCKS; s++) stored[s] = stored_code(own[s], inverse[block], 32);
    if (!finish_q3_k(x + block * BLOCK, scale[block], stored, inverses + block * SUB_BLOCKS, NULL,
                     bytes + block * BLOCK_BYTES)) {
      return block;
    }
  }
  return count;
}

static KERNEL size_t encode_q3_k_weighted(const float *values, const float *importance, size_t rows,
                                          size_t row_blocks, uint8_t *bytes) {
  struct importance columns = {importance, row_blocks, NULL};
  return encode_in_groups_of(GROUP, encode_group_weighted, values, &columns, rows * row_blocks, BLOCK, BLOCK_BYTES,
                             bytes);
}
COMPILE_WEIGHTED_ENCODER(encode_q3_k_weighted)

static KERNEL void decode_q3_k(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += BLOCK_BYTES, values += BLOCK) {
    float scale = float_of_half(load_u16(bytes + 108));
    for (int s = 0; s < SUB_BLOCKS; s++) {
      float step = scale * (float)(unpacked_scale(bytes + 96, s) - 32);
      const uint8_t *high = bytes + s % 2 * 16, *low = bytes + 32 + s / 8 * 32 + s % 2 * 16;
      float *v = values + s * SUB_BLOCK;
      LANES for (int i = 0; i < SUB_BLOCK; i++) {
        int code = (low[i] >> (s / 2 % 4 * 2) & 3) | (high[i] >> (s / 2) & 1) << 2;
        v[i] = step * (float)(code - LIMIT);
      }
    }
  }
}
COMPILE_DECODER(decode_q3_k)
