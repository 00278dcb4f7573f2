/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent-log.h"

#include <stdio.h>

#include "api-types.h"

static gboolean show_debug;

static const char *
level_name (GLogLevelFlags level)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return "critical";
  if (level & G_LOG_LEVEL_WARNING)
    return "warning";
  return level & G_LOG_LEVEL_DEBUG ? "debug" : "info";
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  const char *message = "";
  const char *domain = "";
  g_autofree char *now = NULL;

  for (gsize i = 0; i < n_fields; i++)
    {
      if (g_str_equal (fields[i].key, "MESSAGE"))
        message = fields[i].value;
      else if (g_str_equal (fields[i].key, "GLIB_DOMAIN"))
        domain = fields[i].value;
    }

  /* Libraries chatter at debug level about every connection. */
  if ((level & G_LOG_LEVEL_DEBUG) && (!show_debug || !g_str_equal (domain, G_LOG_DOMAIN)))
    return G_LOG_WRITER_HANDLED;
  if (g_log_writer_is_journald (fileno (stderr))
      && g_log_writer_journald (level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;

  now = api_time_now ();
  fprintf (stderr, "%s %s: %s\n", now, level_name (level), message);
  return G_LOG_WRITER_HANDLED;
}

void
agent_log_init (void)
{
  show_debug = g_strcmp0 (g_getenv ("QMIG_LOG"), "debug") == 0;
  g_log_set_writer_func (write_log, NULL, NULL);
}
