/* One form of an account's or group's name for comparing, as Windows and people compare them: without regard to case, in Unicode. */
#ifndef FAIRLEAD_AUTH_NAME_FOLD_H
#define FAIRLEAD_AUTH_NAME_FOLD_H

#include "base/error.h"
#include "base/span.h"

enum { NAME_MOST = 256 }; /* bytes of UTF-8, folded or not */

/* Bytes written to `out`, not terminated (simple case folding, one character to one); -EINVAL for what is not UTF-8, is empty or too long. */
MUST_CHECK int name_fold(struct span name, char out[NAME_MOST]);

#endif
