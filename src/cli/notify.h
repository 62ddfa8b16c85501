/* What the service manager is told (sd_notify(3)); nothing where there is none. */
#ifndef FAIRLEAD_CLI_NOTIFY_H
#define FAIRLEAD_CLI_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
