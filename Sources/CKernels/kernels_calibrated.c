// Encoding that lets errors cancel in what a layer computes: codes and scales are chosen so that
// tr(G E H E^T), E being what encoding adds to the weights, is small, H and G the second moments of what the layer is given and
// of the gradient of what it gives.
//
// With H = M D M^T, M unit upper triangular, the sum for one row is that over the places p of D_p (sum over q <= p of e_q M_qp)^2: what is
// lost at a place is made up for by moving the targets of those that come later. Frantar et al. 2022 (GPTQ) do so with a
// factor of the inverse of H, which comes to the same. All sums have one order, whatever the processor.

#include <math.h>

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

typedef float Floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Integers __attribute__((vector_size(64), aligned(4), may_alias));

enum { WIDTH = 16, MOST_BLOCK = 256, MOST_CANDIDATES = 32 };

#define SELECT(MASK, ONE, OTHER) ((Floats)(((Integers)(ONE) & (MASK)) | ((Integers)(OTHER) & ~(MASK))))

// Rounds to a whole number, half to even, where it is below 2^22.
static KERNEL float whole(float value) { return (value + 12582912.0f) - 12582912.0f; }

static KERNEL float limited(float value, float least, float most) {
  return value < least ? least : value > most ? most : value;
}

// Levels and codes of sixteen values that were divided by their scales.
static KERNEL void nearest(const struct decant_grid *grid, const Floats *values, Floats *levels, Integers *codes) {
  const Floats x = *values;
  if (grid->is_uniform) {
    const Floats first = (Floats){} + grid->levels[0], last = (Floats){} + grid->levels[grid->count - 1];
    Floats y = SELECT(x > first, x, first);
    y = SELECT(y > last, last, y);
    const Floats rounder = (Floats){} + 12582912.0f;
    y = (y + rounder) - rounder;
    *levels = y;
    *codes = __builtin_convertvector(y - first, Integers);
    return;
  }
  Floats level = (Floats){} + grid->levels[0];
  Integers code = {};
  for (size_t index = 0; index + 1 < grid->count; index++) {
    const Integers above = x > (Floats){} + grid->midpoints[index];
    level = SELECT(above, (Floats){} + grid->levels[index + 1], level);
    code -= above;
  }
  *levels = level;
  *codes = code;
}

static KERNEL float largest_of(const float *values, size_t count) {
  float largest = 0;
  for (size_t index = 0; index < count; index++) {
    const float magnitude = fabsf(values[index]);
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

// MARK: Searches

// The scale that leaves the least weighted error: of parts of the largest magnitude, each corrected for the codes that it gives.
static KERNEL float search_scale(const struct decant_grid *grid, const float *values, const float *weights, size_t count) {
  const float largest = largest_of(values, count);
  if (largest == 0) return 0;
  enum { STEPS = 32 };
  float best = 0, best_score = -1;
  for (size_t start = 0; start < STEPS * (grid->has_both_signs ? 2 : 1); start += WIDTH) {
    Floats factors;
    for (size_t lane = 0; lane < WIDTH; lane++) {
      const size_t step = start + lane;
      const float part = 0.55f + 0.6f * (float)(step % STEPS) / (STEPS - 1);
      ((float *)&factors)[lane] = step < STEPS ? part : -part;
    }
    const Floats scales = factors * (largest / grid->reference), inverses = 1.0f / scales;
    Floats products = {}, squares = {};
    for (size_t index = 0; index < count; index++) {
      Floats level;
      Integers code;
      const Floats scaled = inverses * values[index];
      nearest(grid, &scaled, &level, &code);
      const Floats weighted = level * weights[index];
      products += weighted * values[index];
      squares += weighted * level;
    }
    for (size_t lane = 0; lane < WIDTH; lane++) {
      const float product = ((float *)&products)[lane], square = ((float *)&squares)[lane];
      if (!(square > 0)) continue;
      const float score = product * product / square;
      if (score > best_score) {
        best_score = score;
        best = product / square;
      }
    }
  }
  return best;
}

// value = scale * code + offset with the least weighted error; `is_below` where offsets are not above zero.
static KERNEL void search_affine(const struct decant_grid *grid, const float *values, const float *weights, size_t count,
                                 bool is_below, float *scale, float *offset) {
  float least = values[0], most = values[0], weight = 0, sum = 0;
  for (size_t index = 0; index < count; index++) {
    least = values[index] < least ? values[index] : least;
    most = values[index] > most ? values[index] : most;
    weight += weights[index];
    sum += weights[index] * values[index];
  }
  if (is_below && least > 0) least = 0;
  *scale = 0;
  *offset = least;
  if (!(most > least)) return;
  const float last = (float)(grid->count - 1);
  const Floats low = {}, high = (Floats){} + last, rounder = (Floats){} + 12582912.0f;
  enum { STEPS = 32 };
  float best = INFINITY;
  Floats codes[MOST_BLOCK];
  for (size_t start = 0; start < STEPS; start += WIDTH) {
    Floats inverses;
    for (size_t lane = 0; lane < WIDTH; lane++) {
      // From a little less than all codes to more, so that the ends are cut.
      ((float *)&inverses)[lane] = (last - grid->least_steps + grid->step * (float)(start + lane)) / (most - least);
    }
    Floats sums = {}, squares = {}, products = {};
    for (size_t index = 0; index < count; index++) {
      Floats code = inverses * (values[index] - least);
      code = SELECT(code > low, code, low);
      code = SELECT(code > high, high, code);
      code = (code + rounder) - rounder;
      codes[index] = code;
      const Floats weighted = code * weights[index];
      sums += weighted;
      squares += weighted * code;
      products += weighted * values[index];
    }
    Floats scales, offsets;
    for (size_t lane = 0; lane < WIDTH; lane++) {
      const float s = ((float *)&sums)[lane], q = ((float *)&squares)[lane], p = ((float *)&products)[lane];
      const float determinant = weight * q - s * s;
      float own = 0, bias = least;
      if (determinant > 0) {
        own = (weight * p - sum * s) / determinant;
        bias = (q * sum - s * p) / determinant;
        if (is_below && bias > 0) {
          bias = 0;
          own = q > 0 ? p / q : 0;
        }
      }
      ((float *)&scales)[lane] = own;
      ((float *)&offsets)[lane] = bias;
    }
    Floats errors = {};
    for (size_t index = 0; index < count; index++) {
      const Floats error = scales * codes[index] + offsets - values[index];
      errors += error * error * weights[index];
    }
    for (size_t lane = 0; lane < WIDTH; lane++) {
      const float error = ((float *)&errors)[lane];
      if (error < best && ((float *)&scales)[lane] > 0) {
        best = error;
        *scale = ((float *)&scales)[lane];
        *offset = ((float *)&offsets)[lane];
      }
    }
  }
}

static KERNEL void search_scales(const struct decant_grid *grid, const float *values, const float *weights, size_t columns,
                                 float *scales) {
  for (size_t first = 0; first < columns; first += grid->block)
    scales[first / grid->block] = search_scale(grid, values + first, weights + first, grid->block);
}
DECANT_COMPILE(void, search_scales,
               (const struct decant_grid *grid, const float *values, const float *weights, size_t columns, float *scales),
               (grid, values, weights, columns, scales))

// MARK: Scales that can be stored

static KERNEL float power_near(float value) {
  // The exponent, rounded at the root of 2.
  const uint32_t magnitude = bits_of(value) & 0x7fffffffu;
  int32_t exponent = (int32_t)((magnitude + (0x3f800000u - 0x3f3504f3u)) >> 23);
  exponent = exponent < 1 ? 1 : exponent > 254 ? 254 : exponent;
  return float_of((uint32_t)exponent << 23);
}

static KERNEL float e4m3_near(float value) {
  const uint32_t code = (uint32_t)small_float_of(value, 3, -6, 0x7f);
  const uint32_t kept = code > 0x7e ? 0x7e : code;
  const uint32_t exponent = kept >> 3, significand = kept & 7;
  return exponent ? float_of((exponent + 120) << 23 | significand << 20) : (float)significand * 0x1p-9f;
}

// The nearest of ascending values.
static KERNEL float nearest_of(const float *sorted, size_t count, float value) {
  size_t low = 0, high = count - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (value > (sorted[middle] + sorted[middle + 1]) / 2) low = middle + 1;
    else high = middle;
  }
  return sorted[low];
}

static KERNEL float stored_scale(const struct decant_grid *grid, float scale, float nested) {
  switch (grid->rounding) {
    case DECANT_SCALE_F32: return scale;
    case DECANT_SCALE_F16: {
      const uint32_t half = half_of(scale);
      return is_half_finite(half) ? float_of_half(half) : scale < 0 ? -65504.0f : 65504.0f;
    }
    case DECANT_SCALE_BF16: {
      const uint32_t bits = bits_of(scale);
      return float_of((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u);
    }
    case DECANT_SCALE_POWER: return power_near(scale);
    case DECANT_SCALE_E4M3: return e4m3_near(scale / grid->number) * grid->number;
    case DECANT_SCALE_NESTED: {
      if (nested == 0) return grid->nested_offset;
      const float found = nearest_of(grid->nested_map, 256, (scale - grid->nested_offset) / nested) * nested + grid->nested_offset;
      return found;
    }
  }
  return scale;
}

// MARK: Candidates

struct Candidates {
  size_t count;
  float scales[MOST_CANDIDATES], offsets[MOST_CANDIDATES], multiples[MOST_CANDIDATES], minimums[MOST_CANDIDATES];
};

static KERNEL void add_candidate(struct Candidates *all, float scale, float offset, float multiple, float minimum) {
  if (all->count == MOST_CANDIDATES) return;
  all->scales[all->count] = scale;
  all->offsets[all->count] = offset;
  all->multiples[all->count] = multiple;
  all->minimums[all->count] = minimum;
  all->count++;
}

static KERNEL void find_candidates(const struct decant_grid *grid, const float *values, const float *weights, size_t count,
                                   float super_scale, float super_minimum, float nested, struct Candidates *all) {
  static const float parts[] = {1, 0.95f, 1.05f, 0.9f, 1.1f, 0.84f, 1.16f};
  all->count = 0;
  switch (grid->kind) {
    case DECANT_GRID_SCALED: {
      if (grid->rounding == DECANT_SCALE_POWER) {
        const float scale = power_near(largest_of(values, count) / grid->reference);
        static const float steps[] = {1, 0.5f, 2, 4};
        for (size_t index = 0; index < 4; index++) add_candidate(all, scale * steps[index], 0, 0, 0);
        return;
      }
      const float scale = search_scale(grid, values, weights, count);
      for (size_t index = 0; index < 7; index++)
        add_candidate(all, stored_scale(grid, scale * parts[index], nested), 0, 0, 0);
      if (grid->has_both_signs) {
        for (size_t index = 0; index < 3; index++)
          add_candidate(all, stored_scale(grid, -scale * parts[index], nested), 0, 0, 0);
      }
      return;
    }
    case DECANT_GRID_ZEROS: {
      float scale, offset;
      search_affine(grid, values, weights, count, false, &scale, &offset);
      const float zero = scale > 0 ? limited(whole(-offset / scale), grid->least_multiple, grid->most_multiple) : grid->least_multiple;
      for (size_t index = 0; index < 5; index++) {
        const float own = stored_scale(grid, scale * parts[index], nested);
        for (int step = -1; step <= 1; step++) {
          const float moved =
              limited(zero + (float)(step == -1 ? 0 : step == 0 ? -1 : 1), grid->least_multiple, grid->most_multiple);
          add_candidate(all, own, -own * moved, 0, moved);
        }
      }
      return;
    }
    case DECANT_GRID_OFFSETS: {
      float scale, offset;
      search_affine(grid, values, weights, count, false, &scale, &offset);
      const float middle = (float)(grid->count - 1) / 2;
      for (size_t index = 0; index < 7; index++) {
        const float own = stored_scale(grid, scale * parts[index], nested);
        add_candidate(all, own, stored_scale(grid, offset + (scale - own) * middle, nested), 0, 0);
      }
      return;
    }
    case DECANT_GRID_MULTIPLES: {
      const float scale = search_scale(grid, values, weights, count);
      const float first = super_scale != 0 ? whole(limited(scale / super_scale, -1e6f, 1e6f)) : 0;
      static const float fine[] = {0, -1, 1, -2, 2, -3, 3}, coarse[] = {0, -1, 1, -3, 3, -6, 6};
      const float *steps = grid->most_multiple > 63 ? coarse : fine;
      for (size_t index = 0; index < 7; index++) {
        const float multiple = limited(first + steps[index], grid->least_multiple, grid->most_multiple);
        add_candidate(all, super_scale * multiple, 0, multiple, 0);
      }
      for (int step = -1; step <= 1; step++) {
        const float multiple = limited(-first + (float)step, grid->least_multiple, grid->most_multiple);
        add_candidate(all, super_scale * multiple, 0, multiple, 0);
      }
      return;
    }
    case DECANT_GRID_MULTIPLES_AND_MINIMUMS: {
      float scale, offset;
      search_affine(grid, values, weights, count, true, &scale, &offset);
      const float first = super_scale != 0 ? limited(whole(scale / super_scale), 0, grid->most_multiple) : 0;
      const float second = super_minimum != 0 ? limited(whole(-offset / super_minimum), 0, grid->most_multiple) : 0;
      const float step = grid->most_multiple > 25 ? whole(grid->most_multiple / 25) : 1;
      static const float steps[] = {0, -1, 1, -2, 2};
      for (size_t index = 0; index < 5; index++) {
        for (size_t other = 0; other < 3; other++) {
          const float multiple = limited(first + step * steps[index], 0, grid->most_multiple);
          const float minimum = limited(second + step * steps[other], 0, grid->most_multiple);
          add_candidate(all, super_scale * multiple, -super_minimum * minimum, multiple, minimum);
        }
      }
      return;
    }
  }
}

// MARK: Superblocks

// The number that scales are multiples of: of parts of the largest one, that with the least weighted error.
static KERNEL float common_scale(const float *scales, const float *weights, size_t count, float largest, const float *parts,
                                 size_t part_count, float least, float most) {
  float best = 0, best_error = INFINITY;
  for (size_t index = 0; index < part_count; index++) {
    const float limit = parts[index] < 0 ? -least : most;
    const uint32_t half = half_of(largest / limit * parts[index]);
    const float scale = is_half_finite(half) ? float_of_half(half) : 0;
    const float inverse = scale != 0 ? 1 / scale : 0;
    float error = 0;
    for (size_t block = 0; block < count; block++) {
      const float multiple = limited(whole(limited(scales[block] * inverse, -1e6f, 1e6f)), least, most);
      const float rest = scales[block] - multiple * scale;
      error += weights[block] * rest * rest;
    }
    if (error < best_error) {
      best_error = error;
      best = scale;
    }
  }
  return best;
}

static KERNEL void begin_superblock(const struct decant_grid *grid, const float *values, const float *weights, size_t count,
                                    float *super_scale, float *super_minimum) {
  float scales[16], minimums[16], importance[16], other[16];
  const size_t blocks = count / grid->block;
  float largest = 0, largest_minimum = 0;
  for (size_t block = 0; block < blocks; block++) {
    const float *own = values + block * grid->block, *weight = weights + block * grid->block;
    if (grid->kind == DECANT_GRID_MULTIPLES) {
      scales[block] = search_scale(grid, own, weight, grid->block);
      float energy = 0;
      for (size_t index = 0; index < grid->block; index++) energy += weight[index] * own[index] * own[index];
      const float square = scales[block] * scales[block];
      importance[block] = energy / (square > 1e-20f ? square : 1e-20f);
      if (fabsf(scales[block]) > fabsf(largest)) largest = scales[block];
    } else {
      float offset;
      search_affine(grid, own, weight, grid->block, true, &scales[block], &offset);
      minimums[block] = -offset;
      float sum = 0;
      for (size_t index = 0; index < grid->block; index++) sum += weight[index];
      importance[block] = other[block] = sum;
      if (scales[block] > largest) largest = scales[block];
      if (minimums[block] > largest_minimum) largest_minimum = minimums[block];
    }
  }
  if (grid->kind == DECANT_GRID_MULTIPLES) {
    static const float parts[] = {-0.94f, -0.97f, -1, -1.03f, -1.06f, -1.1f, 0.97f, 1, 1.03f};
    *super_scale = common_scale(scales, importance, blocks, largest, parts, 9, grid->least_multiple, grid->most_multiple);
    *super_minimum = 0;
  } else {
    static const float parts[] = {1, 0.97f, 1.03f, 1.06f, 1.1f};
    *super_scale = common_scale(scales, importance, blocks, largest, parts, 5, 0, grid->most_multiple);
    *super_minimum = common_scale(minimums, other, blocks, largest_minimum, parts, 5, 0, grid->most_multiple);
  }
}

// MARK: Feedback

struct Choice {
  float loss;
  size_t candidate;
  float errors[MOST_BLOCK];
  uint8_t codes[MOST_BLOCK];
};

// Runs a block with every candidate, the error of each place moving the targets after it, and keeps the best for each row: the
// first of equals. Lanes are candidates of rows.
static KERNEL void feed_back(const struct decant_grid *grid, const float *targets, const float *originals, size_t stride,
                             size_t rows, size_t count,
                             const float *factor, size_t factor_stride, const float *weights,
                             const struct Candidates *candidates, struct Choice *choices) {
  size_t total = 0;
  for (size_t row = 0; row < rows; row++) {
    choices[row].loss = INFINITY;
    choices[row].candidate = 0;
    total += candidates[row].count;
  }
  size_t row = 0, candidate = 0;
  for (size_t start = 0; start < total; start += WIDTH) {
    Floats values[MOST_BLOCK], wanted[MOST_BLOCK], errors[MOST_BLOCK], scales = {}, offsets = {}, inverses = {}, losses = {};
    Integers codes[MOST_BLOCK];
    size_t row_of[WIDTH], candidate_of[WIDTH];
    size_t lanes = 0;
    for (; lanes < WIDTH && row < rows; lanes++) {
      row_of[lanes] = row;
      candidate_of[lanes] = candidate;
      const float scale = candidates[row].scales[candidate];
      ((float *)&scales)[lanes] = scale;
      ((float *)&offsets)[lanes] = candidates[row].offsets[candidate];
      ((float *)&inverses)[lanes] = scale != 0 ? 1 / scale : 0;
      for (size_t place = 0; place < count; place++) {
        ((float *)&values[place])[lanes] = targets[row * stride + place];
        ((float *)&wanted[place])[lanes] = originals[row * stride + place];
      }
      if (++candidate == candidates[row].count) {
        candidate = 0;
        row++;
      }
    }
    for (size_t lane = lanes; lane < WIDTH; lane++) {
      for (size_t place = 0; place < count; place++) ((float *)&values[place])[lane] = ((float *)&wanted[place])[lane] = 0;
    }
    for (size_t place = 0; place < count; place++) {
      const Floats scaled = (values[place] - offsets) * inverses;
      Floats level;
      nearest(grid, &scaled, &level, &codes[place]);
      const Floats stored = level * scales + offsets, missed = values[place] - stored;
      losses += missed * missed * weights[place];
      // What moves others is the error itself, not what is left of it after it was moved.
      const Floats error = wanted[place] - stored;
      errors[place] = error;
      const float *share = factor + place * factor_stride;
      for (size_t later = place + 1; later < count; later++) values[later] += error * share[later];
    }
    for (size_t lane = 0; lane < lanes; lane++) {
      struct Choice *choice = &choices[row_of[lane]];
      const float loss = ((float *)&losses)[lane];
      if (!(loss < choice->loss)) continue;
      choice->loss = loss;
      choice->candidate = candidate_of[lane];
      for (size_t place = 0; place < count; place++) {
        choice->errors[place] = ((float *)&errors[place])[lane];
        choice->codes[place] = (uint8_t)((int32_t *)&codes[place])[lane];
      }
    }
  }
}

// targets[row][later] += the sum over places of errors[row][place] * factor[place][later], places in order.
static KERNEL void move_targets(float *targets, size_t stride, size_t rows, const struct Choice *choices, size_t count,
                                const float *factor, size_t factor_stride, size_t from, size_t to) {
  size_t later = from;
  for (; later + 2 * WIDTH <= to; later += 2 * WIDTH) {
    for (size_t row = 0; row < rows; row += 4) {
      const size_t here = smaller_size(rows - row, 4);
      Floats sums[8] = {};
      for (size_t index = 0; index < here; index++) {
        memcpy(&sums[2 * index], targets + (row + index) * stride + later, 2 * sizeof(Floats));
      }
      for (size_t place = 0; place < count; place++) {
        const Floats *share = (const Floats *)(factor + place * factor_stride + later);
        const Floats first = share[0], second = share[1];
        _Pragma("clang loop unroll(full)") for (size_t index = 0; index < 4; index++) {
          const float error = index < here ? choices[row + index].errors[place] : 0;
          sums[2 * index] += first * error;
          sums[2 * index + 1] += second * error;
        }
      }
      for (size_t index = 0; index < here; index++) {
        memcpy(targets + (row + index) * stride + later, &sums[2 * index], 2 * sizeof(Floats));
      }
    }
  }
  for (; later < to; later++) {
    for (size_t row = 0; row < rows; row++) {
      float sum = targets[row * stride + later];
      for (size_t place = 0; place < count; place++) sum += factor[place * factor_stride + later] * choices[row].errors[place];
      targets[row * stride + later] = sum;
    }
  }
}

static KERNEL void encode_with_feedback(const struct decant_calibrated *rows) {
  const struct decant_grid *grid = &rows->grid;
  const size_t columns = rows->columns, blocks = columns / grid->block, supers = columns / grid->superblock;
  struct Candidates candidates[DECANT_CALIBRATED_ROWS];
  struct Choice choices[DECANT_CALIBRATED_ROWS];
  for (size_t place = 0; place < columns; place += grid->block) {
    const size_t block = rows->order[place] / grid->block, super = rows->order[place] / grid->superblock;
    const bool begins = place % grid->superblock == 0;
    for (size_t row = 0; row < rows->rows; row++) {
      const float *targets = rows->targets + row * columns + place, *weights = rows->weights + place;
      float *super_scale = rows->super_scales + row * supers + super;
      float *super_minimum = rows->super_minimums + row * supers + super;
      if (begins && grid->kind >= DECANT_GRID_MULTIPLES)
        begin_superblock(grid, targets, weights, grid->superblock, super_scale, super_minimum);
      const float nested = rows->nested ? rows->nested[row * blocks + block] : 0;
      find_candidates(grid, targets, weights, grid->block, *super_scale, *super_minimum, nested, &candidates[row]);
    }
    const float *factor = rows->factor + place * columns + place;
    feed_back(grid, rows->targets + place, rows->originals + place, columns, rows->rows, grid->block, factor, columns, rows->weights + place,
              candidates, choices);
    for (size_t row = 0; row < rows->rows; row++) {
      const size_t own = row * blocks + block, chosen = choices[row].candidate;
      rows->scales[own] = candidates[row].scales[chosen];
      rows->offsets[own] = candidates[row].offsets[chosen];
      rows->multiples[own] = candidates[row].multiples[chosen];
      rows->minimums[own] = candidates[row].minimums[chosen];
      for (size_t index = 0; index < grid->block; index++)
        rows->codes[row * columns + rows->order[place + index]] = choices[row].codes[index];
    }
    move_targets(rows->targets, columns, rows->rows, choices, grid->block, rows->factor + place * columns, columns,
                 place + grid->block, columns);
  }
}
DECANT_COMPILE(void, encode_with_feedback, (const struct decant_calibrated *rows), (rows))

// MARK: Descent

static KERNEL size_t nearest_code(const struct decant_grid *grid, float value) {
  if (grid->is_uniform)
    return (size_t)whole(limited(value - grid->levels[0], 0, (float)(grid->count - 1)));
  size_t code = 0;
  for (size_t index = 0; index + 1 < grid->count; index++) code += value > grid->midpoints[index];
  return code;
}

// Adds `step` times a row of the moments.
static KERNEL void move_slopes(float *slopes, const float *moments, float step, size_t columns) {
  LANES for (size_t column = 0; column < columns; column++) slopes[column] += step * moments[column];
}

// The best step of a number that a run of values is proportional to, if it makes the sum less. `direction` has what the values grow by.
static KERNEL float refitted(const struct decant_grid *grid, enum decant_refit refit, float current, float nested,
                             const float *moments, size_t columns, float *slopes, const float *direction, size_t first,
                             size_t count) {
  float slope = 0, curvature = 0;
  for (size_t index = 0; index < count; index++) slope += direction[index] * slopes[first + index];
  for (size_t index = 0; index < count; index++) {
    const float *row = moments + (first + index) * columns + first;
    float lanes[WIDTH] = {}, sum = 0;
    size_t other = 0;
    for (; other + WIDTH <= count; other += WIDTH) {
      LANES for (size_t lane = 0; lane < WIDTH; lane++) lanes[lane] += row[other + lane] * direction[other + lane];
    }
    for (; other < count; other++) lanes[0] += row[other] * direction[other];
    for (size_t lane = 0; lane < WIDTH; lane++) sum += lanes[lane];
    curvature += sum * direction[index];
  }
  if (!(curvature > 0)) return current;
  float wanted = current - slope / curvature;
  switch (refit) {
    case DECANT_REFIT_SCALE: wanted = stored_scale(grid, wanted, nested); break;
    case DECANT_REFIT_SUPER: {
      const uint32_t half = half_of(wanted);
      if (!is_half_finite(half)) return current;
      wanted = float_of_half(half);
      break;
    }
    case DECANT_REFIT_MULTIPLE: wanted = limited(whole(limited(wanted, -1e6f, 1e6f)), grid->least_multiple, grid->most_multiple); break;
    case DECANT_REFIT_MINIMUM:
      wanted = limited(whole(limited(wanted, -1e6f, 1e6f)), grid->kind == DECANT_GRID_ZEROS ? grid->least_multiple : 0, grid->most_multiple);
      break;
  }
  const float step = wanted - current;
  if (step == 0 || !(2 * step * slope + step * step * curvature < 0)) return current;
  for (size_t index = 0; index < count; index++) {
    const float change = step * direction[index];
    if (change != 0) move_slopes(slopes, moments + (first + index) * columns, change, columns);
  }
  return wanted;
}

// One sweep over the codes of a row, then over its scales. `slopes` are the products of the row's errors with the moments, those of other
// rows included and divided by the row's own weight; they are kept up to date.
static KERNEL void descend(const struct decant_calibrated *rows, const float *moments, float *slopes) {
  const struct decant_grid *grid = &rows->grid;
  const size_t columns = rows->columns, blocks = columns / grid->block, supers = columns / grid->superblock;
  for (size_t column = 0; column < columns; column++) {
    const float scale = rows->scales[column / grid->block], offset = rows->offsets[column / grid->block];
    if (scale == 0) continue;
    const float *row = moments + column * columns;
    const size_t code = rows->codes[column];
    const float target = scale * grid->levels[code] + offset - slopes[column] / row[column];
    const size_t found = nearest_code(grid, (target - offset) / scale);
    if (found == code) continue;
    rows->codes[column] = (uint8_t)found;
    move_slopes(slopes, row, scale * (grid->levels[found] - grid->levels[code]), columns);
  }
  float direction[MOST_BLOCK];
  for (size_t block = 0; block < blocks; block++) {
    const size_t first = block * grid->block, super = first / grid->superblock;
    const float nested = rows->nested ? rows->nested[block] : 0;
    const uint8_t *codes = rows->codes + first;
    switch (grid->kind) {
      case DECANT_GRID_SCALED:
        for (size_t index = 0; index < grid->block; index++) direction[index] = grid->levels[codes[index]];
        rows->scales[block] = refitted(grid, DECANT_REFIT_SCALE, rows->scales[block], nested, moments, columns, slopes, direction, first, grid->block);
        break;
      case DECANT_GRID_ZEROS:
        for (size_t index = 0; index < grid->block; index++) direction[index] = grid->levels[codes[index]] - rows->minimums[block];
        rows->scales[block] = refitted(grid, DECANT_REFIT_SCALE, rows->scales[block], nested, moments, columns, slopes, direction, first, grid->block);
        for (size_t index = 0; index < grid->block; index++) direction[index] = -rows->scales[block];
        rows->minimums[block] = refitted(grid, DECANT_REFIT_MINIMUM, rows->minimums[block], 0, moments, columns, slopes, direction, first, grid->block);
        rows->offsets[block] = -rows->scales[block] * rows->minimums[block];
        break;
      case DECANT_GRID_OFFSETS:
        for (size_t index = 0; index < grid->block; index++) direction[index] = grid->levels[codes[index]];
        rows->scales[block] = refitted(grid, DECANT_REFIT_SCALE, rows->scales[block], nested, moments, columns, slopes, direction, first, grid->block);
        for (size_t index = 0; index < grid->block; index++) direction[index] = 1;
        rows->offsets[block] = refitted(grid, DECANT_REFIT_SCALE, rows->offsets[block], nested, moments, columns, slopes, direction, first, grid->block);
        break;
      case DECANT_GRID_MULTIPLES:
      case DECANT_GRID_MULTIPLES_AND_MINIMUMS:
        for (size_t index = 0; index < grid->block; index++) direction[index] = grid->levels[codes[index]] * rows->super_scales[super];
        rows->multiples[block] = refitted(grid, DECANT_REFIT_MULTIPLE, rows->multiples[block], 0, moments, columns, slopes, direction, first, grid->block);
        rows->scales[block] = rows->multiples[block] * rows->super_scales[super];
        if (grid->kind == DECANT_GRID_MULTIPLES) break;
        for (size_t index = 0; index < grid->block; index++) direction[index] = -rows->super_minimums[super];
        rows->minimums[block] = refitted(grid, DECANT_REFIT_MINIMUM, rows->minimums[block], 0, moments, columns, slopes, direction, first, grid->block);
        rows->offsets[block] = -rows->minimums[block] * rows->super_minimums[super];
        break;
    }
  }
  if (grid->kind < DECANT_GRID_MULTIPLES) return;
  for (size_t super = 0; super < supers; super++) {
    const size_t first = super * grid->superblock;
    for (size_t index = 0; index < grid->superblock; index++)
      direction[index] = grid->levels[rows->codes[first + index]] * rows->multiples[(first + index) / grid->block];
    rows->super_scales[super] = refitted(grid, DECANT_REFIT_SUPER, rows->super_scales[super], 0, moments, columns, slopes, direction, first, grid->superblock);
    if (grid->kind == DECANT_GRID_MULTIPLES_AND_MINIMUMS) {
      for (size_t index = 0; index < grid->superblock; index++) direction[index] = -rows->minimums[(first + index) / grid->block];
      rows->super_minimums[super] = refitted(grid, DECANT_REFIT_SUPER, rows->super_minimums[super], 0, moments, columns, slopes, direction, first, grid->superblock);
    }
    for (size_t block = first / grid->block; block < (first + grid->superblock) / grid->block; block++) {
      rows->scales[block] = rows->multiples[block] * rows->super_scales[super];
      rows->offsets[block] = -rows->minimums[block] * rows->super_minimums[super];
    }
  }
}
DECANT_COMPILE(void, descend, (const struct decant_calibrated *rows, const float *moments, float *slopes),
               (rows, moments, slopes))

// What the codes of rows stand for.
static KERNEL void decode_calibrated(const struct decant_calibrated *rows, float *values) {
  const struct decant_grid *grid = &rows->grid;
  const size_t columns = rows->columns, blocks = columns / grid->block;
  for (size_t row = 0; row < rows->rows; row++) {
    for (size_t column = 0; column < columns; column++) {
      const size_t block = row * blocks + column / grid->block;
      values[row * columns + column] =
          rows->scales[block] * grid->levels[rows->codes[row * columns + column]] + rows->offsets[block];
    }
  }
}
DECANT_COMPILE(void, decode_calibrated, (const struct decant_calibrated *rows, float *values), (rows, values))
