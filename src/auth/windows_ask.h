/* This thread's pipe to winbindd. */
#ifndef FAIRLEAD_AUTH_WINDOWS_ASK_H
#define FAIRLEAD_AUTH_WINDOWS_ASK_H

#include <stdbool.h>

struct wbcContext;

/* Made at first use, closed when the thread ends. NULL without memory. */
struct wbcContext *windows_winbind(void);
/* Closes it, so that the next use opens another. */
void windows_winbind_drop(void);
/* Whether the names of all these groups are remembered, so that nobody has to be asked. */
bool windows_group_names_known(const char *const *sids, unsigned n);

#endif
