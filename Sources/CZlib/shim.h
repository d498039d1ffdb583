// The system's zlib. Macros that Swift cannot import are wrapped below.
#ifndef MAILMIRROR_CZLIB_SHIM_H
#define MAILMIRROR_CZLIB_SHIM_H
#include <zlib.h>

/// Raw deflate (RFC 1951) has no header: `window` is the exponent of the largest distance, 9 to 15.
static inline int mm_inflateInit_raw(z_stream *stream, int window) { return inflateInit2(stream, -window); }
static inline int mm_deflateInit_raw(z_stream *stream, int level, int window, int memory) {
  return deflateInit2(stream, level, Z_DEFLATED, -window, memory, Z_DEFAULT_STRATEGY);
}
#endif
