/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-host-prepare.h"

#include <string.h>

#include <glib/gstdio.h>

#include "qmig-host-facts.h"
#include "qmig-stream.h"
#include "qmp-commands.h"
#include "qmp-error.h"

/* -- the room ------------------------------------------------------------------ */

/* One at a time, or two migrations promise themselves the same memory. */
static GMutex reserve_lock;

static gboolean
check_memory (const QmigEnv *env, QmigJournal *journal, const QmigIncomingSpec *spec, GError **error)
{
  g_autoptr(QmigHostInfo) info = qmig_env_host_info_from (env, journal);
  g_autofree char *needed = NULL;
  g_autofree char *available = NULL;

  if (spec->memory_bytes <= 0 || info->memory_available_bytes == QMIG_UNSET
      || spec->memory_bytes <= info->memory_available_bytes)
    return TRUE;
  needed = g_format_size_full ((guint64) spec->memory_bytes, G_FORMAT_SIZE_IEC_UNITS);
  available = g_format_size_full ((guint64) info->memory_available_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED,
               "not enough memory on '%s': the VM needs %s, %s is available less what %" G_GINT64_FORMAT
               " incoming VMs hold",
               env->host_name, needed, available, info->incoming);
  return FALSE;
}

static gboolean
check_name (QmigJournal *journal, const QmigIncomingSpec *spec, GError **error)
{
  g_autoptr(GPtrArray) reservations = qmig_journal_list_reservations (journal, error);
  g_autofree char *holder = NULL;

  if (reservations == NULL)
    return FALSE;
  holder = spec->vm_name ? qmig_host_reserved_by (reservations, spec->migration, spec->vm_name) : NULL;
  if (holder == NULL)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED, "the name '%s' is taken by %s", spec->vm_name, holder);

  return FALSE;
}

/* The spec crossed a process border: it must not make us write or delete anywhere else. */
static gboolean
check_run_dir (const QmigEnv *env, const QmigIncomingSpec *spec, GError **error)
{
  g_autofree char *expected = qmig_host_run_dir (env, spec->migration);
  g_autofree char *qmp_dir = spec->qmp ? g_path_get_dirname (spec->qmp) : NULL;

  if (spec->argv != NULL && spec->argv[0] != NULL && g_strcmp0 (spec->run_dir, expected) == 0
      && g_strcmp0 (qmp_dir, expected) == 0 && strchr (spec->migration, '/') == NULL && spec->migration[0] != '.')
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE,
               "cannot prepare migration %s: its run directory, monitor and command line do not belong to '%s'",
               spec->migration, expected);
  return FALSE;
}

/* Nothing of a migration that has no reservation is left here; what is there belongs to a VM, and is not ours to remove. */
static gboolean
check_run_dir_free (const QmigIncomingSpec *spec, GError **error)
{
  if (!g_file_test (spec->run_dir, G_FILE_TEST_EXISTS) || g_rmdir (spec->run_dir) == 0)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot prepare migration %s: '%s' is in use", spec->migration, spec->run_dir);
  return FALSE;
}

gboolean
qmig_host_prepare_reserve (const QmigEnv *env, QmigJournal *journal, const QmigIncomingSpec *spec, GError **error)
{
  gboolean ok;

  if (!check_run_dir (env, spec, error))
    return FALSE;
  g_mutex_lock (&reserve_lock);
  ok = check_run_dir_free (spec, error) && check_name (journal, spec, error) && check_memory (env, journal, spec, error)
       && qmig_journal_reserve (journal, spec, error);
  g_mutex_unlock (&reserve_lock);

  return ok;
}

/* -- listening -------------------------------------------------------------------- */

static gboolean
check_inmigrate (QmigDestination *destination, QmpWait *wait, GError **error)
{
  const QmigIncoming *state;

  if (!qmig_destination_look (destination, wait, error))
    return FALSE;
  state = qmig_destination_get_state (destination);
  if (state->phase == QMIG_INCOMING_READY && g_strcmp0 (state->run_state, "inmigrate") == 0)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "QEMU does not wait for a migration, its run state is %s",
               state->run_state ? state->run_state : "unknown");
  return FALSE;
}

static void
add_once (GPtrArray *names, const char *name)
{
  if (!g_ptr_array_find_with_equal_func (names, name, g_str_equal, NULL))
    g_ptr_array_add (names, (gpointer) name);
}

static void
add_all (GPtrArray *names, char **more)
{
  for (guint i = 0; more != NULL && more[i] != NULL; i++)
    add_once (names, more[i]);
}

/* Which of the two sides of the switch it lands on is said; why a wish is refused only QEMU knows, by trying: post-copy needs
 * userfaultfd from the kernel. */
static gboolean
switch_on (QmigDestination *destination, GPtrArray *on, char **wishes, QmpWait *wait, GError **error)
{
  QmpClient *client = qmig_destination_get_client (destination);
  g_autoptr(GPtrArray) all = g_ptr_array_new ();
  g_autoptr(GError) refused = NULL;

  for (guint i = 0; i < on->len; i++)
    g_ptr_array_add (all, g_ptr_array_index (on, i));
  add_all (all, wishes);
  g_ptr_array_add (all, NULL);
  if (all->len - 1 > on->len)
    {
      if (qmp_migrate_set_capabilities (client, (const char *const *) all->pdata, NULL, wait, &refused))
        {
          qmig_destination_set_capabilities (destination, (const char *const *) all->pdata, NULL);
          return TRUE;
        }
      if (!qmp_error_is_refusal (refused))
        {
          g_propagate_error (error, g_steal_pointer (&refused));
          return FALSE;
        }
    }
  g_ptr_array_add (on, NULL);
  if (!qmp_migrate_set_capabilities (client, (const char *const *) on->pdata, NULL, wait, error))
    return FALSE;
  qmig_destination_set_capabilities (destination, (const char *const *) on->pdata, refused != NULL ? refused->message : NULL);
  return TRUE;
}

/* All in one command: some QEMUs take no second change once multifd is on. */
static gboolean
set_capabilities (QmigDestination *destination, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  QmpClient *client = qmig_destination_get_client (destination);
  g_auto(GStrv) has = qmp_query_capability_names (client, wait, error);
  g_autoptr(GPtrArray) on = g_ptr_array_new ();

  if (has == NULL)
    return FALSE;
  add_once (on, "events");
  add_once (on, "return-path");
  if (g_strv_contains ((const char *const *) has, "late-block-activate"))
    add_once (on, "late-block-activate");
  for (guint i = 0; spec->capabilities != NULL && spec->capabilities[i] != NULL; i++)
    if (!g_str_equal (spec->capabilities[i], "late-block-activate"))
      add_once (on, spec->capabilities[i]);
  return switch_on (destination, on, spec->wishes, wait, error);
}

static gboolean
set_parameters (QmpClient *client, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  if (spec->parameters == NULL || !JSON_NODE_HOLDS_OBJECT (spec->parameters))
    return TRUE;
  return qmp_migrate_set_parameters (client, json_node_dup_object (spec->parameters), wait, error);
}

static gboolean
is_encrypted (const QmigIncomingSpec *spec)
{
  return g_strcmp0 (spec->transport, "tls") == 0;
}

static gboolean
secure (const QmigEnv *env, QmpClient *client, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  if (!is_encrypted (spec))
    return TRUE;
  if (env->pki_dir != NULL && spec->tls_peer != NULL)
    return qmig_stream_secure_destination (client, env->pki_dir, spec->tls_peer, wait, error);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "cannot encrypt the stream of %s: %s", spec->migration,
               env->pki_dir == NULL ? "this host has no certificates" : "the one client to take is not named");
  return FALSE;
}

/* QEMU itself takes the first free port of the range: some refuse to be asked again after one was taken. */
static char *
tcp_uri (const QmigIncomingSpec *spec)
{
  const char *host = spec->listen && spec->listen[0] ? spec->listen : "127.0.0.1";
  gint64 port = spec->port > 0 ? spec->port : 0;
  g_autoptr(GString) uri = g_string_new ("tcp:");

  g_string_append_printf (uri, strchr (host, ':') && host[0] != '[' ? "[%s]" : "%s", host);
  g_string_append_printf (uri, ":%" G_GINT64_FORMAT, port);
  if (port > 0 && spec->port_last > port)
    g_string_append_printf (uri, ",to=%" G_GINT64_FORMAT, MIN (spec->port_last, 65535));

  return g_string_free (g_steal_pointer (&uri), FALSE);
}

/*
 * A destination that fails shall stay and say why.  Older QEMUs do not know the
 * argument and refuse it before anything happens, which costs less than to
 * read the schema.
 */
static gboolean
begin_incoming (QmpClient *client, const char *uri, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (qmp_migrate_incoming (client, uri, TRUE, wait, &cause))
    return TRUE;
  if (qmp_error_is_refusal (cause) && strstr (cause->message, "exit-on-error") != NULL)
    return qmp_migrate_incoming (client, uri, FALSE, wait, error);
  g_propagate_error (error, g_steal_pointer (&cause));

  return FALSE;
}

static gboolean
listen (QmpClient *client, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  g_autofree char *uri = NULL;

  if (g_strcmp0 (spec->transport, "tcp") == 0 || is_encrypted (spec))
    uri = tcp_uri (spec);
  else if (g_strcmp0 (spec->transport, "unix") == 0 || g_strcmp0 (spec->transport, "ssh") == 0)
    uri = g_strconcat ("unix:", spec->run_dir, "/" QMIG_MIGRATION_SOCKET, NULL);
  else
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED, "there is no transport '%s'", spec->transport);
      return FALSE;
    }
  if (begin_incoming (client, uri, wait, error))
    return TRUE;
  g_prefix_error (error, "cannot listen on %s: ", uri);

  return FALSE;
}

gboolean
qmig_host_prepare_listen (const QmigEnv *env, QmigDestination *destination, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  QmpClient *client = qmig_destination_get_client (destination);
  const QmigIncoming *state;

  if (!check_inmigrate (destination, wait, error) || !set_capabilities (destination, spec, wait, error)
      || !set_parameters (client, spec, wait, error) || !secure (env, client, spec, wait, error) || !listen (client, spec, wait, error)
      || !qmig_destination_look (destination, wait, error))
    return FALSE;
  state = qmig_destination_get_state (destination);
  if (state->phase == QMIG_INCOMING_LISTENING && state->uri != NULL)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "QEMU does not say where it listens (run state %s)",
               state->run_state ? state->run_state : "unknown");
  return FALSE;
}
