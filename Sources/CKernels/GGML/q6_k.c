// Q6_K: 16 sub-blocks of 16 values with six bits each; their scales in eight bits, of an F16 scale.

#include "symmetric_search.h"

#pragma STDC FP_CONTRACT OFF

#define BLOCK 256
#define BLOCK_BYTES 210
#define SUB_BLOCK 16
#define SUB_BLOCKS 16
#define LIMIT 32

#define GROUP (GROUP_VALUES / BLOCK)
// Blocks whose sub-blocks are searched side by side.
#define SIDE_BY_SIDE 4
#define LANE_COUNT (SIDE_BY_SIDE * SUB_BLOCKS)

// low[128]: four bits of value 128 h + 32 q + l in byte 64 h + l + 32 (q % 2), the upper half for q > 1.
// high[64]: two bits in byte 32 h + l, at 2 q. Then scales[16], scale F16.
static KERNEL void pack_q6_k(const uint8_t *restrict codes, uint8_t *restrict bytes) {
  for (int half = 0; half < 2; half++) {
    const uint8_t *c = codes + 128 * half;
    uint8_t *low = bytes + 64 * half, *high = bytes + 128 + 32 * half;
    LANES for (int l = 0; l < 32; l++) low[l] = (uint8_t)((c[l] & 15) | c[l + 64] << 4);
    LANES for (int l = 0; l < 32; l++) low[l + 32] = (uint8_t)((c[l + 32] & 15) | c[l + 96] << 4);
    LANES for (int l = 0; l < 32; l++) {
      high[l] = (uint8_t)(c[l] >> 4 | (c[l + 32] >> 4) << 2 | (c[l + 64] >> 4) << 4 | (c[l + 96] >> 4) << 6);
    }
  }
}

// Encodes a block whose sub-blocks were searched; 0 when its scale does not fit.
static KERNEL int finish_q6_k(const float *restrict x, const float *restrict scales, const float *restrict inverses,
                              uint8_t *restrict bytes) {
  float largest = 0.0f, peak = 0.0f;
  for (int s = 0; s < SUB_BLOCKS; s++) {
    float magnitude = __builtin_fabsf(scales[s]);
    if (magnitude > largest) {
      largest = magnitude;
      peak = scales[s];
    }
  }
  if (largest < SMALLEST_PEAK) {
    memset(bytes, 0, BLOCK_BYTES);
    return 1;
  }
  float inverse = -128.0f / peak;
  uint32_t half = half_of(1.0f / inverse);
  if (!is_half_finite(half)) return 0;
  float scale = float_of_half(half);
  int8_t *stored = (int8_t *)(bytes + 192);
  LANES for (int s = 0; s < SUB_BLOCKS; s++) stored[s] = (int8_t)smaller(127, nearest(inverse * scales[s]));
  store_u16(bytes + 208, half);

  uint8_t codes[BLOCK];
  for (int s = 0; s < SUB_BLOCKS; s++) {
    float step = scale * (float)stored[s];
    const float *v = x + s * SUB_BLOCK;
    uint8_t *c = codes + s * SUB_BLOCK;
    if (step != 0.0f) {
      LANES for (int i = 0; i < SUB_BLOCK; i++) c[i] = (uint8_t)nearest_code(v[i] / step, LIMIT);
    } else {
      for (int i = 0; i < SUB_BLOCK; i++) c[i] = (uint8_t)stored_code(v[i], inverses[s], LIMIT);
    }
  }
  pack_q6_k(codes, bytes);
  return 1;
}

static KERNEL int encode_group(const float *restrict x, const struct importance *importance, size_t first_block,
                               int count, uint8_t *restrict bytes) {
  float scales[GROUP * SUB_BLOCKS], inverses[GROUP * SUB_BLOCKS];
  for (int first = 0; first < count; first += SIDE_BY_SIDE) {
    float v[SUB_BLOCK * LANE_COUNT], w[SUB_BLOCK * LANE_COUNT], wv[SUB_BLOCK * LANE_COUNT];
    to_lanes(x + first * BLOCK, SUB_BLOCK, LANE_COUNT, LANE_COUNT, v);
    if (importance != NULL) {
      importance_lanes(importance, SUB_BLOCKS, SUB_BLOCK, LANE_COUNT, (first_block + (size_t)first) * SUB_BLOCKS, w);
    } else {
      LANES for (int i = 0; i < SUB_BLOCK * LANE_COUNT; i++) w[i] = v[i] * v[i];
    }
    LANES for (int i = 0; i < SUB_BLOCK * LANE_COUNT; i++) wv[i] = w[i] * v[i];
    search_symmetric(v, w, wv, SUB_BLOCK, LANE_COUNT, LIMIT, 1, scales + first * SUB_BLOCKS,
                     inverses + first * SUB_BLOCKS);
  }
  for (int block = 0; block < count; block++) {
    if (!finish_q6_k(x + block * BLOCK, scales + block * SUB_BLOCKS, inverses + block * SUB_BLOCKS,
                     bytes + block * BLOCK_BYTES)) {
      return block;
    }
  }
  return count;
}

static KERNEL size_t encode_q6_k(const float *values, size_t blocks, uint8_t *bytes) {
  return encode_in_groups(encode_group, values, NULL, blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_ENCODER(encode_q6_k)

static KERNEL size_t encode_q6_k_weighted(const float *values, const float *importance, size_t rows,
                                          size_t row_blocks, uint8_t *bytes) {
  struct importance columns = {importance, row_blocks, NULL};
  return encode_in_groups(encode_group, values, &columns, rows * row_blocks, BLOCK, BLOCK_BYTES, bytes);
}
COMPILE_WEIGHTED_ENCODER(encode_q6_k_weighted)

static KERNEL void decode_q6_k(const uint8_t *restrict bytes, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, bytes += BLOCK_BYTES, values += BLOCK) {
    float scale = float_of_half(load_u16(bytes + 208));
    for (int run = 0; run < 8; run++) {  // of 32 values
      const uint8_t *low = bytes + 64 * (run / 4) + 32 * (run % 2), *high = bytes + 128 + 32 * (run / 4);
      for (int s = 0; s < 2; s++) {
        float step = scale * (float)(int8_t)bytes[192 + 2 * run + s];
        float *v = values + 32 * run + 16 * s;
        LANES for (int i = 0; i < 16; i++) {
          int code = (low[16 * s + i] >> (run % 4 / 2 * 4) & 15) | (high[16 * s + i] >> (run % 4 * 2) & 3) << 4;
          v[i] = step * (float)(code - LIMIT);
        }
      }
    }
  }
}
COMPILE_DECODER(decode_q6_k)
