/* What must hold between the settings, what is allowed but hardly meant, and what is filled in from elsewhere.
 *
 * Errors: complaints. */
#ifndef FAIRLEAD_CONFIG_SENSE_H
#define FAIRLEAD_CONFIG_SENSE_H

#include "config/outline.h"
#include "config/settings.h"

/* Parses listeners' and members' addresses and checks everything against everything. */
void settings_make_sense(struct settings *s, const struct entry *root, struct complaints *c);

/* Its parts. */
void settings_fill_in(struct settings *s, const struct entry *root, struct complaints *c);
/* Before listeners are checked: those of sites are made here. */
void settings_read_sites(struct settings *s, struct complaints *c);
void settings_check_listens(struct settings *s, struct complaints *c);
void settings_check_upstreams(struct settings *s, struct complaints *c);
void settings_check_sign_on(struct settings *s, struct complaints *c);
void settings_check_rules(struct settings *s, struct complaints *c);

#endif
