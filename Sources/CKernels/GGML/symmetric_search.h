// The scale of a symmetric block: values are about scale * code with -limit <= code < limit.
//
// Arrays are [length][lane_count]. A lane does what ggml does for one block, operation by operation.

#ifndef DECANT_SYMMETRIC_SEARCH_H
#define DECANT_SYMMETRIC_SEARCH_H

#include "block_groups.h"

#pragma STDC FP_CONTRACT OFF

// A code as a float. Products of the first search are small; those of scales that overflowed may be anything.
static KERNEL float symmetric_code(float product, float limit, int is_small) {
  if (is_small) {
    float code = nearest_float(product);
    code = code < limit - 1.0f ? code : limit - 1.0f;
    return code > -limit ? code : -limit;
  }
  return (float)bounded(nearest(product), -(int32_t)limit, (int32_t)limit - 1);
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
        float quotient = sum_wxl[lane] / sum_wll[lane];
        scale[lane] = sum_wll[lane] != 0.0f ? quotient : 0.0f;
        best[lane] = scale[lane] * sum_wxl[lane];
        inverse[lane] = numerator;
      }
    } else {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        int is_better = (sum_wll[lane] > 0.0f) & (sum_wxl[lane] * sum_wxl[lane] > best[lane] * sum_wll[lane]);
        float new_scale = sum_wxl[lane] / sum_wll[lane];
        scale[lane] = is_better ? new_scale : scale[lane];
        best[lane] = is_better ? new_scale * sum_wxl[lane] : best[lane];
        inverse[lane] = is_better ? numerator : inverse[lane];
      }
    }
  }
  LANES for (int lane = 0; lane < lane_count; lane++) {
    int is_zero = __builtin_fabsf(peak[lane]) < SMALLEST_PEAK;
    float quotient = inverse[lane] / peak[lane];
    scale[lane] = is_zero ? 0.0f : scale[lane];
    inverse[lane] = is_zero ? __builtin_inff() : quotient;
  }
}

// The unsigned code of a quotient.
static KERNEL int32_t nearest_code(float quotient, int limit) {
  return limit + bounded(nearest(quotient), -limit, limit - 1);
}

// That of a value after the search. All codes of a block taken for zero are 0, which means -limit.
static KERNEL int32_t stored_code(float x, float inverse, int limit) {
  return inverse == __builtin_inff() ? 0 : nearest_code(inverse * x, limit);
}

// The sums of a block with the codes of the scale that makes the peak the smallest code. A weight is x squared.
static KERNEL void start_refinement(const float *restrict x, int length, int lane_count, int limit,
                                    float *restrict peak, float *restrict step, float *restrict codes,
                                    float *restrict sum_wxl, float *restrict sum_wll) {
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
}

static KERNEL void finish_refinement(int lane_count, const float *restrict peak, const float *restrict sum_wxl,
                                     const float *restrict sum_wll, float *restrict scale) {
  LANES for (int lane = 0; lane < lane_count; lane++) {
    float quotient = sum_wxl[lane] / sum_wll[lane];
    int is_usable = (__builtin_fabsf(peak[lane]) >= SMALLEST_PEAK) & (sum_wll[lane] > 0.0f);
    scale[lane] = is_usable ? quotient : 0.0f;
  }
}

// Starts from the scale that makes the peak the smallest code, and moves one code after the other to where it is best
// given the others, up to five times around (ggml's make_q3_quants). `codes` are signed.
static KERNEL void refine_symmetric(const float *restrict x, int length, int lane_count, int limit,
                                    float *restrict codes, float *restrict scale) {
  float peak[MOST_LANES], step[MOST_LANES], sum_wxl[MOST_LANES], sum_wll[MOST_LANES], before[MOST_LANES];
  start_refinement(x, length, lane_count, limit, peak, step, codes, sum_wxl, sum_wll);
  for (int round = 0; round < 5; round++) {
    LANES for (int lane = 0; lane < lane_count; lane++) before[lane] = sum_wll[lane];
    for (int n = 0; n < length; n++) {
      LANES for (int lane = 0; lane < lane_count; lane++) {
        int at = n * lane_count + lane;
        float value = x[at], weight = value * value, weighted = weight * value, old = codes[at];
        float wxl = sum_wxl[lane] - weighted * old, wll = sum_wll[lane] - weight * old * old;
        float new = (float)bounded(nearest(value * wll / wxl), -limit, limit - 1);
        float new_wxl = wxl + weighted * new, new_wll = wll + weight * new * new;
        int is_better = (wxl > 0.0f) & (new != old) & (new_wll > 0.0f) &
                        (new_wxl * new_wxl * sum_wll[lane] > sum_wxl[lane] * sum_wxl[lane] * new_wll);
        codes[at] = is_better ? new : old;
        sum_wxl[lane] = is_better ? new_wxl : sum_wxl[lane];
        sum_wll[lane] = is_better ? new_wll : sum_wll[lane];
      }
    }
    int32_t changed = 0;
    LANES for (int lane = 0; lane < lane_count; lane++) changed |= bits_of(before[lane]) != bits_of(sum_wll[lane]);
    if (changed == 0) break;
  }
  finish_refinement(lane_count, peak, sum_wxl, sum_wll, scale);
}

// The scale of blocks whose codes the first round of refinement will not move; of the others `is_settled` is 0. Most
// blocks are settled at once, and this is seen without walking them in order.
//
// A code stays where it is if wxl is not positive (so it is in half of all blocks: the codes of a positive peak are
// negative), or as long as x * wll / wxl is less than half a code away, with the sums less its own part: that part
// cancels out of x * wll - code * wxl. What is too close to half to tell apart by rounded sums, or too large or small
// to be rounded well, counts as not settled.
static KERNEL void settle_symmetric(const float *restrict x, int length, int lane_count, int limit,
                                    float *restrict scale, float *restrict inverse, int32_t *restrict is_settled) {
  float codes[16 * MOST_LANES], peak[MOST_LANES], sum_wxl[MOST_LANES], sum_wll[MOST_LANES];
  float low[MOST_LANES], high[MOST_LANES], margin[MOST_LANES], worst[MOST_LANES];
  start_refinement(x, length, lane_count, limit, peak, inverse, codes, sum_wxl, sum_wll);
  LANES for (int lane = 0; lane < lane_count; lane++) {
    low[lane] = (float)-limit * sum_wxl[lane];
    high[lane] = (float)(limit - 1) * sum_wxl[lane];
    margin[lane] = 0x1p-18f * (__builtin_fabsf(peak[lane]) * sum_wll[lane]);
    worst[lane] = 0.0f;
  }
  for (int n = 0; n < length; n++) {
    LANES for (int lane = 0; lane < lane_count; lane++) {
      int at = n * lane_count + lane;
      float value = x[at], wxl = sum_wxl[lane] - value * value * value * codes[at], target = value * sum_wll[lane];
      target = target < high[lane] ? target : high[lane];
      target = target > low[lane] ? target : low[lane];
      float excess = __builtin_fabsf(target - codes[at] * sum_wxl[lane]) + margin[lane] - 0.4999f * wxl;
      excess = wxl > 0.0f ? excess : 0.0f;
      worst[lane] = worst[lane] > excess ? worst[lane] : excess;
    }
  }
  finish_refinement(lane_count, peak, sum_wxl, sum_wll, scale);
  LANES for (int lane = 0; lane < lane_count; lane++) {
    float magnitude = __builtin_fabsf(peak[lane]);
    int is_zero = magnitude < SMALLEST_PEAK;
    inverse[lane] = is_zero ? __builtin_inff() : inverse[lane];
    is_settled[lane] = is_zero | ((magnitude > 1e-8f) & (magnitude < 1e8f) & (worst[lane] <= 0.0f));
  }
}

#endif
