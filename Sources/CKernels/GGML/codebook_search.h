// IQ4_NL and IQ4_XS: values are about scale * one of sixteen levels.

#ifndef DECANT_CODEBOOK_SEARCH_H
#define DECANT_CODEBOOK_SEARCH_H

#include "block_groups.h"

#pragma STDC FP_CONTRACT OFF

// The levels (ggml's kvalues_iq4nl).
static const float levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// Midpoints: a quotient takes level i + 1 if it is not below middles[i].
static const float middles[15] = {-115.5f, -93.5f, -74.0f, -57.0f, -42.0f, -28.5f, -16.0f, -4.5f,
                                  7.0f,    19.0f,  31.5f,  45.5f,  61.0f,  79.0f,  101.0f};

// The nearest level of a quotient, the upper of two; the last one if it is not a number.
static KERNEL float nearest_level(float quotient) {
  float level = levels[0];
  for (int i = 0; i < 15; i++) level = quotient < middles[i] ? level : levels[i + 1];
  return level;
}

// Its index.
static KERNEL int32_t nearest_level_index(float quotient) {
  int32_t index = 0;
  for (int i = 0; i < 15; i++) index += quotient < middles[i] ? 0 : 1;
  return index;
}

// Searches the scale with the smallest weighted square error: that which makes the peak 127, above the highest level,
// and fifteen of the other sign that make it -134, -133 ... -120. Arrays are [length][lane_count]. Scales of blocks
// taken for zero are 0.
//
// The quotients of a value by those fifteen differ by less than 12 %, and midpoints by more. So there are only two
// levels that it can take, those of its smallest and its largest quotient.
static KERNEL void search_levels(const float *restrict x, const float *restrict w, int length, int lane_count,
                                 float *restrict scale) {
  float peak[MOST_LANES], divisor[MOST_LANES], best[MOST_LANES];
  float smallest[MOST_LANES], largest[MOST_LANES], inverse[MOST_LANES], sum_wxl[MOST_LANES], sum_wll[MOST_LANES];
  float lower[32 * MOST_LANES], upper[32 * MOST_LANES];
  lane_peaks(x, length, lane_count, peak);
  LANES for (int lane = 0; lane < lane_count; lane++) {
    divisor[lane] = __builtin_fabsf(peak[lane]) < SMALLEST_PEAK ? 1.0f : peak[lane];
    inverse[lane] = 1.0f / (divisor[lane] / 127.0f);
    smallest[lane] = -120.0f / divisor[lane];
    largest[lane] = -134.0f / divisor[lane];
    sum_wxl[lane] = 0.0f;
    sum_wll[lane] = 0.0f;
  }
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int at = n * lane_count + lane;
      float level = nearest_level(inverse[lane] * x[at]);
      float weighted = w[at] * level;
      sum_wxl[lane] += weighted * x[at];
      sum_wll[lane] += weighted * level;
    }
  }
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int at = n * lane_count + lane;
      float one = nearest_level(smallest[lane] * x[at]), other = nearest_level(largest[lane] * x[at]);
      lower[at] = one < other ? one : other;
      upper[at] = one < other ? other : one;
    }
  }
  LANES for (int lane = 0; lane < lane_count; lane++) {
    float new_scale = sum_wxl[lane] / sum_wll[lane];
    scale[lane] = sum_wll[lane] > 0.0f ? new_scale : 0.0f;
    best[lane] = scale[lane] * sum_wxl[lane];
  }
  for (int extent = 134; extent >= 120; extent--) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      inverse[lane] = (float)-extent / divisor[lane];
      sum_wxl[lane] = 0.0f;
      sum_wll[lane] = 0.0f;
    }
    for (int n = 0; n < length; n++) {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        int at = n * lane_count + lane;
        float middle = (lower[at] + upper[at]) * 0.5f;
        float level = inverse[lane] * x[at] < middle ? lower[at] : upper[at];
        float weighted = w[at] * level;
        sum_wxl[lane] += weighted * x[at];
        sum_wll[lane] += weighted * level;
      }
    }
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int is_better = (sum_wll[lane] > 0.0f) & (sum_wxl[lane] * sum_wxl[lane] > best[lane] * sum_wll[lane]);
      float new_scale = sum_wxl[lane] / sum_wll[lane];
      scale[lane] = is_better ? new_scale : scale[lane];
      best[lane] = is_better ? new_scale * sum_wxl[lane] : best[lane];
    }
  }
  LANES for (int lane = 0; lane < lane_count; lane++) {
    scale[lane] = __builtin_fabsf(peak[lane]) < SMALLEST_PEAK ? 0.0f : scale[lane];
  }
}

// The indices of the levels nearest to 32 values, two a byte: the first sixteen in the lower halves.
static KERNEL void store_levels(const float *restrict x, float inverse, uint8_t *restrict bytes) {
  int32_t indices[32];
  LANES for (int i = 0; i < 32; i++) indices[i] = nearest_level_index(inverse * x[i]);
  LANES for (int i = 0; i < 16; i++) bytes[i] = (uint8_t)(indices[i] | indices[i + 16] << 4);
}

// A level from four words of four, which takes shifts where a table would take a load for each value.
static KERNEL float level_at(uint32_t index) {
  uint32_t low = index & 4 ? 0xf6eaddcfu : 0xbfad9881u, high = index & 4 ? 0x71594535u : 0x26190d01u;
  return (float)(int8_t)((index & 8 ? high : low) >> (index % 4 * 8));
}

static KERNEL void load_levels(const uint8_t *restrict bytes, float scale, float *restrict values) {
  LANES for (int i = 0; i < 16; i++) {
    values[i] = scale * level_at(bytes[i] & 15);
    values[i + 16] = scale * level_at(bytes[i] >> 4);
  }
}

#endif
