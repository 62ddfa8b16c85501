/* The media type of a file, by the extension of its name (RFC 9110 section 8.3). */
#ifndef FAIRLEAD_SITE_MEDIA_TYPE_H
#define FAIRLEAD_SITE_MEDIA_TYPE_H

#include "base/span.h"

/* Text says charset=utf-8; an extension that is not known, and none, is application/octet-stream. `name` may be a path. */
struct span media_type_of(struct span name);

#endif
