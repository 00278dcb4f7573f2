/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-sides.h"

#include <sys/wait.h>

#include "qmig-steps.h"
#include "qmp-error.h"

/* -- waiting for either side ----------------------------------------------- */

static gint64
incoming_seq (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL ? incoming->seq : -1;
}

gboolean
qmig_sides_knobs_wait (QmigMigration *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->wanted != NULL;
}

static QmpCheck
there_is_news (gpointer data, GError **error)
{
  QmigNews *news = data;
  QmigMigration *self = news->migration;

  if (news->ticked || (news->takes_knobs && qmig_sides_knobs_wait (self)) || incoming_seq (self) != news->incoming_seq ||
      (self->source != NULL && self->source->changes != news->changes))
    return QMP_CHECK_DONE;
  return QMP_CHECK_PENDING;
}

static gboolean
on_tick (gpointer data)
{
  ((QmigNews *) data)->ticked = TRUE;
  return G_SOURCE_REMOVE;
}

QmigNews
qmig_news_begin (QmigMigration *self)
{
  return (QmigNews) { self, self->source != NULL ? self->source->changes : 0, incoming_seq (self), FALSE, FALSE };
}

QmigNews
qmig_news_begin_with_knobs (QmigMigration *self)
{
  QmigNews news = qmig_news_begin (self);

  news.takes_knobs = TRUE;
  return news;
}

gboolean
qmig_news_wait (QmigNews *news, QmpWait *wait, gint64 tick_ms, GError **error)
{
  g_autoptr(GSource) tick = g_timeout_source_new (tick_ms);
  gboolean ok;

  g_source_set_callback (tick, on_tick, news, NULL);
  g_source_attach (tick, qmp_wait_get_context (wait));
  ok = qmp_wait_until (wait, there_is_news, news, error);
  g_source_destroy (tick);
  return ok;
}

/* -- reading the sides ------------------------------------------------------ */

gboolean
qmig_sides_destination_is_gone (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL && incoming->phase == QMIG_INCOMING_GONE;
}

static gboolean
is_in_phase (QmigMigration *self, QmigIncomingPhase phase)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL && incoming->phase == (int) phase;
}

gboolean
qmig_sides_destination_has_landed (QmigMigration *self)
{
  return is_in_phase (self, QMIG_INCOMING_POSTCOPY) || qmig_sides_destination_is_loaded (self);
}

gboolean
qmig_steps_is_in_postcopy (QmigMigration *self)
{
  if (!self->entry->postcopy)
    return FALSE;
  if (qmig_sides_source_is_gone (self))
    return self->result->postcopy || (self->host != NULL && is_in_phase (self, QMIG_INCOMING_POSTCOPY));
  return qmp_migration_status_is_postcopy (self->source->status) && self->source->status != QMP_MIGRATION_STATUS_POSTCOPY_DEVICE;
}

gboolean
qmig_sides_destination_is_loaded (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL && (incoming->phase == QMIG_INCOMING_LOADED || incoming->phase == QMIG_INCOMING_COMMITTED);
}

/* QEMU before 8.2 has no status at all while it listens. */
static gboolean
is_loading (const QmigIncoming *incoming)
{
  QmpMigrationStatus status = qmp_migration_status_from_string (incoming->status);

  return incoming->phase > QMIG_INCOMING_LISTENING || (status != QMP_MIGRATION_STATUS_NONE && status != QMP_MIGRATION_STATUS_SETUP);
}

gboolean
qmig_sides_check_loading (QmigMigration *self, QmpWait *wait, GError **error)
{
  const QmigIncoming *heard = qmig_host_peek (self->host, NULL);
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmpWait) once = NULL;
  gint64 now_us = g_get_monotonic_time ();
  g_autofree char *what = NULL;

  if (self->sending_since_us == 0)
    self->sending_since_us = now_us;
  if (self->seen_loading || (heard != NULL && is_loading (heard)))
    {
      self->seen_loading = TRUE;
      return TRUE;
    }
  if (now_us - self->sending_since_us < qmig_limits.load_ms * 1000)
    return TRUE;

  /* What was heard may be old: the host is asked, and one that is silent is no proof of anything. */
  once = qmp_wait_new_within (wait, "the destination's host", qmig_limits.account_ms);
  incoming = qmig_host_query (self->host, self->id, once, NULL);
  self->seen_loading = incoming != NULL && is_loading (incoming);
  if (incoming == NULL || self->seen_loading)
    {
      self->sending_since_us = now_us;
      return TRUE;
    }
  what = g_strdup_printf ("the destination has not begun to load (status %s) %" G_GINT64_FORMAT " s after the source began to send: are all channels there?",
                          incoming->status != NULL ? incoming->status : "none", qmig_limits.load_ms / 1000);
  qmig_sides_set_failure (self, what, error);
  return FALSE;
}

gboolean
qmig_steps_destination_may_hold_vm (QmigMigration *self, QmpWait *wait)
{
  g_autoptr(QmpWait) once = qmp_wait_new_within (wait, "the destination's host", qmig_limits.abort_ms);
  g_autoptr(QmigIncoming) incoming = self->host != NULL ? qmig_host_query (self->host, self->id, once, NULL) : NULL;

  return incoming == NULL || incoming->phase == QMIG_INCOMING_POSTCOPY || incoming->phase == QMIG_INCOMING_LOADED || incoming->phase == QMIG_INCOMING_COMMITTED;
}

gboolean
qmig_sides_source_is_gone (QmigMigration *self)
{
  return self->source == NULL || qmig_instance_is_gone (self->source);
}

static void
append_end_of_destination (QmigMigration *self, GString *why, const QmigIncoming *incoming)
{
  int status = (int) incoming->exit_status;

  g_string_append_printf (why, "%sthe destination QEMU on '%s' ", why->len > 0 ? "; " : ": ", qmig_host_get_name (self->host));
  if (incoming->exit_status == QMIG_UNSET)
    g_string_append (why, "is gone");
  else if (WIFSIGNALED (status))
    g_string_append_printf (why, "was killed by signal %d", WTERMSIG (status));
  else
    g_string_append_printf (why, "exited with status %d", WEXITSTATUS (status));
}

void
qmig_sides_set_failure (QmigMigration *self, const char *what, GError **error)
{
  const char *ours = self->source != NULL ? self->source->error_desc : NULL;
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);
  const char *theirs = incoming != NULL && incoming->error != NULL && *incoming->error != '\0' ? incoming->error : NULL;
  g_autoptr(GString) why = g_string_new (NULL);

  if (ours != NULL)
    g_string_append_printf (why, ": QEMU on the source says: %s", ours);
  if (incoming != NULL && incoming->phase == QMIG_INCOMING_GONE)
    append_end_of_destination (self, why, incoming);
  if (theirs != NULL)
    g_string_append_printf (why, "%s QEMU on '%s' says: %s", why->len > 0 ? ";" : ":", qmig_host_get_name (self->host), theirs);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ROLLED_BACK, "%s%s", what, why->str);
}

void
qmig_sides_fail (QmigMigration *self, const char *what, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) moment = qmp_wait_new_within (wait, "the destination's account", qmig_limits.account_ms);

  for (QmigNews news = qmig_news_begin (self); !qmig_sides_destination_is_gone (self); news = qmig_news_begin (self))
    if (!qmig_news_wait (&news, moment, 100, NULL) || qmp_wait_left_ms (moment) == 0)
      break;
  if (self->source != NULL)
    {
      g_autoptr(QmpWait) look = qmp_wait_new_within (wait, "the source's account", qmig_limits.account_ms);

      (void) !qmig_instance_look (self->source, NULL, look, NULL);
    }
  qmig_sides_set_failure (self, what, error);
}

gboolean
qmig_sides_fail_source_gone (QmigMigration *self, GError **error)
{
  if (self->source != NULL && self->source->guest_ended)
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "the guest of '%s' ended on the source while it was moved", self->entry->vm);
  else
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "the source QEMU of '%s' (pid %" G_GINT64_FORMAT ") died", self->entry->vm,
                 self->entry->source_pid);
  return FALSE;
}

gboolean
qmig_sides_is_silence (const GError *error)
{
  return g_error_matches (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE) || g_error_matches (error, QMIG_ERROR, QMIG_EXIT_TIMEOUT) ||
         g_error_matches (error, QMP_ERROR, QMP_ERROR_TIMEOUT);
}

QmigIncoming *
qmig_sides_ask_patiently (QmigMigration *self,
               QmigIncoming *(*ask) (QmigHost *, const char *, QmpWait *, GError **),
               QmpWait *wait,
               GError **error)
{
  while (TRUE)
    {
      g_autoptr(GError) cause = NULL;
      g_autoptr(QmpWait) once = qmp_wait_new_within (wait, "the destination's host", qmig_limits.abort_ms);
      QmigIncoming *incoming = ask (self->host, self->id, once, &cause);

      if (incoming != NULL)
        return incoming;
      if (qmp_wait_left_ms (wait) <= 0 || !qmig_sides_is_silence (cause) || !qmp_wait_pause (wait, 100, NULL))
        {
          g_propagate_error (error, g_steal_pointer (&cause));
          return NULL;
        }
    }
}
