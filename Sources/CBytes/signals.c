#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "CBytes.h"

static atomic_int interruption;
static atomic_int outputs;

// What is being said may be replaced while a handler reads it: the two take turns.
enum { longest_words = 1024 };
static char words[2][longest_words];
static atomic_int current_words;

// Only what POSIX allows in a handler: lock-free atomics, write and _exit.
static void handle(int number) {
  int none = 0;
  int ends_at_once = atomic_load(&outputs) == 0;
  if (!ends_at_once && atomic_compare_exchange_strong(&interruption, &none, number)) return;
  if (ends_at_once) {
    const char *text = words[atomic_load(&current_words)];
    size_t length = 0;
    while (length < longest_words && text[length] != 0) length++;
    if (length > 0 && write(STDERR_FILENO, text, length) < 0) _exit(128 + number);
  }
  _exit(128 + number);
}

void decant_set_last_words(const char *text, long length) {
  int next = 1 - atomic_load(&current_words);
  size_t count = length < 0 ? 0 : length < longest_words ? (size_t)length : longest_words;
  memcpy(words[next], text, count);
  memset(words[next] + count, 0, longest_words - count);
  atomic_store(&current_words, next);
}

void decant_catch_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  // Calls that were under way are not cut short: the writer looks for itself whether it is to stop.
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  // Who started this may have asked that it be left alone: a shell does, of what it runs in the background.
  for (int i = 0; i < 2; i++) {
    struct sigaction inherited;
    int number = i == 0 ? SIGINT : SIGTERM;
    if (sigaction(number, NULL, &inherited) == 0 && inherited.sa_handler == SIG_IGN) continue;
    sigaction(number, &action, NULL);
  }
  // The call that such a signal comes with fails, and that is told in words.
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, NULL);
  sigaction(SIGXFSZ, &action, NULL);
}

void decant_count_outputs(int change) { atomic_fetch_add(&outputs, change); }

int decant_interruption(void) { return atomic_load(&interruption); }
