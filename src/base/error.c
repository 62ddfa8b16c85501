#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void assert_failed(const char *what, const char *file, int line, const char *function)
{
	fprintf(stderr, "fairlead: assertion failed: %s (%s:%d, %s)\n", what, file, line, function);
	abort();
}

void die(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	fputs("fairlead: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}
