/* What every function here agrees on about failing.
 *
 * Errors: 0 is success. A negative errno is fatal to the operation: pass it on. A positive value is a documented
 * condition of that one function, handled by its caller. The HTTP status is chosen in one place, from an end reason. */
#ifndef FAIRLEAD_BASE_ERROR_H
#define FAIRLEAD_BASE_ERROR_H

#include <errno.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NORETURN __attribute__((noreturn))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* States an intention; stays on in every build. */
#define ASSERT(x)                                            \
	do {                                                     \
		if (UNLIKELY(!(x)))                                  \
			assert_failed(#x, __FILE__, __LINE__, __func__); \
	} while (0)

void assert_failed(const char *what, const char *file, int line, const char *function) NORETURN;

/* Prints to standard error and aborts: for the states from which nothing can be saved (no memory for a worker). */
void die(const char *format, ...) PRINTF_LIKE(1, 2) NORETURN;

#endif
