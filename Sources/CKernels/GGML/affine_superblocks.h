// Encodes superblocks of 256 values (Q2_K, Q4_K, Q5_K): blocks with a scale and a minimum, both stored as small
// multiples of an F16 of the superblock. A group has WIDTH superblocks, which lie side by side.

#ifndef DECANT_AFFINE_SUPERBLOCKS_H
#define DECANT_AFFINE_SUPERBLOCKS_H

#include "affine_search.h"

#pragma STDC FP_CONTRACT OFF

#define VALUES 256
#define MOST_BLOCKS 16

struct superblock_type {
  int bits;
  // Blocks, and values in each.
  int blocks, elements;
  // The largest multiple that a block's scale and minimum are meant to have.
  int most;
  int bytes;
  // Where the F16 scale lies; the F16 minimum follows.
  int scale_offset;
  // Stores the multiples, and replaces them by what will be read.
  void (*store_multiples)(uint8_t *scales, uint8_t *minimums, uint8_t *bytes);
  void (*store_codes)(const int32_t *codes, uint8_t *bytes);
};

// The mean square of each superblock; twice that for all types but Q2_K.
static KERNEL void superblock_variance(const float (*restrict values)[WIDTH], int bits, float *restrict variance) {
  EACH_LANE(k) variance[k] = 0.0f;
  for (int i = 0; i < VALUES; i++) EACH_LANE(k) variance[k] += values[i][k] * values[i][k];
  EACH_LANE(k) variance[k] = (bits == 2 ? variance[k] : 2.0f * variance[k]) / (float)VALUES;
}

// Without importance a value counts by its magnitude; all types but Q2_K add the root mean square of the block.
static KERNEL void weigh_by_magnitude(int elements, int bits, const float (*restrict values)[WIDTH],
                                      float (*restrict weights)[WIDTH]) {
  float typical[WIDTH];
  EACH_LANE(k) typical[k] = 0.0f;
  if (bits != 2) {
    for (int i = 0; i < elements; i++) EACH_LANE(k) typical[k] += values[i][k] * values[i][k];
    EACH_LANE(k) typical[k] = __builtin_elementwise_sqrt(typical[k] / (float)elements);
  }
  for (int i = 0; i < elements; i++) EACH_LANE(k) weights[i][k] = typical[k] + __builtin_fabsf(values[i][k]);
}

// The stored scale and minimum of WIDTH superblocks, and the multiples of their blocks.
struct superblocks {
  uint32_t scale[WIDTH], minimum[WIDTH];
  int32_t scales[MOST_BLOCKS][WIDTH], minimums[MOST_BLOCKS][WIDTH];
};

// The largest of the values gets the largest multiple.
static KERNEL void divide_range(const struct superblock_type *type, const float (*restrict values)[WIDTH],
                                uint32_t *restrict stored, int32_t (*restrict multiples)[WIDTH]) {
  float largest[WIDTH], inverse[WIDTH];
  EACH_LANE(k) largest[k] = 0.0f;
  for (int j = 0; j < type->blocks; j++) {
    EACH_LANE(k) {
      float value = values[j][k];
      largest[k] = value > largest[k] ? value : largest[k];
    }
  }
  EACH_LANE(k) {
    inverse[k] = largest[k] > 0.0f ? (float)type->most / largest[k] : 0.0f;
    stored[k] = half_of(largest[k] / (float)type->most);
  }
  for (int j = 0; j < type->blocks; j++) {
    EACH_LANE(k) {
      int32_t multiple = nearest(inverse[k] * values[j][k]) & 0xff;
      multiples[j][k] = type->bits == 2 ? multiple : smaller(type->most, multiple);
    }
  }
}

static KERNEL void search_range(const struct superblock_type *type, const float (*restrict values)[WIDTH],
                                const float (*restrict weights)[WIDTH], uint32_t *restrict stored,
                                int32_t (*restrict multiples)[WIDTH]) {
  float scale[WIDTH];
  search_scale(type->blocks, type->most, values, weights, multiples, scale);
  EACH_LANE(k) stored[k] = half_of(scale[k]);
}

// Without importance.
static KERNEL struct affine_grid superblock_grid(const struct superblock_type *type) {
  return (struct affine_grid){
      .elements = type->elements,
      .most = (1 << type->bits) - 1,
      .first = type->bits == 4 ? -1.0f : -0.5f,
      .step = 0.1f,
      .trials = type->bits == 4 ? 21 : 16,
      .takes_magnitudes = type->bits == 2,
  };
}

// Encodes one of the superblocks with what was found for lane k; 0 when its scale or minimum does not fit.
static KERNEL int finish_superblock(const struct superblock_type *type, const float *restrict x,
                                    const struct affine_fit *restrict fits, const struct superblocks *restrict found,
                                    int k, uint8_t *restrict bytes) {
  if (!is_half_finite(found->scale[k]) || !is_half_finite(found->minimum[k])) return 0;
  store_u16(bytes + type->scale_offset, found->scale[k]);
  store_u16(bytes + type->scale_offset + 2, found->minimum[k]);
  uint8_t scales[MOST_BLOCKS], minimums[MOST_BLOCKS];
  for (int j = 0; j < type->blocks; j++) {
    scales[j] = (uint8_t)found->scales[j][k];
    minimums[j] = (uint8_t)found->minimums[j][k];
  }
  type->store_multiples(scales, minimums, bytes);

  const int elements = type->elements, most = (1 << type->bits) - 1;
  int32_t codes[VALUES];
  for (int j = 0; j < type->blocks; j++) {
    const float *block = x + j * elements;
    int32_t *block_codes = codes + j * elements;
    float scale = float_of_half(found->scale[k]) * (float)scales[j];
    float minimum = float_of_half(found->minimum[k]) * (float)minimums[j];
    if (scale != 0.0f) {
      LANES for (int i = 0; i < elements; i++) block_codes[i] = clamped(nearest((block[i] + minimum) / scale), most);
    } else {
      float origin = fits[j].origin[k], inverse = fits[j].inverse[k];
      LANES for (int i = 0; i < elements; i++) block_codes[i] = clamped(nearest((block[i] - origin) * inverse), most);
    }
  }
  type->store_codes(codes, bytes);
  return 1;
}

static KERNEL int encode_superblocks(const struct superblock_type *type, const float *restrict x,
                                     const struct importance *importance, size_t first, int count,
                                     uint8_t *restrict bytes) {
  const int blocks = type->blocks, elements = type->elements;
  ALIGNED float lanes[VALUES][WIDTH], weights[VALUES][WIDTH], totals[MOST_BLOCKS][WIDTH], variance[WIDTH];
  to_lanes(x, VALUES, WIDTH, WIDTH, lanes[0]);
  if (importance != NULL) {
    superblock_variance(lanes, type->bits, variance);
    importance_lanes(importance, 1, VALUES, WIDTH, first, weights[0]);
    weigh(lanes[0], variance, VALUES, WIDTH, weights[0]);
    for (int j = 0; j < blocks; j++) {
      EACH_LANE(k) totals[j][k] = 0.0f;
      for (int i = 0; i < elements; i++) EACH_LANE(k) totals[j][k] += weights[j * elements + i][k];
    }
  } else {
    for (int j = 0; j < blocks; j++) {
      weigh_by_magnitude(elements, type->bits, lanes + j * elements, weights + j * elements);
    }
  }

  const struct affine_grid grid =
      importance != NULL ? weighted_affine_grid(elements, type->bits) : superblock_grid(type);
  struct affine_fit fits[MOST_BLOCKS];
  for (int j = 0; j < blocks; j += TURNS) search_affine(grid, lanes + j * elements, weights + j * elements, fits + j);

  float scales[MOST_BLOCKS][WIDTH], minimums[MOST_BLOCKS][WIDTH];
  for (int j = 0; j < blocks; j++) {
    EACH_LANE(k) {
      scales[j][k] = fits[j].scale[k];
      minimums[j][k] = -fits[j].minimum[k];
    }
  }
  struct superblocks found;
  if (importance != NULL) {
    search_range(type, scales, totals, found.scale, found.scales);
    search_range(type, minimums, totals, found.minimum, found.minimums);
  } else {
    divide_range(type, scales, found.scale, found.scales);
    divide_range(type, minimums, found.minimum, found.minimums);
  }
  for (int k = 0; k < count; k++) {
    if (!finish_superblock(type, x + k * VALUES, fits, &found, k, bytes + k * type->bytes)) return k;
  }
  return count;
}

// The kernels of a type. `decode_` is there already.
#define SUPERBLOCK_KERNELS(name, type)                                                                             \
  static KERNEL int encode_##name##_group(const float *restrict x, const struct importance *importance,            \
                                          size_t first, int count, uint8_t *restrict bytes) {                      \
    return encode_superblocks(&type, x, importance, first, count, bytes);                                          \
  }                                                                                                                \
  static KERNEL size_t encode_##name(const float *values, size_t blocks, uint8_t *bytes) {                         \
    return encode_in_groups(encode_##name##_group, values, NULL, blocks, VALUES, type.bytes, bytes);               \
  }                                                                                                                \
  static KERNEL size_t encode_##name##_weighted(const float *values, const float *columns, size_t rows,            \
                                                size_t row_blocks, uint8_t *bytes) {                               \
    struct importance importance = {.columns = columns, .row_blocks = row_blocks};                                 \
    return encode_in_groups(encode_##name##_group, values, &importance, rows *row_blocks, VALUES, type.bytes,      \
                            bytes);                                                                                \
  }                                                                                                                \
  COMPILE_DECODER(decode_##name)                                                                                   \
  COMPILE_ENCODER(encode_##name)                                                                                   \
  COMPILE_WEIGHTED_ENCODER(encode_##name##_weighted)

#endif
