// Texts of the files beside this one.

#include "CTexts.h"

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif

static const uint8_t articles[] = {
#embed "articles.txt"
};
static const uint8_t prose[] = {
#embed "prose.txt"
};
static const uint8_t documentation[] = {
#embed "documentation.txt"
};
static const uint8_t code[] = {
#embed "code.txt"
};

static const struct decant_text texts[] = {
    {"articles", articles, sizeof articles},
    {"prose", prose, sizeof prose},
    {"documentation", documentation, sizeof documentation},
    {"code", code, sizeof code},
};

size_t decant_text_count(void) { return sizeof texts / sizeof texts[0]; }

const struct decant_text *decant_text_at(size_t index) { return &texts[index]; }
