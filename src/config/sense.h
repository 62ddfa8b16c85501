/* What must hold between the settings, and what is allowed but hardly meant; and the values that are filled in from others. */
#ifndef FAIRLEAD_CONFIG_SENSE_H
#define FAIRLEAD_CONFIG_SENSE_H

#include "config/settings.h"

void settings_make_sense(struct settings *s, struct complaints *c);

#endif
