// Checks and sums over plain floats.

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

#define WIDTH 16

static KERNEL size_t first_non_finite(const float *restrict values, size_t count) {
  const size_t run = 4096;
  for (size_t start = 0; start < count; start += run) {
    size_t end = count - start < run ? count : start + run;
    int32_t largest = 0;
    for (size_t i = start; i < end; i++) largest = larger(largest, magnitude_bits(values[i]));
    if (largest < INFINITE_MAGNITUDE) continue;
    for (size_t i = start; i < end; i++) {
      if (magnitude_bits(values[i]) >= INFINITE_MAGNITUDE) return i;
    }
  }
  return count;
}
DECANT_COMPILE(size_t, first_non_finite, (const float *values, size_t count), (values, count))

static KERNEL bool are_equal(const float *values, const float *others, size_t count) {
  const size_t run = 1024;
  for (size_t start = 0; start < count; start += run) {
    size_t end = smaller_size(start + run, count);
    uint32_t differs = 0;
    LANES for (size_t i = start; i < end; i++) differs |= (uint32_t) !(values[i] == others[i]);
    if (differs) return false;
  }
  return true;
}
DECANT_COMPILE(bool, are_equal, (const float *values, const float *others, size_t count), (values, others, count))

static KERNEL float largest_magnitude(const float *restrict values, size_t count) {
  int32_t largest = 0;
  for (size_t i = 0; i < count; i++) largest = larger(largest, magnitude_bits(values[i]));
  float magnitude;
  memcpy(&magnitude, &largest, 4);
  return magnitude;
}
DECANT_COMPILE(float, largest_magnitude, (const float *values, size_t count), (values, count))

static KERNEL double sum_of_lanes(const double *lanes) {
  double sum = 0;
  for (int j = 0; j < WIDTH; j++) sum += lanes[j];
  return sum;
}

static KERNEL double sum_of_squares(const float *restrict values, size_t count) {
  double lanes[WIDTH] = {0};
  size_t whole = count - count % WIDTH;
  for (size_t i = 0; i < whole; i += WIDTH) {
    LANES for (int j = 0; j < WIDTH; j++) {
      double value = values[i + j];
      lanes[j] += value * value;
    }
  }
  for (size_t i = whole; i < count; i++) lanes[i - whole] += (double)values[i] * (double)values[i];
  return sum_of_lanes(lanes);
}
DECANT_COMPILE(double, sum_of_squares, (const float *values, size_t count), (values, count))

static KERNEL double sum_of_squared_differences(const float *restrict values, const float *restrict others,
                                                size_t count) {
  double lanes[WIDTH] = {0};
  size_t whole = count - count % WIDTH;
  for (size_t i = 0; i < whole; i += WIDTH) {
    LANES for (int j = 0; j < WIDTH; j++) {
      double difference = (double)values[i + j] - (double)others[i + j];
      lanes[j] += difference * difference;
    }
  }
  for (size_t i = whole; i < count; i++) {
    double difference = (double)values[i] - (double)others[i];
    lanes[i - whole] += difference * difference;
  }
  return sum_of_lanes(lanes);
}
DECANT_COMPILE(double, sum_of_squared_differences, (const float *values, const float *others, size_t count),
               (values, others, count))

typedef float lanes16 __attribute__((vector_size(64)));

// Columns whose sums stay in registers while k runs: four times 16.
#define TILE 64

static KERNEL void add_outer_product(size_t rows, size_t columns, size_t rank, float scale,
                                     const float *restrict down, const float *restrict up, float *restrict weights) {
  size_t tiles_end = columns - columns % TILE;
  for (size_t column = 0; column < tiles_end; column += TILE) {
    for (size_t row = 0; row < rows; row++) {
      lanes16 sum0 = {0}, sum1 = {0}, sum2 = {0}, sum3 = {0};
      for (size_t k = 0; k < rank; k++) {
        float factor = up[row * rank + k];
        lanes16 from[4];
        memcpy(from, down + k * columns + column, sizeof from);
        sum0 += factor * from[0];
        sum1 += factor * from[1];
        sum2 += factor * from[2];
        sum3 += factor * from[3];
      }
      lanes16 to[4];
      memcpy(to, weights + row * columns + column, sizeof to);
      to[0] += scale * sum0;
      to[1] += scale * sum1;
      to[2] += scale * sum2;
      to[3] += scale * sum3;
      memcpy(weights + row * columns + column, to, sizeof to);
    }
  }
  for (size_t row = 0; row < rows; row++) {
    for (size_t column = tiles_end; column < columns; column++) {
      float sum = 0;
      for (size_t k = 0; k < rank; k++) sum += up[row * rank + k] * down[k * columns + column];
      weights[row * columns + column] += scale * sum;
    }
  }
}
DECANT_COMPILE(void, add_outer_product,
               (size_t rows, size_t columns, size_t rank, float scale, const float *down, const float *up,
                float *weights),
               (rows, columns, rank, scale, down, up, weights))
