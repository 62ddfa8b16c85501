/* What somebody may have meant by a name that is no setting. */
#ifndef FAIRLEAD_CONFIG_SUGGEST_H
#define FAIRLEAD_CONFIG_SUGGEST_H

#include "base/buf.h"
#include "config/table.h"

/* Appends advice to an error about `name` found in `block`: the setting of Fairlead that does what another program's word
 * does, the nearest right name there, or the block where the name belongs. Appends nothing if there is nothing to say. */
void suggest_setting(const struct settings_block *block, const char *name, struct buf *to);

/* The nearest of some words separated by '|', if it is near enough to be meant; an empty span otherwise. */
struct span suggest_word(const char *words, const char *written);

#endif
