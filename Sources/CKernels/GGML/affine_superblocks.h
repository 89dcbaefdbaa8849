// Encodes superblocks of 256 values (Q2_K, Q4_K, Q5_K): blocks with a scale and a minimum, both stored as small
// multiples of an F16 of the superblock. WIDTH superblocks side by side.

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
  size_t bytes;
  // Where the F16 scale lies; the F16 minimum follows.
  size_t scale_offset;
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

// Encodes `superblocks`, which are whole rows of `row_superblocks` where there is importance.
static KERNEL size_t encode_superblocks(const struct superblock_type *type, const float *restrict values,
                                        const float *restrict importance, size_t superblocks,
                                        size_t row_superblocks, uint8_t *restrict bytes) {
  const int bits = type->bits, blocks = type->blocks, elements = type->elements;
  const struct affine_grid grid = {
      .elements = elements,
      .most = (1 << bits) - 1,
      .first = importance != NULL ? -0.9f : bits == 4 ? -1.0f : -0.5f,
      .step = importance != NULL ? 0.05f : 0.1f,
      .trials = importance != NULL ? 37 : bits == 4 ? 21 : 16,
      .takes_magnitudes = importance == NULL && bits == 2,
  };
  for (size_t start = 0; start < superblocks; start += WIDTH) {
    size_t wanted = superblocks - start < WIDTH ? superblocks - start : WIDTH;
    const float *group = values + start * VALUES;
    size_t count = finite_blocks(group, wanted, VALUES);
    ALIGNED float lanes[VALUES][WIDTH], importances[VALUES][WIDTH], variance[WIDTH];
    load_lanes(group, count, VALUES, lanes);
    if (importance != NULL) {
      load_row_lanes(importance, row_superblocks, start, VALUES, importances);
      superblock_variance(lanes, bits, variance);
    }

    ALIGNED float weights[VALUES][WIDTH];
    float scales[MOST_BLOCKS][WIDTH], minimums[MOST_BLOCKS][WIDTH], total_weights[MOST_BLOCKS][WIDTH];
    for (int j = 0; j < blocks; j++) {
      int at = j * elements;
      if (importance != NULL) {
        weigh_by_importance(elements, lanes + at, importances + at, variance, weights + at);
        EACH_LANE(k) total_weights[j][k] = 0.0f;
        for (int i = 0; i < elements; i++) EACH_LANE(k) total_weights[j][k] += weights[at + i][k];
      } else {
        weigh_by_magnitude(elements, bits, lanes + at, weights + at);
      }
    }
    struct affine_fit fits[MOST_BLOCKS];
    for (int j = 0; j < blocks; j += TURNS) search_affine(grid, lanes + j * elements, weights + j * elements, fits + j);
    for (int j = 0; j < blocks; j++) {
      EACH_LANE(k) {
        scales[j][k] = fits[j].scale[k];
        minimums[j][k] = -fits[j].minimum[k];
      }
    }

    struct superblocks found;
    if (importance != NULL) {
      search_range(type, scales, total_weights, found.scale, found.scales);
      search_range(type, minimums, total_weights, found.minimum, found.minimums);
    } else {
      divide_range(type, scales, found.scale, found.scales);
      divide_range(type, minimums, found.minimum, found.minimums);
    }

    for (size_t b = 0; b < count; b++, bytes += type->bytes) {
      if (!is_half_finite(found.scale[b]) || !is_half_finite(found.minimum[b])) return start + b;
      store_u16(bytes + type->scale_offset, found.scale[b]);
      store_u16(bytes + type->scale_offset + 2, found.minimum[b]);
      uint8_t scale_multiples[MOST_BLOCKS], minimum_multiples[MOST_BLOCKS];
      for (int j = 0; j < blocks; j++) {
        scale_multiples[j] = (uint8_t)found.scales[j][b];
        minimum_multiples[j] = (uint8_t)found.minimums[j][b];
      }
      type->store_multiples(scale_multiples, minimum_multiples, bytes);

      int32_t codes[VALUES];
      for (int j = 0; j < blocks; j++) {
        const float *block = group + b * VALUES + (size_t)(j * elements);
        int32_t *block_codes = codes + j * elements;
        float scale = float_of_half(found.scale[b]) * (float)scale_multiples[j];
        float minimum = float_of_half(found.minimum[b]) * (float)minimum_multiples[j];
        if (scale != 0.0f) {
          LANES for (int i = 0; i < elements; i++) {
            block_codes[i] = clamped(nearest((block[i] + minimum) / scale), grid.most);
          }
        } else {
          float origin = fits[j].origin[b], inverse = fits[j].inverse[b];
          LANES for (int i = 0; i < elements; i++) {
            block_codes[i] = clamped(nearest((block[i] - origin) * inverse), grid.most);
          }
        }
      }
      type->store_codes(codes, bytes);
    }
    if (count < wanted) return start + count;
  }
  return superblocks;
}

#define ENCODE_PARAMETERS (const float *values, size_t blocks, uint8_t *bytes)
#define ENCODE_WEIGHTED_PARAMETERS \
  (const float *values, const float *importance, size_t rows, size_t row_blocks, uint8_t *bytes)
#define DECODE_PARAMETERS (const uint8_t *bytes, size_t blocks, float *values)

// The kernels of a type.
#define SUPERBLOCK_KERNELS(name, type)                                                                             \
  static KERNEL size_t encode_##name ENCODE_PARAMETERS {                                                           \
    return encode_superblocks(&type, values, NULL, blocks, blocks, bytes);                                         \
  }                                                                                                                \
  static KERNEL size_t encode_##name##_weighted ENCODE_WEIGHTED_PARAMETERS {                                       \
    return encode_superblocks(&type, values, importance, rows * row_blocks, row_blocks, bytes);                    \
  }                                                                                                                \
  DECANT_COMPILE(size_t, encode_##name, ENCODE_PARAMETERS, (values, blocks, bytes))                                \
  DECANT_COMPILE(size_t, encode_##name##_weighted, ENCODE_WEIGHTED_PARAMETERS,                                     \
                 (values, importance, rows, row_blocks, bytes))                                                    \
  DECANT_COMPILE(void, decode_##name, DECODE_PARAMETERS, (bytes, blocks, values))

#endif
