/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A link that can be hurt: takes connections on one unix socket and carries them to another. */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  RELAY_CARRIES,
  RELAY_IS_SILENT,     /* nothing comes through, and nobody is told, as with a cut cable */
  RELAY_DROPS_ANSWERS, /* what the far side says is lost, the way there carries */
  RELAY_IS_BROKEN,     /* connections are closed, and new ones at once */
} RelayMode;

typedef struct _Relay Relay;

/* Listens on @path from now on.  @to: need not be there yet */
Relay *relay_new (const char *path, const char *to);
/* Closes all connections. */
void relay_free (Relay *relay);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Relay, relay_free)

/* Connections that have lost bytes do not carry again: RELAY_CARRIES closes them, and takes new ones. */
void relay_set (Relay *relay, RelayMode mode);
/* Bytes of the far side that were lost. */
guint relay_get_dropped (Relay *relay);

G_END_DECLS
