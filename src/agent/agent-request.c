/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One request from its complete body to its answer, and how errors look in HTTP. */

#include "agent-private.h"

#include <string.h>

#include "api-failures.h"
#include "json-strict.h"
#include "qmp-error.h"

/* -- errors ----------------------------------------------------------------- */

QmigExit
agent_error_exit (const GError *error)
{
  if (error->domain == JSON_STRICT_ERROR)
    return QMIG_EXIT_USAGE;
  if (g_error_matches (error, QMP_ERROR, QMP_ERROR_BUSY))
    return QMIG_EXIT_CONFLICT;
  if (g_error_matches (error, QMP_ERROR, QMP_ERROR_CLOSED) || g_error_matches (error, QMP_ERROR, QMP_ERROR_NOT_QMP)
      || g_error_matches (error, QMP_ERROR, QMP_ERROR_LIMIT)
      || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    return QMIG_EXIT_UNREACHABLE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    return QMIG_EXIT_NOT_FOUND;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG))
    return QMIG_EXIT_USAGE;
  if (g_error_matches (error, QMP_ERROR, QMP_ERROR_TIMEOUT))
    return QMIG_EXIT_TIMEOUT;
  return qmig_error_get_exit (error);
}

guint
agent_exit_status (QmigExit code)
{
  switch (code)
    {
    case QMIG_EXIT_OK:
      return SOUP_STATUS_OK;
    case QMIG_EXIT_USAGE:
      return SOUP_STATUS_BAD_REQUEST;
    case QMIG_EXIT_REFUSED:
    case QMIG_EXIT_OBJECTIVE:
      return SOUP_STATUS_UNPROCESSABLE_ENTITY;
    case QMIG_EXIT_NOT_FOUND:
      return SOUP_STATUS_NOT_FOUND;
    case QMIG_EXIT_DENIED:
      return SOUP_STATUS_FORBIDDEN;
    case QMIG_EXIT_CONFLICT:
    case QMIG_EXIT_ATTENTION:
      return SOUP_STATUS_CONFLICT;
    case QMIG_EXIT_UNSUPPORTED:
      return SOUP_STATUS_NOT_IMPLEMENTED;
    case QMIG_EXIT_UNREACHABLE:
      return SOUP_STATUS_BAD_GATEWAY;
    case QMIG_EXIT_TIMEOUT:
      return SOUP_STATUS_GATEWAY_TIMEOUT;
    case QMIG_EXIT_ERROR:
    case QMIG_EXIT_ROLLED_BACK:
    case QMIG_EXIT_CANCELLED:
    case QMIG_EXIT_PARTIAL:
    case QMIG_EXIT_INTERRUPTED:
      break;
    }
  return SOUP_STATUS_INTERNAL_SERVER_ERROR;
}

static void
set_text (SoupServerMessage *message, const char *type, const char *json)
{
  char *line = g_strconcat (json, "\n", NULL);

  soup_server_message_set_response (message, type, SOUP_MEMORY_TAKE, line, strlen (line));
}

char *
agent_problem_to_text (const GError *error, const char *migration)
{
  g_autoptr(QmigProblem) problem = qmig_problem_new ();

  problem->title = g_utf8_make_valid (error->message, -1);
  problem->exit_code = agent_error_exit (error);
  problem->error_id = g_strdup (qmig_failure_for_error (problem->title, (QmigExit) problem->exit_code)->id);
  problem->migration = g_strdup (migration);
  return qmig_problem_to_text (problem);
}

void
agent_answer_problem (SoupServerMessage *message, guint status, const GError *error, const char *migration)
{
  g_autofree char *problem = agent_problem_to_text (error, migration);

  soup_server_message_set_status (message, status, NULL);
  set_text (message, "application/problem+json", problem);
}

/* -- life ------------------------------------------------------------------- */

static void
message_finished (SoupServerMessage *message, gpointer user_data)
{
  AgentRequest *self = user_data;

  self->gone = TRUE;
  if (self->on_gone != NULL)
    self->on_gone (self->on_gone_data);
}

AgentRequest *
agent_request_new (Agent *agent, SoupServerMessage *message)
{
  AgentRequest *self = g_new0 (AgentRequest, 1);

  self->agent = agent;
  self->message = g_object_ref (message);
  self->status = SOUP_STATUS_OK;
  self->started_us = g_get_monotonic_time ();
  g_signal_connect (message, "finished", G_CALLBACK (message_finished), self);
  soup_server_message_pause (message);
  return self;
}

void
agent_request_free (AgentRequest *self)
{
  g_signal_handlers_disconnect_by_data (self->message, self);
  g_object_unref (self->message);
  for (gsize i = 0; i < AGENT_MAX_PARAMS; i++)
    g_free (self->params[i]);
  g_clear_pointer (&self->query, g_hash_table_unref);
  g_clear_pointer (&self->body, json_object_unref);
  g_free (self->problem_migration);
  g_free (self->who);
  g_free (self);
}

/* The answer is in the message: let it go out. */
static void
send_answer (AgentRequest *self)
{
  const char *path = g_uri_get_path (soup_server_message_get_uri (self->message));
  guint status = soup_server_message_get_status (self->message);

  g_debug ("%s %s: %u in %.3f ms%s", soup_server_message_get_method (self->message), path, status,
           (double) (g_get_monotonic_time () - self->started_us) / 1000, self->gone ? ", to nobody" : "");
  agent_changes_note (self, status);
  if (!self->gone)
    soup_server_message_unpause (self->message);
  agent_request_free (self);
}

void
agent_request_reply (AgentRequest *self, JsonObject *object)
{
  g_autofree char *json = json_strict_print_object (object);

  soup_server_message_set_status (self->message, self->status, NULL);
  set_text (self->message, "application/json", json);
  json_object_unref (object);
  send_answer (self);
}

void
agent_request_fail (AgentRequest *self, GError *error)
{
  agent_answer_problem (self->message, agent_exit_status (agent_error_exit (error)), error, self->problem_migration);
  g_error_free (error);
  send_answer (self);
}

/* -- reading ---------------------------------------------------------------- */

const char *
agent_request_query (AgentRequest *self, const char *name)
{
  return self->query != NULL ? g_hash_table_lookup (self->query, name) : NULL;
}

gboolean
agent_request_query_int (AgentRequest *self,
                         const char *name,
                         gint64 fallback,
                         gint64 min,
                         gint64 max,
                         gint64 *value,
                         GError **error)
{
  const char *text = agent_request_query (self, name);
  gint64 number = fallback;

  if (text != NULL && !g_ascii_string_to_signed (text, 10, min, max, &number, NULL))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
                   "cannot read query parameter '%s': expected a number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT,
                   name, min, max);
      return FALSE;
    }

  *value = number;
  return TRUE;
}

gboolean
agent_request_query_flag (AgentRequest *self, const char *name, gboolean fallback)
{
  const char *text = agent_request_query (self, name);

  return text != NULL ? !g_str_equal (text, "0") : fallback;
}

gpointer
agent_request_read (AgentRequest *self, const ApiType *type, gboolean needed, GError **error)
{
  if (self->body != NULL)
    return api_value_from_object (type, self->body, error);
  if (!needed)
    return api_value_new (type);

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "cannot serve %s %s: it needs a body, a JSON object %s",
               self->route->method, self->route->pattern, type->name);
  return NULL;
}
