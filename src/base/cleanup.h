/* Locals that clean themselves up.
 *
 *     AUTO(settings) struct settings *s = NULL;     runs settings_unref(s) when the scope ends, if DEFINE_AUTO named it so
 *     return TAKE(s);                               moves the ownership out
 */
#ifndef FAIRLEAD_BASE_CLEANUP_H
#define FAIRLEAD_BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* Makes AUTO(name) for pointers of `type`, freed by `release`, which accepts NULL. */
#define DEFINE_AUTO(name, type, release)                \
	static inline void auto_release_##name(type *where) \
	{                                                   \
		if (*where)                                     \
			release(*where);                            \
	}                                                   \
	struct auto_requires_semicolon_##name

#define AUTO(name) __attribute__((cleanup(auto_release_##name)))

#define TAKE(pointer)                           \
	({                                          \
		__typeof__(pointer) taken_ = (pointer); \
		(pointer) = NULL;                       \
		taken_;                                 \
	})

static inline void auto_release_heap(void *where)
{
	free(*(void **)where);
}

static inline void auto_release_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

#endif
