// The product of two matrices of floats.
//
// Blocks of both are copied to where a tile of the result reads them one after the other: of the right matrix slivers
// of as many columns as a tile has, [k][column], of the left one rows. The sums of a tile stay in registers while k
// runs.

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// Sixteen floats side by side, whatever the width of the registers.
typedef float Floats __attribute__((vector_size(64), aligned(4), may_alias));

enum { WIDTH = 16, DEPTH = DECANT_PRODUCT_DEPTH, MOST_ROWS = 12, MOST_VECTORS = 2 };

// The shape of a tile, chosen so that its sums fill the registers: `rows` rows of `vectors` vectors.
typedef struct {
  int rows, vectors;
  bool is_fused;
} Tile;

#define UNROLL _Pragma("clang loop unroll(full)")

#if defined(__x86_64__) && !defined(__OPTIMIZE__)
// An unoptimized build keeps no sum in a register and takes twenty times as long: whoever debugs would wait for nothing
// else. So there, and only there, the loop of `sum_tile` is spelled out, for tiles of 6 rows of one vector.
#define CLEAR(SUM) "vxorps %%ymm" #SUM ", %%ymm" #SUM ", %%ymm" #SUM "\n\t"
#define ADD_ROW(OFFSET, LOW, HIGH)                    \
  "vbroadcastss " #OFFSET "(%0), %%ymm14\n\t"         \
  "vfmadd231ps %%ymm12, %%ymm14, %%ymm" #LOW "\n\t"   \
  "vfmadd231ps %%ymm13, %%ymm14, %%ymm" #HIGH "\n\t"
#define KEEP(SUM, OFFSET) "vmovups %%ymm" #SUM ", " #OFFSET "(%3)\n\t"

DECANT_V3 static void sum_tile_unoptimized(const float *left, const float *right, size_t depth, Floats *sums) {
  _Static_assert(DEPTH == 256, "rows of the left matrix lie 1024 bytes apart");
  __asm__ volatile(
      CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7) CLEAR(8) CLEAR(9) CLEAR(10) CLEAR(11)
      "1:\n\t"
      "vmovups (%1), %%ymm12\n\t"
      "vmovups 32(%1), %%ymm13\n\t"
      ADD_ROW(0, 0, 1) ADD_ROW(1024, 2, 3) ADD_ROW(2048, 4, 5) ADD_ROW(3072, 6, 7) ADD_ROW(4096, 8, 9)
      ADD_ROW(5120, 10, 11)
      "addq $4, %0\n\t"
      "addq $64, %1\n\t"
      "decq %2\n\t"
      "jnz 1b\n\t"
      KEEP(0, 0) KEEP(1, 32) KEEP(2, 64) KEEP(3, 96) KEEP(4, 128) KEEP(5, 160) KEEP(6, 192) KEEP(7, 224) KEEP(8, 256)
      KEEP(9, 288) KEEP(10, 320) KEEP(11, 352)
      "vzeroupper"
      : "+r"(left), "+r"(right), "+r"(depth)
      : "r"(sums)
      : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}
#endif

// sums[r][c] = the sum over k < depth of left[r][k] * right[k][c], for one tile.
static KERNEL void sum_tile(const float *restrict left, const float *restrict right, size_t depth,
                            Floats *restrict sums, const Tile tile) {
#if defined(__x86_64__) && !defined(__OPTIMIZE__)
  if (tile.is_fused) return sum_tile_unoptimized(left, right, depth, sums);
#endif
  UNROLL for (int i = 0; i < tile.rows * tile.vectors; i++) sums[i] = (Floats){};
  for (size_t k = 0; k < depth; k++) {
    const Floats *columns = (const Floats *)(right + k * tile.vectors * WIDTH);
    UNROLL for (int row = 0; row < tile.rows; row++) {
      // The difference to 0 is the value itself, in every lane. A sum would not be, for -0.
      const Floats factor = left[row * DEPTH + k] - (Floats){};
      UNROLL for (int vector = 0; vector < tile.vectors; vector++) {
        Floats *sum = &sums[row * tile.vectors + vector];
        *sum = tile.is_fused ? __builtin_elementwise_fma(factor, columns[vector], *sum)
                             : factor * columns[vector] + *sum;
      }
    }
  }
}

// result = the sums, or += them.
static KERNEL void multiply_tile(const float *restrict left, const float *restrict right, size_t depth, bool is_added,
                                 float *restrict result, size_t stride, const Tile tile) {
  Floats sums[MOST_ROWS * MOST_VECTORS];
  sum_tile(left, right, depth, sums, tile);
  UNROLL for (int row = 0; row < tile.rows; row++) {
    Floats *target = (Floats *)(result + row * stride);
    UNROLL for (int vector = 0; vector < tile.vectors; vector++) {
      const Floats sum = sums[row * tile.vectors + vector];
      target[vector] = is_added ? target[vector] + sum : sum;
    }
  }
}

// Exchanges the halves of length D of pairs of vectors: one step of transposing 16 x 16 values.
#define EXCHANGE(VECTORS, D, LOW, HIGH)                                         \
  UNROLL for (int i = 0; i < WIDTH; i++) {                                      \
    if (i & D) continue;                                                        \
    const Floats one = VECTORS[i], other = VECTORS[i + D];                      \
    VECTORS[i] = __builtin_shufflevector(one, other, LOW);                      \
    VECTORS[i + D] = __builtin_shufflevector(one, other, HIGH);                 \
  }
#define LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31

// target[k * width + c] = source[c * stride + k] for 16 columns and 16 k.
static KERNEL void transpose_block(const float *restrict source, size_t stride, float *restrict target, size_t width) {
  Floats block[WIDTH];
  UNROLL for (int i = 0; i < WIDTH; i++) block[i] = *(const Floats *)(source + i * stride);
  EXCHANGE(block, 8, LOW_8, HIGH_8)
  EXCHANGE(block, 4, LOW_4, HIGH_4)
  EXCHANGE(block, 2, LOW_2, HIGH_2)
  EXCHANGE(block, 1, LOW_1, HIGH_1)
  UNROLL for (int i = 0; i < WIDTH; i++) *(Floats *)(target + i * width) = block[i];
}

// Copies a block of the right matrix into slivers; what is missing in the last one is 0.
static KERNEL void copy_right(const struct decant_product *product, size_t first_column, size_t columns, size_t first_k,
                              size_t depth, float *restrict slivers, const Tile tile) {
  const size_t width = (size_t)tile.vectors * WIDTH, stride = product->right_stride;
  for (size_t column = 0; column < (columns + width - 1) / width * width; column += WIDTH) {
    float *target = slivers + column / width * width * DEPTH + column % width;
    const size_t count = column >= columns ? 0 : smaller_size(columns - column, WIDTH);
    if (product->has_plain_right) {
      const float *source = product->right + first_k * stride + first_column + column;
      for (size_t k = 0; k < depth; k++) {
        if (count == WIDTH) {
          *(Floats *)(target + k * width) = *(const Floats *)(source + k * stride);
          continue;
        }
        for (size_t i = 0; i < WIDTH; i++) target[k * width + i] = i < count ? source[k * stride + i] : 0;
      }
      continue;
    }
    const float *source = product->right + (first_column + column) * stride + first_k;
    size_t k = 0;
    for (; count == WIDTH && k + WIDTH <= depth; k += WIDTH)
      transpose_block(source + k, stride, target + k * width, width);
    for (; k < depth; k++) {
      for (size_t i = 0; i < WIDTH; i++) target[k * width + i] = i < count ? source[i * stride + k] : 0;
    }
  }
}

static KERNEL void multiply(const struct decant_product *product, const Tile tile) {
  const size_t width = (size_t)tile.vectors * WIDTH, height = (size_t)tile.rows;
  float *lefts = product->memory, *rights = lefts + DECANT_PRODUCT_ROWS * DEPTH;
  // Rows after the last one are multiplied too, and not written.
  memset(lefts, 0, DECANT_PRODUCT_ROWS * DEPTH * sizeof(float));
  for (size_t column = 0; column < product->columns; column += DECANT_PRODUCT_COLUMNS) {
    const size_t columns = smaller_size(product->columns - column, DECANT_PRODUCT_COLUMNS);
    for (size_t k = 0; k < product->depth; k += DEPTH) {
      const size_t depth = smaller_size(product->depth - k, DEPTH);
      const bool is_added = product->is_added || k > 0;
      copy_right(product, column, columns, k, depth, rights, tile);
      for (size_t row = 0; row < product->rows; row += DECANT_PRODUCT_ROWS) {
        const size_t rows = smaller_size(product->rows - row, DECANT_PRODUCT_ROWS);
        for (size_t i = 0; i < rows; i++)
          memcpy(lefts + i * DEPTH, product->left + (row + i) * product->left_stride + k, depth * sizeof(float));
        for (size_t c = 0; c < columns; c += width) {
          for (size_t r = 0; r < rows; r += height) {
            float *target = product->result + (row + r) * product->result_stride + column + c;
            const float *left = lefts + r * DEPTH, *right = rights + c * DEPTH;
            if (rows - r >= height && columns - c >= width) {
              multiply_tile(left, right, depth, is_added, target, product->result_stride, tile);
              continue;
            }
            float part[MOST_ROWS * MOST_VECTORS * WIDTH];
            multiply_tile(left, right, depth, false, part, width, tile);
            for (size_t i = 0; i < smaller_size(rows - r, height); i++) {
              for (size_t j = 0; j < smaller_size(columns - c, width); j++) {
                float *value = &target[i * product->result_stride + j];
                *value = is_added ? *value + part[i * width + j] : part[i * width + j];
              }
            }
          }
        }
      }
    }
  }
}

// Registers of 128 bits: 16 with SSE2, which has no fused multiply-add, 32 with NEON. Of 256 bits: 16. Of 512: 32.
#if defined(__aarch64__)
void decant_multiply_baseline(const struct decant_product *product) { multiply(product, (Tile){6, 1, true}); }
#else
void decant_multiply_baseline(const struct decant_product *product) { multiply(product, (Tile){2, 1, false}); }
#endif
// Sums that depend on no processor: tiles of any shape add up the same numbers in the same order.
void decant_multiply_unfused_baseline(const struct decant_product *product) { multiply(product, (Tile){2, 1, false}); }
#if defined(__x86_64__)
DECANT_V3 void decant_multiply_unfused_v3(const struct decant_product *product) { multiply(product, (Tile){6, 1, false}); }
#if defined(__OPTIMIZE__)
DECANT_V4 void decant_multiply_unfused_v4(const struct decant_product *product) { multiply(product, (Tile){12, 2, false}); }
#else
DECANT_V4 void decant_multiply_unfused_v4(const struct decant_product *product) { multiply(product, (Tile){6, 1, false}); }
#endif
#endif

#if defined(__x86_64__)
DECANT_V3 void decant_multiply_v3(const struct decant_product *product) { multiply(product, (Tile){6, 1, true}); }
#if defined(__OPTIMIZE__)
DECANT_V4 void decant_multiply_v4(const struct decant_product *product) { multiply(product, (Tile){12, 2, true}); }
#else
DECANT_V4 void decant_multiply_v4(const struct decant_product *product) { multiply(product, (Tile){6, 1, true}); }
#endif
#endif
