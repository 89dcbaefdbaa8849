// Factors of symmetric positive matrices of doubles, A = M D M^T with M unit upper triangular, block by block from the last.
// Products are not fused and sums have one order: the same bits on every processor.

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

typedef double Doubles __attribute__((vector_size(64), aligned(8), may_alias));

enum { HALF = 8 };

// Of a block on the diagonal, whose upper half is given, in place: M above the diagonal, D on it. Returns false where a number of D
// is not positive.
static KERNEL bool factor_block(double *block, size_t stride, size_t size) {
  for (size_t last = size; last-- > 0;) {
    const double pivot = block[last * stride + last];
    if (!(pivot > 0 && pivot < 0x1p1000)) return false;
    double column[256];
    for (size_t row = 0; row < last; row++) column[row] = block[row * stride + last];
    for (size_t row = 0; row < last; row++) {
      const double share = column[row] / pivot;
      block[row * stride + last] = share;
      LANES for (size_t other = row; other < last; other++) block[row * stride + other] -= share * column[other];
    }
  }
  return true;
}
DECANT_COMPILE(bool, factor_block, (double *block, size_t stride, size_t size), (block, stride, size))

// Rows above such a block become rows of M. `scaled` gets them as they were multiplied with D, columns as rows of `scaled_stride`.
static KERNEL void solve_rows(const double *block, size_t block_stride, size_t size, double *rows, size_t stride,
                              size_t count, double *scaled, size_t scaled_stride) {
  for (size_t row = 0; row < count; row++) {
    double *values = rows + row * stride;
    for (size_t last = size; last-- > 0;) {
      const double product = values[last], pivot = block[last * block_stride + last];
      // values[other] still has the share of the columns after it in it.
      for (size_t other = 0; other < last; other++) values[other] -= product * block[other * block_stride + last];
      scaled[last * scaled_stride + row] = product;
      values[last] = product / pivot;
    }
  }
}
DECANT_COMPILE(void, solve_rows,
               (const double *block, size_t block_stride, size_t size, double *rows, size_t stride, size_t count,
                double *scaled, size_t scaled_stride),
               (block, block_stride, size, rows, stride, count, scaled, scaled_stride))

// result[r][c] -= the sum over k, ascending, of left[r][k] * right[k][c].
static KERNEL void subtract_product(const double *left, size_t left_stride, const double *right, size_t right_stride,
                                    size_t rows, size_t columns, size_t depth, double *result, size_t stride) {
  size_t column = 0;
  for (; column + 2 * HALF <= columns; column += 2 * HALF) {
    for (size_t row = 0; row < rows; row += 4) {
      const size_t here = smaller_size(rows - row, 4);
      Doubles sums[8] = {};
      for (size_t index = 0; index < here; index++)
        memcpy(&sums[2 * index], result + (row + index) * stride + column, 2 * sizeof(Doubles));
      for (size_t k = 0; k < depth; k++) {
        const Doubles *factors = (const Doubles *)(right + k * right_stride + column);
        const Doubles first = factors[0], second = factors[1];
        _Pragma("clang loop unroll(full)") for (size_t index = 0; index < 4; index++) {
          const double value = left[(row + (index < here ? index : 0)) * left_stride + k];
          sums[2 * index] -= first * value;
          sums[2 * index + 1] -= second * value;
        }
      }
      for (size_t index = 0; index < here; index++)
        memcpy(result + (row + index) * stride + column, &sums[2 * index], 2 * sizeof(Doubles));
    }
  }
  for (; column < columns; column++) {
    for (size_t row = 0; row < rows; row++) {
      double sum = result[row * stride + column];
      for (size_t k = 0; k < depth; k++) sum -= right[k * right_stride + column] * left[row * left_stride + k];
      result[row * stride + column] = sum;
    }
  }
}
DECANT_COMPILE(void, subtract_product,
               (const double *left, size_t left_stride, const double *right, size_t right_stride, size_t rows,
                size_t columns, size_t depth, double *result, size_t stride),
               (left, left_stride, right, right_stride, rows, columns, depth, result, stride))
