// Groups of elements along a row that share a scale, with a byte for each code: codes out of and into the ways they are
// packed, and values of codes.

#include "instruction_sets.h"

#pragma STDC FP_CONTRACT OFF

// `count` codes of a stream of `bits` bits each, the earlier in the lower bits.
static KERNEL void unpack_stream(const uint8_t *restrict bytes, size_t count, unsigned bits, uint8_t *restrict codes) {
  size_t whole = count / 8;
  uint64_t mask = (1u << bits) - 1;
  for (size_t run = 0; run < whole; run++) {
    uint64_t stream = 0;
    for (unsigned i = 0; i < bits; i++) stream |= (uint64_t)bytes[run * bits + i] << 8 * i;
    for (unsigned i = 0; i < 8; i++) codes[8 * run + i] = (uint8_t)(stream >> bits * i & mask);
  }
  for (size_t i = 8 * whole; i < count; i++) {
    size_t bit = i * bits;
    uint32_t stream = bytes[bit / 8];
    if (bit % 8 + bits > 8) stream |= (uint32_t)bytes[bit / 8 + 1] << 8;
    codes[i] = (uint8_t)(stream >> bit % 8 & mask);
  }
}

static KERNEL void unpack_codes(const uint8_t *restrict bytes, size_t count, unsigned bits, uint8_t *restrict codes) {
  // A constant number of bits lets the compiler unroll.
  switch (bits) {
    case 1: return unpack_stream(bytes, count, 1, codes);
    case 2: return unpack_stream(bytes, count, 2, codes);
    case 3: return unpack_stream(bytes, count, 3, codes);
    case 4:
      for (size_t i = 0; i < count / 2; i++) {
        codes[2 * i] = bytes[i] & 15;
        codes[2 * i + 1] = bytes[i] >> 4;
      }
      if (count % 2) codes[count - 1] = bytes[count / 2] & 15;
      return;
    case 5: return unpack_stream(bytes, count, 5, codes);
    case 6: return unpack_stream(bytes, count, 6, codes);
    case 7: return unpack_stream(bytes, count, 7, codes);
    default: memcpy(codes, bytes, count);
  }
}
DECANT_COMPILE(void, unpack_codes, (const uint8_t *bytes, size_t count, unsigned bits, uint8_t *codes),
               (bytes, count, bits, codes))

static KERNEL void pack_stream(const uint8_t *restrict codes, size_t count, unsigned bits, uint8_t *restrict bytes) {
  size_t whole = count / 8;
  for (size_t run = 0; run < whole; run++) {
    uint64_t stream = 0;
    for (unsigned i = 0; i < 8; i++) stream |= (uint64_t)codes[8 * run + i] << bits * i;
    for (unsigned i = 0; i < bits; i++) bytes[run * bits + i] = (uint8_t)(stream >> 8 * i);
  }
  size_t rest = count - 8 * whole;
  uint64_t stream = 0;
  for (size_t i = 0; i < rest; i++) stream |= (uint64_t)codes[8 * whole + i] << bits * i;
  for (size_t i = 0; i < (rest * bits + 7) / 8; i++) bytes[whole * bits + i] = (uint8_t)(stream >> 8 * i);
}

static KERNEL void pack_codes(const uint8_t *restrict codes, size_t count, unsigned bits, uint8_t *restrict bytes) {
  switch (bits) {
    case 1: return pack_stream(codes, count, 1, bytes);
    case 2: return pack_stream(codes, count, 2, bytes);
    case 3: return pack_stream(codes, count, 3, bytes);
    case 4:
      // Both codes are in a word of 16 bits, the second one 4 bits too high.
      LANES for (size_t i = 0; i < count / 2; i++) {
        uint32_t pair = load_u16(codes + 2 * i);
        bytes[i] = (uint8_t)(pair | pair >> 4);
      }
      if (count % 2) bytes[count / 2] = codes[count - 1];
      return;
    case 5: return pack_stream(codes, count, 5, bytes);
    case 6: return pack_stream(codes, count, 6, bytes);
    case 7: return pack_stream(codes, count, 7, bytes);
    default: memcpy(bytes, codes, count);
  }
}
DECANT_COMPILE(void, pack_codes, (const uint8_t *codes, size_t count, unsigned bits, uint8_t *bytes),
               (codes, count, bits, bytes))

// Runs of 32 codes of a column that are moved together: rows of codes may all fall on the same lines of a cache, which has
// to fetch each no more than once.
#define RUNS_AT_ONCE 4
#define COLUMNS_AT_ONCE 16

// Words of 32 bits whose codes run down a column: `bits` rows of words have 32 codes of each of `columns` columns, a stream
// of bits from word to word. `codes` gets a row of `stride` bytes for each column.
static KERNEL void unpack_word_columns(const uint8_t *restrict words, size_t word_rows, size_t columns, unsigned bits,
                                       uint8_t *restrict codes, size_t stride) {
  size_t runs = word_rows / bits;
  for (size_t first = 0; first < runs; first += RUNS_AT_ONCE) {
    size_t last = smaller_size(first + RUNS_AT_ONCE, runs);
    size_t tall = (last - first) * bits;
    for (size_t column = 0; column < columns; column += COLUMNS_AT_ONCE) {
      size_t wide = smaller_size(COLUMNS_AT_ONCE, columns - column);
      uint32_t tile[COLUMNS_AT_ONCE][8 * RUNS_AT_ONCE];
      for (size_t row = 0; row < tall; row++) {
        uint32_t line[COLUMNS_AT_ONCE];
        memcpy(line, words + 4 * ((first * bits + row) * columns + column), 4 * wide);
        for (size_t i = 0; i < wide; i++) tile[i][row] = line[i];
      }
      for (size_t i = 0; i < wide; i++) {
        unpack_codes((const uint8_t *)tile[i], 32 * (last - first), bits, codes + (column + i) * stride + 32 * first);
      }
    }
  }
}

// The same of bytes, of which a word has four as they are.
static KERNEL void unpack_byte_columns(const uint8_t *restrict words, size_t word_rows, size_t columns,
                                       uint8_t *restrict codes, size_t stride) {
  for (size_t first = 0; first < word_rows; first += 8 * RUNS_AT_ONCE) {
    size_t last = smaller_size(first + 8 * RUNS_AT_ONCE, word_rows);
    for (size_t column = 0; column < columns; column++) {
      for (size_t row = first; row < last; row++) {
        memcpy(codes + column * stride + 4 * row, words + 4 * (row * columns + column), 4);
      }
    }
  }
}

static KERNEL void unpack_columns(const uint8_t *restrict words, size_t word_rows, size_t columns, unsigned bits,
                                  uint8_t *restrict codes, size_t stride) {
  switch (bits) {
    case 2: return unpack_word_columns(words, word_rows, columns, 2, codes, stride);
    case 3: return unpack_word_columns(words, word_rows, columns, 3, codes, stride);
    case 4: return unpack_word_columns(words, word_rows, columns, 4, codes, stride);
    case 8: return unpack_byte_columns(words, word_rows, columns, codes, stride);
    default: return unpack_word_columns(words, word_rows, columns, bits, codes, stride);
  }
}
DECANT_COMPILE(void, unpack_columns,
               (const uint8_t *words, size_t word_rows, size_t columns, unsigned bits, uint8_t *codes, size_t stride),
               (words, word_rows, columns, bits, codes, stride))

static KERNEL void pack_word_columns(const uint8_t *restrict codes, size_t stride, size_t word_rows, size_t columns,
                                     unsigned bits, uint8_t *restrict words) {
  size_t runs = word_rows / bits;
  for (size_t first = 0; first < runs; first += RUNS_AT_ONCE) {
    size_t last = smaller_size(first + RUNS_AT_ONCE, runs);
    size_t tall = (last - first) * bits;
    for (size_t column = 0; column < columns; column += COLUMNS_AT_ONCE) {
      size_t wide = smaller_size(COLUMNS_AT_ONCE, columns - column);
      uint32_t tile[COLUMNS_AT_ONCE][8 * RUNS_AT_ONCE];
      for (size_t i = 0; i < wide; i++) {
        pack_codes(codes + (column + i) * stride + 32 * first, 32 * (last - first), bits, (uint8_t *)tile[i]);
      }
      for (size_t row = 0; row < tall; row++) {
        uint32_t line[COLUMNS_AT_ONCE];
        for (size_t i = 0; i < COLUMNS_AT_ONCE; i++) line[i] = tile[i][row];
        memcpy(words + 4 * ((first * bits + row) * columns + column), line, 4 * wide);
      }
    }
  }
}

static KERNEL void pack_byte_columns(const uint8_t *restrict codes, size_t stride, size_t word_rows, size_t columns,
                                     uint8_t *restrict words) {
  for (size_t first = 0; first < word_rows; first += 8 * RUNS_AT_ONCE) {
    size_t last = smaller_size(first + 8 * RUNS_AT_ONCE, word_rows);
    for (size_t column = 0; column < columns; column++) {
      for (size_t row = first; row < last; row++) {
        memcpy(words + 4 * (row * columns + column), codes + column * stride + 4 * row, 4);
      }
    }
  }
}

static KERNEL void pack_columns(const uint8_t *restrict codes, size_t stride, size_t word_rows, size_t columns,
                                unsigned bits, uint8_t *restrict words) {
  switch (bits) {
    case 2: return pack_word_columns(codes, stride, word_rows, columns, 2, words);
    case 3: return pack_word_columns(codes, stride, word_rows, columns, 3, words);
    case 4: return pack_word_columns(codes, stride, word_rows, columns, 4, words);
    case 8: return pack_byte_columns(codes, stride, word_rows, columns, words);
    default: return pack_word_columns(codes, stride, word_rows, columns, bits, words);
  }
}
DECANT_COMPILE(void, pack_columns,
               (const uint8_t *codes, size_t stride, size_t word_rows, size_t columns, unsigned bits, uint8_t *words),
               (codes, stride, word_rows, columns, bits, words))

// Words of eight codes of four bits: nibble n of a word is the code of column `order[n]` of its eight columns. `codes` gets a
// row of `stride` bytes for each of the 8 * `words_per_row` columns.
#define ROWS_AT_ONCE 64

static KERNEL void unpack_word_rows(const uint8_t *restrict words, size_t rows, size_t words_per_row,
                                    const uint8_t *restrict order, uint8_t *restrict codes, size_t stride) {
  // Some rows at a time, so that what is read and written stays near.
  for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
    size_t count = smaller_size(ROWS_AT_ONCE, rows - first);
    for (size_t word = 0; word < words_per_row; word++) {
      uint32_t packed[ROWS_AT_ONCE];
      for (size_t i = 0; i < count; i++) memcpy(packed + i, words + 4 * ((first + i) * words_per_row + word), 4);
      for (unsigned nibble = 0; nibble < 8; nibble++) {
        uint8_t *target = codes + (8 * word + order[nibble]) * stride + first;
        for (size_t i = 0; i < count; i++) target[i] = packed[i] >> 4 * nibble & 15;
      }
    }
  }
}
DECANT_COMPILE(void, unpack_word_rows,
               (const uint8_t *words, size_t rows, size_t words_per_row, const uint8_t *order, uint8_t *codes,
                size_t stride),
               (words, rows, words_per_row, order, codes, stride))

static KERNEL void pack_word_rows(const uint8_t *restrict codes, size_t stride, size_t rows, size_t words_per_row,
                                  const uint8_t *restrict order, uint8_t *restrict words) {
  for (size_t first = 0; first < rows; first += ROWS_AT_ONCE) {
    size_t count = smaller_size(ROWS_AT_ONCE, rows - first);
    for (size_t word = 0; word < words_per_row; word++) {
      uint32_t packed[ROWS_AT_ONCE] = {0};
      for (unsigned nibble = 0; nibble < 8; nibble++) {
        const uint8_t *source = codes + (8 * word + order[nibble]) * stride + first;
        for (size_t i = 0; i < count; i++) packed[i] |= (uint32_t)source[i] << 4 * nibble;
      }
      for (size_t i = 0; i < count; i++) memcpy(words + 4 * ((first + i) * words_per_row + word), packed + i, 4);
    }
  }
}
DECANT_COMPILE(void, pack_word_rows,
               (const uint8_t *codes, size_t stride, size_t rows, size_t words_per_row, const uint8_t *order,
                uint8_t *words),
               (codes, stride, rows, words_per_row, order, words))

// Squares of a matrix at a time, so that what is read and written stays near.
#define SQUARE 16

#define TRANSPOSE(name, element)                                                                                       \
  static KERNEL void name(const element *restrict matrix, size_t rows, size_t columns, element *restrict turned) {     \
    for (size_t row = 0; row < rows; row += SQUARE) {                                                                  \
      for (size_t column = 0; column < columns; column += SQUARE) {                                                    \
        size_t height = smaller_size(SQUARE, rows - row), width = smaller_size(SQUARE, columns - column);              \
        for (size_t j = 0; j < width; j++) {                                                                           \
          for (size_t i = 0; i < height; i++) {                                                                        \
            turned[(column + j) * rows + row + i] = matrix[(row + i) * columns + column + j];                          \
          }                                                                                                            \
        }                                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  DECANT_COMPILE(void, name, (const element *matrix, size_t rows, size_t columns, element *turned),                    \
                 (matrix, rows, columns, turned))

TRANSPOSE(transpose_floats, float)
TRANSPOSE(transpose_codes, uint8_t)

static KERNEL void add_to_codes(uint8_t *restrict codes, size_t count, unsigned addend) {
  for (size_t i = 0; i < count; i++) codes[i] = (uint8_t)(codes[i] + addend);
}
DECANT_COMPILE(void, add_to_codes, (uint8_t *codes, size_t count, unsigned addend), (codes, count, addend))

static KERNEL void add_to_words(uint8_t *restrict words, size_t count, uint32_t addend) {
  for (size_t i = 0; i < count; i++) {
    uint32_t word;
    memcpy(&word, words + 4 * i, 4);
    word += addend;
    memcpy(words + 4 * i, &word, 4);
  }
}
DECANT_COMPILE(void, add_to_words, (uint8_t *words, size_t count, uint32_t addend), (words, count, addend))

static KERNEL bool is_uniform(const uint8_t *codes, size_t count) {
  uint8_t differs = 0;
  LANES for (size_t i = 1; i < count; i++) differs |= codes[i] ^ codes[0];
  return differs == 0;
}
DECANT_COMPILE(bool, is_uniform, (const uint8_t *codes, size_t count), (codes, count))

static KERNEL bool codes_of_zeros(const float *restrict zeros, size_t count, unsigned bits, unsigned addend,
                                  uint8_t *restrict codes) {
  float most = (float)((1u << bits) - 1);
  uint32_t lost = 0;
  LANES for (size_t i = 0; i < count; i++) {
    float zero = zeros[i] >= 0 && zeros[i] <= most ? zeros[i] : 0;
    int32_t code = (int32_t)zero;
    lost |= (uint32_t) !((float)code == zeros[i]);
    codes[i] = (uint8_t)(((uint32_t)code + addend) & ((1u << bits) - 1));
  }
  return lost == 0;
}
DECANT_COMPILE(bool, codes_of_zeros,
               (const float *zeros, size_t count, unsigned bits, unsigned addend, uint8_t *codes),
               (zeros, count, bits, addend, codes))

// Whether a scale times any code is no longer than a float, so that it does not matter in which order it is computed.
static KERNEL bool is_short(float scale, unsigned bits) {
  return (bits_of(scale) & ((1u << bits) - 1)) == 0 && __builtin_fabsf(scale) < 1e30f;
}

static KERNEL bool zeros_of_biases(const float *restrict scales, float *restrict offsets, size_t count, unsigned bits) {
  uint32_t fits = 1;
  // Where all values are zero any code would do.
  float middle = (float)(1u << (bits - 1));
  for (size_t i = 0; i < count; i++) {
    float scale = scales[i], bias = offsets[i];
    float zero = scale == 0 ? middle : __builtin_rintf(-bias / scale);
    fits &= (double)zero * (double)scale == -(double)bias && is_short(scale, bits);
    offsets[i] = zero;
  }
  return fits != 0;
}
DECANT_COMPILE(bool, zeros_of_biases, (const float *scales, float *offsets, size_t count, unsigned bits),
               (scales, offsets, count, bits))

static KERNEL bool biases_of_zeros(const float *restrict scales, float *restrict offsets, size_t count, unsigned bits,
                                   float shift) {
  uint32_t fits = 1;
  for (size_t i = 0; i < count; i++) {
    double bias = -(double)(offsets[i] + shift) * (double)scales[i];
    fits &= (double)(float)bias == bias && is_short(scales[i], bits);
    offsets[i] = (float)bias;
  }
  return fits != 0;
}
DECANT_COMPILE(bool, biases_of_zeros, (const float *scales, float *offsets, size_t count, unsigned bits, float shift),
               (scales, offsets, count, bits, shift))

static KERNEL float level_of(uint8_t code, const float *table) { return table ? table[code] : (float)(int32_t)code; }

// A run of codes of one group.
static KERNEL void decode_run(const uint8_t *restrict codes, size_t count, const float *table, float scale, float offset,
                              enum decant_offset kind, float *restrict values) {
  switch (kind) {
    case DECANT_NO_OFFSET:
      for (size_t i = 0; i < count; i++) values[i] = level_of(codes[i], table) * scale;
      break;
    case DECANT_ZERO:
      for (size_t i = 0; i < count; i++) values[i] = (level_of(codes[i], table) - offset) * scale;
      break;
    case DECANT_BIAS:
      for (size_t i = 0; i < count; i++) values[i] = level_of(codes[i], table) * scale + offset;
      break;
  }
}

// Rows of `columns` codes that begin `first` elements into a group of `group`; each row has the scales, and offsets where
// there are any, of the groups that it touches.
static KERNEL void decode_groups(const uint8_t *restrict codes, size_t rows, size_t columns, size_t first, size_t group,
                                 const float *_Nullable table, const float *restrict scales,
                                 const float *_Nullable offsets, enum decant_offset kind, float *restrict values) {
  size_t groups = (first + columns + group - 1) / group;
  for (size_t row = 0; row < rows; row++) {
    size_t column = 0;
    for (size_t g = 0; g < groups; g++) {
      size_t end = smaller_size((g + 1) * group - first, columns);
      float offset = offsets ? offsets[row * groups + g] : 0.0f, scale = scales[row * groups + g];
      size_t place = row * columns + column;
      if (table) {
        decode_run(codes + place, end - column, table, scale, offset, kind, values + place);
      } else {
        decode_run(codes + place, end - column, NULL, scale, offset, kind, values + place);
      }
      column = end;
    }
  }
}
DECANT_COMPILE(void, decode_groups,
               (const uint8_t *codes, size_t rows, size_t columns, size_t first, size_t group,
                const float *_Nullable table, const float *scales, const float *_Nullable offsets,
                enum decant_offset kind, float *values),
               (codes, rows, columns, first, group, table, scales, offsets, kind, values))

// The same where column c belongs to group `group_of[c]` of `groups` in each row.
static KERNEL void decode_indexed_groups(const uint8_t *restrict codes, size_t rows, size_t columns,
                                         const int32_t *restrict group_of, size_t groups, const float *_Nullable table,
                                         const float *restrict scales, const float *_Nullable offsets,
                                         enum decant_offset kind, float *restrict values) {
  for (size_t row = 0; row < rows; row++) {
    const float *row_scales = scales + row * groups;
    for (size_t column = 0; column < columns; column++) {
      size_t group = (size_t)group_of[column], place = row * columns + column;
      float offset = offsets ? offsets[row * groups + group] : 0.0f;
      decode_run(codes + place, 1, table, row_scales[group], offset, kind, values + place);
    }
  }
}
DECANT_COMPILE(void, decode_indexed_groups,
               (const uint8_t *codes, size_t rows, size_t columns, const int32_t *group_of, size_t groups,
                const float *_Nullable table, const float *scales, const float *_Nullable offsets,
                enum decant_offset kind, float *values),
               (codes, rows, columns, group_of, groups, table, scales, offsets, kind, values))
