/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one table of what can be asked. */

#include "agent-private.h"

#include <string.h>

#define READ AGENT_NEED_READ
#define TRY AGENT_NEED_TRY
#define CHANGE AGENT_NEED_CHANGE
#define ADMIN AGENT_NEED_ADMIN

static const AgentRoute routes[] = {
  /* method, path, need, blocks, handler, or the one that answers later, urgent */
  { "GET", "/v1/host", READ, FALSE, agent_get_host },
  { "GET", "/v1/probe", READ, TRUE, agent_get_probe },
  { "GET", "/v1/doctor", READ, TRUE, agent_get_doctor },
  { "POST", "/v1/enroll/offer", ADMIN, TRUE, agent_post_enroll_offer },
  { "POST", "/v1/enroll/accept", ADMIN, TRUE, agent_post_enroll_accept },
  { "POST", "/v1/agent/reload", ADMIN, FALSE, agent_post_reload },
  { "POST", "/v1/agent/stop", ADMIN, FALSE, agent_post_stop },
  { "GET", "/v1/changes", READ, TRUE, agent_list_changes },

  { "GET", "/v1/hosts", READ, TRUE, agent_list_hosts },
  { "POST", "/v1/hosts", ADMIN, TRUE, agent_add_host },
  { "DELETE", "/v1/hosts/*", ADMIN, TRUE, agent_remove_host },
  { "POST", "/v1/hosts/*/test", TRY, TRUE, agent_test_host },

  { "GET", "/v1/policies", READ, TRUE, agent_list_policies },
  { "GET", "/v1/policies/*", READ, TRUE, agent_get_policy },

  { "GET", "/v1/vms", READ, TRUE, agent_list_vms },
  { "POST", "/v1/vms", CHANGE, TRUE, agent_post_vm },
  { "GET", "/v1/vms/*", READ, TRUE, agent_get_vm },
  { "DELETE", "/v1/vms/*", CHANGE, TRUE, agent_remove_vm },
  { "POST", "/v1/vms/*/actions/stop", CHANGE, TRUE, agent_stop_vm },
  { "POST", "/v1/vms/*/qmp", ADMIN, TRUE, agent_vm_qmp },

  { "POST", "/v1/checks", TRY, TRUE, agent_post_check },
  { "GET", "/v1/migrations", READ, TRUE, agent_list_migrations },
  { "POST", "/v1/migrations", CHANGE, TRUE, agent_post_migration },
  { "GET", "/v1/migrations/*", READ, TRUE, agent_get_migration, NULL, TRUE },
  { "GET", "/v1/migrations/*/events", READ, FALSE, NULL, agent_stream_start },
  { "PATCH", "/v1/migrations/*/knobs", CHANGE, TRUE, agent_patch_knobs, NULL, TRUE },
  { "POST", "/v1/migrations/*/actions/*", CHANGE, TRUE, agent_act_on_migration, NULL, TRUE },

  { "POST", "/v1/facts", TRY, TRUE, agent_post_facts },
  { "POST", "/v1/incoming", CHANGE, FALSE, NULL, agent_incoming_prepare },
  { "GET", "/v1/incoming/*", TRY, FALSE, NULL, agent_incoming_get },
  { "POST", "/v1/incoming/*/actions/*", CHANGE, FALSE, NULL, agent_incoming_act },
};

const AgentRoute *
agent_routes_get_all (gsize *n)
{
  *n = G_N_ELEMENTS (routes);
  return routes;
}

static void
clear_params (char *params[AGENT_MAX_PARAMS])
{
  for (gsize i = 0; i < AGENT_MAX_PARAMS; i++)
    g_clear_pointer (&params[i], g_free);
}

/* @path: split at its slashes, still escaped, so that an escaped slash is part of a name. */
static gboolean
match (const char *pattern, char **path, char *params[AGENT_MAX_PARAMS])
{
  g_auto(GStrv) want = g_strsplit (pattern, "/", -1);
  gsize n = 0;

  if (g_strv_length (want) != g_strv_length (path))
    return FALSE;

  for (gsize i = 0; want[i] != NULL; i++)
    {
      g_autofree char *segment = NULL;

      if (!g_str_equal (want[i], "*") && !g_str_equal (want[i], path[i]))
        return FALSE;
      if (!g_str_equal (want[i], "*"))
        continue;

      segment = g_uri_unescape_string (path[i], NULL);
      if (segment == NULL || segment[0] == '\0' || !g_utf8_validate (segment, -1, NULL))
        return FALSE;
      g_assert (n < AGENT_MAX_PARAMS);
      g_free (params[n]);
      params[n++] = g_steal_pointer (&segment);
    }
  return TRUE;
}

const AgentRoute *
agent_routes_find (const char *method, const char *path, char *params[AGENT_MAX_PARAMS], char **allow)
{
  g_auto(GStrv) segments = g_strsplit (path, "/", 10);
  g_autoptr(GString) methods = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (routes); i++)
    {
      if (match (routes[i].pattern, segments, params))
        {
          if (g_str_equal (routes[i].method, method))
            return &routes[i];
          g_string_append_printf (methods, "%s%s", methods->len > 0 ? ", " : "", routes[i].method);
        }
      clear_params (params);
    }

  *allow = methods->len > 0 ? g_strdup (methods->str) : NULL;
  return NULL;
}
