/* Tells the sanitizers and valgrind that a switch of stacks is not an accident. Nothing at all in an ordinary build, but
 * for valgrind's registration of a new stack (a few instructions without effect outside valgrind). */
#ifndef FAIRLEAD_NET_ANNOTATE_H
#define FAIRLEAD_NET_ANNOTATE_H

#include <stddef.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define NOTE_STACK(base, size) VALGRIND_STACK_REGISTER((base), (char *)(base) + (size))
#define NOTE_STACK_GONE(id) VALGRIND_STACK_DEREGISTER(id)
#endif
#endif
#ifndef NOTE_STACK
#define NOTE_STACK(base, size) 0
#define NOTE_STACK_GONE(id) ((void)(id))
#endif

#ifdef FAIRLEAD_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define ASAN_LEAVE(keep, base, size) __sanitizer_start_switch_fiber((keep), (base), (size))
#define ASAN_ARRIVE(kept, base, size) __sanitizer_finish_switch_fiber((kept), (base), (size))
#define ASAN_FORGET(base, size) __asan_unpoison_memory_region((base), (size))
#else
#define ASAN_LEAVE(keep, base, size) ((void)0)
#define ASAN_ARRIVE(kept, base, size) ((void)0)
#define ASAN_FORGET(base, size) ((void)0)
#endif

#ifdef FAIRLEAD_TSAN
#include <sanitizer/tsan_interface.h>
#define TSAN_NEW() __tsan_create_fiber(0)
#define TSAN_SELF() __tsan_get_current_fiber()
#define TSAN_SWITCH(to) __tsan_switch_to_fiber((to), 0)
#define TSAN_GONE(which) __tsan_destroy_fiber(which)
#else
#define TSAN_NEW() NULL
#define TSAN_SELF() NULL
#define TSAN_SWITCH(to) ((void)0)
#define TSAN_GONE(which) ((void)0)
#endif

#endif
