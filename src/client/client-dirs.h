/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The directories and the config file, as the agent and its clients share them. */

#include <gio/gio.h>

#include "api-types.h"

G_BEGIN_DECLS

/* Makes @dir with mode 0700 where there is none; refuses (QMIG_EXIT_DENIED) one that others own or may write. */
gboolean qmig_client_make_private_dir (const char *dir, GError **error);

/* The whole config file, for the agent to read what else is in it; one that is not there is empty.  (transfer full) */
GKeyFile *qmig_client_load_config (GError **error);

/* What [agent] says under @key; NULL where it says nothing.  (transfer full) (nullable) */
char *qmig_client_get_agent_setting (const char *key);
gboolean qmig_client_set_agent_setting (const char *key, const char *value, GError **error);

/* Hosts of the config file, in its order, name, uri and labels filled in: GPtrArray of QmigHostEntry.  Empty where there is no file. */
GPtrArray *qmig_client_list_hosts (GError **error);

/* QMIG_EXIT_USAGE for what no host of the config file can be called. */
gboolean qmig_client_check_host_name (const char *name, GError **error);

/*
 * Writes [host NAME] uri= and labels= (nullable); comments and everything else
 * stay.  QMIG_EXIT_USAGE for a name, URI or label that cannot be,
 * QMIG_EXIT_CONFLICT for a host that is there.
 */
gboolean qmig_client_add_host (const char *name, const char *uri, char **labels, GError **error);
/* The same for one that may be there: it gets another uri and keeps the rest. */
gboolean qmig_client_set_host_uri (const char *name, const char *uri, GError **error);
/* QMIG_EXIT_NOT_FOUND names near misses. */
gboolean qmig_client_remove_host (const char *name, GError **error);

/* What qmig is called on the host of @uri: the qmig= of a host of the config file that has this very URI, or "qmig".  (transfer full) */
char *qmig_client_get_far_program (const char *uri, GError **error);

G_END_DECLS
