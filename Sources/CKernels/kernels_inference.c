// Row by row: the steps of a forward pass between its products, and what is measured of their outcome.

#include <math.h>

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Sixteen floats or eight doubles side by side, whatever the width of the registers. Vectors are passed by address, so
// that no calling convention depends on the instruction set.
typedef float Floats __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t Integers __attribute__((vector_size(64), aligned(4), may_alias));
typedef double Doubles __attribute__((vector_size(64), aligned(8), may_alias));
typedef int64_t Longs __attribute__((vector_size(64), aligned(8), may_alias));
typedef float HalfFloats __attribute__((vector_size(32), aligned(4), may_alias));

enum { WIDTH = 16, HALF = 8 };

static KERNEL void load(Floats *vector, const float *values) { memcpy(vector, values, sizeof(Floats)); }

/// Loads `count < WIDTH` values and fills the other lanes.
static KERNEL void load_some(Floats *vector, const float *values, size_t count, float fill) {
  float lanes[WIDTH];
  for (size_t lane = 0; lane < WIDTH; lane++) lanes[lane] = lane < count ? values[lane] : fill;
  memcpy(vector, lanes, sizeof lanes);
}

static KERNEL void store(float *values, const Floats *vector) { memcpy(values, vector, sizeof(Floats)); }

static KERNEL void store_some(float *values, const Floats *vector, size_t count) {
  float lanes[WIDTH];
  memcpy(lanes, vector, sizeof lanes);
  for (size_t lane = 0; lane < count; lane++) values[lane] = lanes[lane];
}

static KERNEL void widen(Doubles *low, Doubles *high, const Floats *values) {
  HalfFloats halves[2];
  memcpy(halves, values, sizeof halves);
  *low = __builtin_convertvector(halves[0], Doubles);
  *high = __builtin_convertvector(halves[1], Doubles);
}

static KERNEL double sum_of(const Doubles *values) {
  double lanes[HALF];
  memcpy(lanes, values, sizeof lanes);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/// exp in Float, within about one unit in the last place. Below -87.3 the result is 0, above 88 it is exp(88); NaN
/// stays NaN.
static KERNEL void exponential(Floats *values) {
  const Floats low = (Floats){} - 87.3f, high = (Floats){} + 88.0f;
  Floats x = *values;
  const Integers vanishes = x < low;
  const Integers is_low = vanishes, is_high = x > high;
  x = (Floats)(((Integers)low & is_low) | ((Integers)x & ~is_low));
  x = (Floats)(((Integers)high & is_high) | ((Integers)x & ~is_high));
  // Adding 1.5 * 2^23 rounds to an integer, which then is in the low bits.
  const Floats rounder = (Floats){} + 12582912.0f;
  const Floats shifted = x * 1.44269504088896341f + rounder;
  const Floats power = shifted - rounder;
  // ln 2 in two parts: the product with the first is exact.
  Floats rest = x - power * 0.693359375f;
  rest = rest + power * 2.12194440054690583e-4f;
  // exp(r) = 1 + r + r^2 * p(r) on |r| <= ln 2 / 2.
  Floats p = rest * 1.9841270e-4f + 1.3888889e-3f;
  p = p * rest + 8.3333333e-3f;
  p = p * rest + 4.1666668e-2f;
  p = p * rest + 1.6666667e-1f;
  p = p * rest + 0.5f;
  p = p * (rest * rest) + rest + 1.0f;
  const Integers exponent = ((Integers)shifted << 23) + (127 << 23);
  const Floats result = p * (Floats)exponent;
  *values = (Floats)((Integers)result & ~vanishes);
}

/// exp in Double for x <= 0, below -700 the result is 0. NaN stays NaN.
static KERNEL void exponential_double(Doubles *values) {
  const Doubles low = (Doubles){} - 700.0;
  Doubles x = *values;
  const Longs vanishes = x < low;
  x = (Doubles)(((Longs)low & vanishes) | ((Longs)x & ~vanishes));
  const Doubles rounder = (Doubles){} + 6755399441055744.0;
  const Doubles shifted = x * 1.4426950408889634074 + rounder;
  const Doubles power = shifted - rounder;
  Doubles rest = x - power * 6.93147180369123816490e-01;
  rest = rest - power * 1.90821492927058770002e-10;
  // Taylor's series: the first term left out is below 1e-17.
  Doubles p = rest * (1.0 / 6227020800.0) + (1.0 / 479001600.0);
  p = p * rest + (1.0 / 39916800.0);
  p = p * rest + (1.0 / 3628800.0);
  p = p * rest + (1.0 / 362880.0);
  p = p * rest + (1.0 / 40320.0);
  p = p * rest + (1.0 / 5040.0);
  p = p * rest + (1.0 / 720.0);
  p = p * rest + (1.0 / 120.0);
  p = p * rest + (1.0 / 24.0);
  p = p * rest + (1.0 / 6.0);
  p = p * rest + 0.5;
  p = p * (rest * rest) + rest + 1.0;
  const Longs exponent = ((Longs)shifted << 52) + ((int64_t)1023 << 52);
  const Doubles result = p * (Doubles)exponent;
  *values = (Doubles)((Longs)result & ~vanishes);
}

/// The greatest of `count` values; NaN is passed over.
static KERNEL float maximum_of(const float *values, size_t count) {
  Floats greatest = (Floats){} - INFINITY;
  for (size_t index = 0; index < count; index += WIDTH) {
    Floats x;
    if (count - index >= WIDTH) load(&x, values + index);
    else load_some(&x, values + index, count - index, -INFINITY);
    const Integers greater = x > greatest;
    greatest = (Floats)(((Integers)x & greater) | ((Integers)greatest & ~greater));
  }
  float lanes[WIDTH];
  memcpy(lanes, &greatest, sizeof lanes);
  float result = lanes[0];
  for (size_t lane = 1; lane < WIDTH; lane++) result = lanes[lane] > result ? lanes[lane] : result;
  return result;
}

static KERNEL void rms_norm(
    const float *input, size_t input_stride, const float *weight, float epsilon, size_t rows, size_t columns,
    float *output, size_t output_stride) {
  for (size_t row = 0; row < rows; row++) {
    const float *source = input + row * input_stride;
    float *target = output + row * output_stride;
    Doubles low = {}, high = {};
    for (size_t column = 0; column < columns; column += WIDTH) {
      Floats x;
      if (columns - column >= WIDTH) load(&x, source + column);
      else load_some(&x, source + column, columns - column, 0);
      Doubles first, second;
      widen(&first, &second, &x);
      low += first * first;
      high += second * second;
    }
    low += high;
    const float scale = (float)(1.0 / sqrt(sum_of(&low) / (double)columns + (double)epsilon));
    for (size_t column = 0; column < columns; column++) target[column] = source[column] * scale * weight[column];
  }
}
DECANT_COMPILE(void, rms_norm,
               (const float *input, size_t input_stride, const float *weight, float epsilon, size_t rows, size_t columns,
                float *output, size_t output_stride),
               (input, input_stride, weight, epsilon, rows, columns, output, output_stride))

static KERNEL void layer_norm(
    const float *input, size_t input_stride, const float *weight, const float *bias, float epsilon, size_t rows,
    size_t columns, float *output, size_t output_stride) {
  for (size_t row = 0; row < rows; row++) {
    const float *source = input + row * input_stride;
    float *target = output + row * output_stride;
    Doubles low = {}, high = {};
    for (size_t column = 0; column < columns; column += WIDTH) {
      Floats x;
      if (columns - column >= WIDTH) load(&x, source + column);
      else load_some(&x, source + column, columns - column, 0);
      Doubles first, second;
      widen(&first, &second, &x);
      low += first;
      high += second;
    }
    low += high;
    const float mean = (float)(sum_of(&low) / (double)columns);
    low = high = (Doubles){};
    for (size_t column = 0; column < columns; column += WIDTH) {
      Floats x;
      if (columns - column >= WIDTH) load(&x, source + column);
      else load_some(&x, source + column, columns - column, mean);
      x -= mean;
      Doubles first, second;
      widen(&first, &second, &x);
      low += first * first;
      high += second * second;
    }
    low += high;
    const float scale = (float)(1.0 / sqrt(sum_of(&low) / (double)columns + (double)epsilon));
    for (size_t column = 0; column < columns; column++) {
      const float value = (source[column] - mean) * scale;
      target[column] = (weight ? value * weight[column] : value) + (bias ? bias[column] : 0);
    }
  }
}
DECANT_COMPILE(void, layer_norm,
               (const float *input, size_t input_stride, const float *weight, const float *bias, float epsilon,
                size_t rows, size_t columns, float *output, size_t output_stride),
               (input, input_stride, weight, bias, epsilon, rows, columns, output, output_stride))

static KERNEL void rotate(
    const float *input, size_t input_stride, const float *cosines, const float *sines, float scale, size_t rows,
    size_t half, bool is_interleaved, size_t columns, float *output) {
  for (size_t row = 0; row < rows; row++) {
    const float *restrict source = input + row * input_stride;
    const float *restrict cosine = cosines + row * half;
    const float *restrict sine = sines + row * half;
    float *restrict target = output + row * columns;
    if (is_interleaved) {
      for (size_t index = 0; index < half; index++) {
        const float first = source[2 * index], second = source[2 * index + 1];
        target[2 * index] = (first * cosine[index] - second * sine[index]) * scale;
        target[2 * index + 1] = (second * cosine[index] + first * sine[index]) * scale;
      }
    } else {
      const float *restrict second = source + half;
      for (size_t index = 0; index < half; index++) {
        target[index] = (source[index] * cosine[index] - second[index] * sine[index]) * scale;
        target[index + half] = (second[index] * cosine[index] + source[index] * sine[index]) * scale;
      }
    }
    for (size_t column = 2 * half; column < columns; column++) target[column] = source[column] * scale;
  }
}
DECANT_COMPILE(void, rotate,
               (const float *input, size_t input_stride, const float *cosines, const float *sines, float scale, size_t rows,
                size_t half, bool is_interleaved, size_t columns, float *output),
               (input, input_stride, cosines, sines, scale, rows, half, is_interleaved, columns, output))

static KERNEL void soft_cap(float *values, size_t stride, size_t rows, size_t columns, float cap) {
  const float factor = 2 / cap;
  for (size_t row = 0; row < rows; row++) {
    float *target = values + row * stride;
    for (size_t column = 0; column < columns; column += WIDTH) {
      const size_t here = columns - column;
      Floats x;
      if (here >= WIDTH) load(&x, target + column);
      else load_some(&x, target + column, here, 0);
      // tanh(y) = 1 - 2 / (exp(2 y) + 1)
      x = x * factor;
      exponential(&x);
      x = (1.0f - 2.0f / (x + 1.0f)) * cap;
      if (here >= WIDTH) store(target + column, &x);
      else store_some(target + column, &x, here);
    }
  }
}
DECANT_COMPILE(void, soft_cap,
               (float *values, size_t stride, size_t rows, size_t columns, float cap),
               (values, stride, rows, columns, cap))

static KERNEL void causal_softmax(
    float *scores, size_t stride, size_t rows, size_t columns, size_t first_query, size_t first_key, size_t window,
    float slope, const float *sink) {
  for (size_t row = 0; row < rows; row++) {
    float *values = scores + row * stride;
    const size_t query = first_query + row;
    const size_t oldest = query >= window ? query - window + 1 : 0;
    const size_t begin = oldest > first_key ? oldest - first_key : 0;
    const size_t end = query + 1 - first_key < columns ? query + 1 - first_key : columns;
    memset(values, 0, begin * sizeof(float));
    memset(values + end, 0, (columns - end) * sizeof(float));
    float *part = values + begin;
    const size_t count = end - begin;
    // A key costs so much for each position that it lies before the query.
    if (slope != 0) {
      const size_t distance = query - (first_key + begin);
      for (size_t index = 0; index < count; index++) part[index] -= slope * (float)(distance - index);
    }
    float maximum = maximum_of(part, count);
    if (sink && *sink > maximum) maximum = *sink;
    Doubles low = {}, high = {};
    for (size_t index = 0; index < count; index += WIDTH) {
      const size_t here = count - index;
      Floats x;
      if (here >= WIDTH) load(&x, part + index);
      else load_some(&x, part + index, here, -INFINITY);
      x -= maximum;
      exponential(&x);
      Doubles first, second;
      widen(&first, &second, &x);
      low += first;
      high += second;
      if (here >= WIDTH) store(part + index, &x);
      else store_some(part + index, &x, here);
    }
    low += high;
    const double sum = sum_of(&low) + (sink ? exp((double)*sink - (double)maximum) : 0);
    const float scale = (float)(1.0 / sum);
    for (size_t index = 0; index < count; index++) part[index] *= scale;
  }
}
DECANT_COMPILE(void, causal_softmax,
               (float *scores, size_t stride, size_t rows, size_t columns, size_t first_query, size_t first_key, size_t window,
                float slope, const float *sink),
               (scores, stride, rows, columns, first_query, first_key, window, slope, sink))

/// x * sigmoid(factor * x).
static KERNEL void sigmoid_linear(Floats *values, float factor) {
  Floats e = -*values * factor;
  exponential(&e);
  *values = *values / (1.0f + e);
}

static KERNEL void activate_vector(Floats *values, enum decant_activation activation) {
  Floats x = *values;
  switch (activation) {
    case DECANT_SILU: sigmoid_linear(&x, 1); break;
    case DECANT_GELU_TANH: {
      // 0.5 x (1 + tanh(y)) = x * sigmoid(2 y)
      Floats e = (x + 0.044715f * x * x * x) * -1.5957691216057308f;
      exponential(&e);
      x = x / (1.0f + e);
      break;
    }
    case DECANT_GELU: {
      float lanes[WIDTH];
      memcpy(lanes, &x, sizeof lanes);
      for (size_t lane = 0; lane < WIDTH; lane++) {
        lanes[lane] = 0.5f * lanes[lane] * (1 + erff(lanes[lane] * 0.70710678118654752f));
      }
      memcpy(&x, lanes, sizeof lanes);
      break;
    }
    case DECANT_RELU: x = (Floats)((Integers)x & ~(x < (Floats){})); break;
    case DECANT_SWIGLU_OAI: {
      const Floats limit = (Floats){} + 7.0f;
      const Integers above = x > limit;
      x = (Floats)(((Integers)limit & above) | ((Integers)x & ~above));
      sigmoid_linear(&x, 1.702f);
      break;
    }
  }
  *values = x;
}

static KERNEL void activate(
    const float *gate, const float *up, size_t input_stride, size_t rows, size_t columns,
    enum decant_activation activation, float *output, size_t output_stride) {
  for (size_t row = 0; row < rows; row++) {
    const float *gates = gate + row * input_stride;
    const float *ups = up ? up + row * input_stride : NULL;
    float *target = output + row * output_stride;
    for (size_t column = 0; column < columns; column += WIDTH) {
      const size_t here = columns - column;
      Floats x, y;
      if (here >= WIDTH) load(&x, gates + column);
      else load_some(&x, gates + column, here, 0);
      activate_vector(&x, activation);
      if (ups) {
        if (here >= WIDTH) load(&y, ups + column);
        else load_some(&y, ups + column, here, 0);
        if (activation == DECANT_SWIGLU_OAI) {
          const Floats limit = (Floats){} + 7.0f;
          const Integers above = y > limit, below = y < -limit;
          y = (Floats)(((Integers)limit & above) | ((Integers)y & ~above));
          y = (Floats)(((Integers)-limit & below) | ((Integers)y & ~below)) + 1.0f;
        }
        x = x * y;
      }
      if (here >= WIDTH) store(target + column, &x);
      else store_some(target + column, &x, here);
    }
  }
}
DECANT_COMPILE(void, activate,
               (const float *gate, const float *up, size_t input_stride, size_t rows, size_t columns,
                enum decant_activation activation, float *output, size_t output_stride),
               (gate, up, input_stride, rows, columns, activation, output, output_stride))

static KERNEL void add_row(float *values, size_t stride, const float *row, size_t rows, size_t columns) {
  for (size_t index = 0; index < rows; index++) {
    float *restrict target = values + index * stride;
    for (size_t column = 0; column < columns; column++) target[column] += row[column];
  }
}
DECANT_COMPILE(void, add_row,
               (float *values, size_t stride, const float *row, size_t rows, size_t columns),
               (values, stride, row, rows, columns))

static KERNEL void add_squares(const float *values, size_t stride, size_t rows, size_t columns, double *sums) {
  for (size_t row = 0; row < rows; row++) {
    const float *source = values + row * stride;
    for (size_t column = 0; column < columns; column++) {
      const double value = source[column];
      sums[column] += value * value;
    }
  }
}
DECANT_COMPILE(void, add_squares,
               (const float *values, size_t stride, size_t rows, size_t columns, double *sums),
               (values, stride, rows, columns, sums))

// Squares as whole multiples of 2^-72, to nearest, ties to even. Adding 1.5 * 2^(52 + e) rounds a number of less than
// 2^(51 + e) so to a multiple of 2^e, and leaves in the low bits how many of them it is. A square of less than 2^30 is
// divided so into multiples of 2^-21 and, of what is left, of 2^-72: as many rows of both as here fit 64 bits.
static const double coarse_units = 0x1.8p31, fine_units = 0x1.8p-20;
enum { EXACT_ROWS = 1024, EXACT_COLUMNS = 256, COARSE_SHIFT = 51 };

static KERNEL uint64_t double_bits(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// Whether all values are numbers of less than 2^15, which nearly all rows' are.
static KERNEL bool are_moderate(const float *values, size_t count) {
  int32_t greatest = 0;
  for (size_t index = 0; index < count; index++) greatest = larger(greatest, magnitude_bits(values[index]));
  return greatest < (int32_t)bits_of(0x1p15f);
}

static KERNEL void add_moderate_squares(
    const float *restrict values, size_t count, uint64_t *restrict coarse, uint64_t *restrict fine) {
  for (size_t index = 0; index < count; index++) {
    const double value = values[index];
    const double square = value * value;
    const double shifted = square + coarse_units;
    const double rest = square - (shifted - coarse_units);
    coarse[index] += double_bits(shifted);
    fine[index] += double_bits(rest + fine_units);
  }
}

/// Adds to a sum of two limbs, the lower first. Returns false where it leaves 127 bits.
static KERNEL bool add_wide(uint64_t *sum, unsigned __int128 units) {
  const unsigned __int128 next = ((unsigned __int128)sum[1] << 64 | sum[0]) + units;
  sum[0] = (uint64_t)next;
  sum[1] = (uint64_t)(next >> 64);
  return sum[1] >> 63 == 0;
}

/// Any square: false for one that is no number, or beyond 127 bits.
static KERNEL bool add_large_square(uint64_t *sum, float number) {
  const double value = number;
  double units = value * value * 0x1p72;
  if (!(units < 0x1p127)) return false;
  if (units < 0x1p52) units = rint(units);
  const double upper = floor(units * 0x1p-64);
  return add_wide(sum, (unsigned __int128)(uint64_t)upper << 64 | (uint64_t)(units - upper * 0x1p64));
}

static KERNEL bool add_squares_exactly(
    const float *values, size_t stride, size_t rows, size_t columns, uint64_t *sums) {
  bool fits = true;
  for (size_t first = 0; first < columns; first += EXACT_COLUMNS) {
    const size_t width = columns - first < EXACT_COLUMNS ? columns - first : EXACT_COLUMNS;
    for (size_t start = 0; start < rows; start += EXACT_ROWS) {
      const size_t end = rows - start < EXACT_ROWS ? rows : start + EXACT_ROWS;
      uint64_t coarse[EXACT_COLUMNS] = {}, fine[EXACT_COLUMNS] = {};
      uint64_t moderate = 0;
      for (size_t row = start; row < end; row++) {
        const float *source = values + row * stride + first;
        if (are_moderate(source, width)) {
          add_moderate_squares(source, width, coarse, fine);
          moderate++;
        } else {
          for (size_t column = 0; column < width; column++) {
            fits &= add_large_square(sums + 2 * (first + column), source[column]);
          }
        }
      }
      for (size_t column = 0; column < width; column++) {
        // What was added to each number is taken away, modulo 2^64.
        const int64_t upper = (int64_t)(coarse[column] - moderate * double_bits(coarse_units));
        const int64_t lower = (int64_t)(fine[column] - moderate * double_bits(fine_units));
        const __int128 units = (__int128)upper * ((int64_t)1 << COARSE_SHIFT) + lower;
        fits &= add_wide(sums + 2 * (first + column), (unsigned __int128)units);
      }
    }
  }
  return fits;
}
DECANT_COMPILE(bool, add_squares_exactly,
               (const float *values, size_t stride, size_t rows, size_t columns, uint64_t *sums),
               (values, stride, rows, columns, sums))

static KERNEL void log_softmax_row(const float *logits, size_t count, struct decant_log_softmax *result) {
  const float maximum = maximum_of(logits, count);
  size_t top = 0;
  while (top + 1 < count && logits[top] != maximum) top++;
  Doubles low = {}, high = {};
  for (size_t index = 0; index < count; index += WIDTH) {
    Floats x;
    if (count - index >= WIDTH) load(&x, logits + index);
    else load_some(&x, logits + index, count - index, -INFINITY);
    x -= maximum;
    exponential(&x);
    Doubles first, second;
    widen(&first, &second, &x);
    low += first;
    high += second;
  }
  low += high;
  result->top = top;
  result->maximum = maximum;
  result->log_sum = log(sum_of(&low));
}
DECANT_COMPILE(void, log_softmax_row,
               (const float *logits, size_t count, struct decant_log_softmax *result),
               (logits, count, result))

static KERNEL size_t draw_row(float *logits, size_t count, double draw, struct decant_log_softmax *softmax) {
  log_softmax_row(logits, count, softmax);
  const float maximum = softmax->maximum;
  const float scale = (float)exp(-softmax->log_sum);
  for (size_t index = 0; index < count; index += WIDTH) {
    const size_t here = count - index;
    Floats x;
    if (here >= WIDTH) load(&x, logits + index);
    else load_some(&x, logits + index, here, -INFINITY);
    x -= maximum;
    exponential(&x);
    x = x * scale;
    if (here >= WIDTH) store(logits + index, &x);
    else store_some(logits + index, &x, here);
  }
  double total = 0;
  for (size_t index = 0; index < count; index++) {
    total += (double)logits[index];
    if (total > draw) return index;
  }
  // The shares add up to 1 only about.
  return softmax->top;
}
DECANT_COMPILE(size_t, draw_row, (float *logits, size_t count, double draw, struct decant_log_softmax *softmax),
               (logits, count, draw, softmax))

static KERNEL double divergence_row(
    const float *before, float before_maximum, const float *after, float after_maximum, size_t count) {
  Doubles before_sum = {}, after_sum = {}, weighted = {};
  for (size_t index = 0; index < count; index += WIDTH) {
    Floats a, b;
    if (count - index >= WIDTH) {
      load(&a, before + index);
      load(&b, after + index);
    } else {
      // Far below the maximum, but finite: the difference must not become NaN.
      load_some(&a, before + index, count - index, before_maximum - 1e4f);
      load_some(&b, after + index, count - index, after_maximum - 1e4f);
    }
    Doubles as[2], bs[2];
    widen(&as[0], &as[1], &a);
    widen(&bs[0], &bs[1], &b);
    for (int part = 0; part < 2; part++) {
      Doubles x = as[part] - (double)before_maximum, y = bs[part] - (double)after_maximum;
      const Doubles difference = x - y;
      exponential_double(&x);
      exponential_double(&y);
      before_sum += x;
      after_sum += y;
      weighted += x * difference;
    }
  }
  const double total = sum_of(&before_sum);
  const double divergence = sum_of(&weighted) / total - (log(total) - log(sum_of(&after_sum)));
  // It is not negative; rounding may be.
  return divergence < 0 ? 0 : divergence;
}
DECANT_COMPILE(double, divergence_row,
               (const float *before, float before_maximum, const float *after, float after_maximum, size_t count),
               (before, before_maximum, after, after_maximum, count))

static KERNEL void difference(const float *before, const float *after, size_t count, struct decant_difference *result) {
  Doubles error = {}, before_squared = {}, after_squared = {}, product = {}, largest = {};
  for (size_t index = 0; index < count; index += WIDTH) {
    Floats a, b;
    if (count - index >= WIDTH) {
      load(&a, before + index);
      load(&b, after + index);
    } else {
      load_some(&a, before + index, count - index, 0);
      load_some(&b, after + index, count - index, 0);
    }
    Doubles as[2], bs[2];
    widen(&as[0], &as[1], &a);
    widen(&bs[0], &bs[1], &b);
    for (int part = 0; part < 2; part++) {
      const Doubles difference = bs[part] - as[part];
      const Doubles squared = difference * difference;
      error += squared;
      before_squared += as[part] * as[part];
      after_squared += bs[part] * bs[part];
      product += as[part] * bs[part];
      // A NaN gets in, and nothing is greater than it afterwards.
      const Longs replaces = (squared > largest) | (squared != squared);
      largest = (Doubles)(((Longs)squared & replaces) | ((Longs)largest & ~replaces));
    }
  }
  double lanes[HALF], greatest = 0;
  memcpy(lanes, &largest, sizeof lanes);
  for (int lane = 0; lane < HALF; lane++)
    greatest = lanes[lane] > greatest || lanes[lane] != lanes[lane] ? lanes[lane] : greatest;
  result->squared_error = sum_of(&error);
  result->before_squared = sum_of(&before_squared);
  result->after_squared = sum_of(&after_squared);
  result->product = sum_of(&product);
  result->largest_error = sqrt(greatest);
}
DECANT_COMPILE(void, difference,
               (const float *before, const float *after, size_t count, struct decant_difference *result),
               (before, after, count, result))
