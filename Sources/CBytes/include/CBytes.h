// Calls into the operating system that Swift's view of the C library leaves out.

#ifndef DECANT_CBYTES_H
#define DECANT_CBYTES_H

/// From now on memory that was given back is kept for what asks next, up to some dozens of MB: buffers of some MB that come and go
/// cost a page fault for every page otherwise. Does nothing where the C library has no such setting.
void decant_keep_freed_memory(void);

/// Number of words that the process was started with, its own name included; -1 where the system does not say.
int decant_argument_count(void);

/// The word of that number; NULL where there is none.
const char *decant_argument(int number);

/// Has the file system set aside the room of a file's first bytes, so that writing them needs no looking for it. Answers
/// -1 and sets `errno` where there is too little of it, or a signal came; does nothing where the file system cannot.
int decant_reserve(int descriptor, long long byteCount);

/// Has the system begin to write to disk what has been written into the file so far, without waiting for it. Does
/// nothing where the system has no such call.
void decant_start_writing(int descriptor);

/// Gives two files or folders each other's names at once. Answers -1 and sets `errno` where that fails; not every file
/// system can.
int decant_exchange(const char *one, const char *other);

/// Gives a file another name, which nothing has yet: answers -1 and EEXIST otherwise. Not every file system can.
int decant_rename_new(const char *from, const char *to);

/// From now on SIGINT and SIGTERM end the process at once with 128 plus their number, or, while outputs are being
/// written, are noted for `decant_interruption`; a second one always ends it. SIGPIPE is ignored: writing to a closed
/// pipe fails instead.
void decant_catch_signals(void);

/// What a signal that ends the process at once writes to standard error before; nothing at first, and no more than 1,024
/// bytes. One thread at a time may set it.
void decant_set_last_words(const char *text, long length);

/// Counts one more (1) or one less (-1) output that is being written.
void decant_count_outputs(int change);

/// The number of the signal that was noted; 0 for none.
int decant_interruption(void);

#endif
