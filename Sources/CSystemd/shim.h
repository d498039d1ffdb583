// libsystemd: notices to the service manager, sockets from it, structured journal entries, signals on D-Bus.
#ifndef MAILMIRROR_CSYSTEMD_SHIM_H
#define MAILMIRROR_CSYSTEMD_SHIM_H
// Without this the functions that log are macros, which Swift cannot import.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <sys/uio.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#endif
