// The scale of a symmetric block: values are about scale * code with -limit <= code < limit.
//
// Arrays are [length][lane_count]. A lane does what ggml does for one block, operation by operation.

#ifndef DECANT_SYMMETRIC_SEARCH_H
#define DECANT_SYMMETRIC_SEARCH_H

#include "lanes.h"

#pragma STDC FP_CONTRACT OFF

// A code as a float. Products of the first search are small; those of scales that overflowed may be anything.
static KERNEL float symmetric_code(float product, float limit, int is_small) {
  if (is_small) {
    float code = nearest_float(product);
    code = code < limit - 1.0f ? code : limit - 1.0f;
    return code > -limit ? code : -limit;
  }
  return (float)clamped(nearest(product), -(int32_t)limit, (int32_t)limit - 1);
}

// Searches the scale with the smallest weighted square error around that which makes the peak the smallest code
// (ggml's make_qx_quants), and what values were multiplied by to get the codes of that scale. Of a block taken for zero
// the scale is 0 and the multiplier infinite: see `stored_code`. `wx` is weight times x.
static KERNEL void search_symmetric(const float *restrict x, const float *restrict w, const float *restrict wx,
                                    int length, int lane_count, int limit, int is_small, float *restrict scale,
                                    float *restrict inverse) {
  float peak[MOST_LANES], best[MOST_LANES];
  lane_peaks(x, length, lane_count, peak);
  LANES for (int lane = 0; lane < lane_count; lane++) best[lane] = 0.0f;
  for (int attempt = 0; attempt < 19; attempt++) {
    // The plain scale first, then those of a tenth of a code more or less: -9, -8 ... -1, 1 ... 9.
    int tenths = attempt == 0 ? 0 : attempt < 10 ? attempt - 10 : attempt - 9;
    float numerator = -((float)limit + 0.1f * (float)tenths);
    float step[MOST_LANES], sum_wxl[MOST_LANES], sum_wll[MOST_LANES];
    LANES for (int lane = 0; lane < lane_count; lane++) {
      step[lane] = numerator / (__builtin_fabsf(peak[lane]) < SMALLEST_PEAK ? 1.0f : peak[lane]);
      sum_wxl[lane] = 0.0f;
      sum_wll[lane] = 0.0f;
    }
    for (int n = 0; n < length; n++) {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        int at = n * lane_count + lane;
        float code = symmetric_code(step[lane] * x[at], (float)limit, is_small);
        sum_wxl[lane] += wx[at] * code;
        sum_wll[lane] += w[at] * code * code;
      }
    }
    if (attempt == 0) {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        scale[lane] = sum_wll[lane] != 0.0f ? sum_wxl[lane] / sum_wll[lane] : 0.0f;
        best[lane] = scale[lane] * sum_wxl[lane];
        inverse[lane] = step[lane];
      }
    } else {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        int is_better = sum_wll[lane] > 0.0f && sum_wxl[lane] * sum_wxl[lane] > best[lane] * sum_wll[lane];
        float new_scale = sum_wxl[lane] / sum_wll[lane];
        scale[lane] = is_better ? new_scale : scale[lane];
        best[lane] = is_better ? new_scale * sum_wxl[lane] : best[lane];
        inverse[lane] = is_better ? step[lane] : inverse[lane];
      }
    }
  }
  LANES for (int lane = 0; lane < lane_count; lane++) {
    int is_zero = __builtin_fabsf(peak[lane]) < SMALLEST_PEAK;
    scale[lane] = is_zero ? 0.0f : scale[lane];
    inverse[lane] = is_zero ? __builtin_inff() : inverse[lane];
  }
}

// The unsigned code of a value after the search. All codes of a block taken for zero are 0, which means -limit.
static KERNEL int32_t stored_code(float x, float inverse, int limit) {
  return inverse == __builtin_inff() ? 0 : limit + clamped(nearest(inverse * x), -limit, limit - 1);
}

// Starts from the scale that makes the peak the smallest code, and moves one code after the other to where it is best
// given the others, up to five times around (ggml's make_q3_quants). A weight is x squared. `codes` are signed; those of
// a block taken for zero are -limit, its scale 0.
static KERNEL void refine_symmetric(const float *restrict x, int length, int lane_count, int limit,
                                    float *restrict codes, float *restrict scale) {
  float peak[MOST_LANES], step[MOST_LANES], sum_wxl[MOST_LANES], sum_wll[MOST_LANES];
  lane_peaks(x, length, lane_count, peak);
  LANES for (int lane = 0; lane < lane_count; lane++) {
    step[lane] = (float)-limit / (__builtin_fabsf(peak[lane]) < SMALLEST_PEAK ? 1.0f : peak[lane]);
    sum_wxl[lane] = 0.0f;
    sum_wll[lane] = 0.0f;
  }
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int at = n * lane_count + lane;
      float code = symmetric_code(step[lane] * x[at], (float)limit, 1), weight = x[at] * x[at];
      codes[at] = code;
      sum_wxl[lane] += weight * x[at] * code;
      sum_wll[lane] += weight * code * code;
    }
  }
  for (int round = 0; round < 5; round++) {
    int32_t changed[MOST_LANES];
    LANES for (int lane = 0; lane < lane_count; lane++) changed[lane] = 0;
    for (int n = 0; n < length; n++) {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        int at = n * lane_count + lane;
        float value = x[at], weight = value * value, weighted = weight * value, old = codes[at];
        float wxl = sum_wxl[lane] - weighted * old, wll = sum_wll[lane] - weight * old * old;
        float new = (float)clamped(nearest(value * wll / wxl), -limit, limit - 1);
        float new_wxl = wxl + weighted * new, new_wll = wll + weight * new * new;
        int is_better = (wxl > 0.0f) & (new != old) & (new_wll > 0.0f) &
                        (new_wxl * new_wxl * sum_wll[lane] > sum_wxl[lane] * sum_wxl[lane] * new_wll);
        codes[at] = is_better ? new : old;
        sum_wxl[lane] = is_better ? new_wxl : sum_wxl[lane];
        sum_wll[lane] = is_better ? new_wll : sum_wll[lane];
        changed[lane] |= is_better;
      }
    }
    int32_t any = 0;
    LANES for (int lane = 0; lane < lane_count; lane++) any |= changed[lane];
    if (any == 0) break;
  }
  LANES for (int lane = 0; lane < lane_count; lane++) {
    int is_zero = __builtin_fabsf(peak[lane]) < SMALLEST_PEAK;
    scale[lane] = !is_zero && sum_wll[lane] > 0.0f ? sum_wxl[lane] / sum_wll[lane] : 0.0f;
    peak[lane] = is_zero ? 0.0f : 1.0f;
  }
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int at = n * lane_count + lane;
      codes[at] = peak[lane] != 0.0f ? codes[at] : (float)-limit;
    }
  }
}

#endif
