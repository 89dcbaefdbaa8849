// Texts that a calibration reads where none is given, each of another kind.

#ifndef DECANT_TEXTS_H
#define DECANT_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// UTF-8.
struct decant_text {
  const char *name;
  const uint8_t *bytes;
  size_t count;
};

size_t decant_text_count(void);
const struct decant_text *decant_text_at(size_t index);

#pragma clang assume_nonnull end

#endif
