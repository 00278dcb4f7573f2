/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-steps-private.h"

#include "qmp-commands.h"
#include "qmp-error.h"

#define SAMPLE_MS 250
#define ENDING_LOOK_MS 10 /* the source is completed a moment before its run state says so */

/* -- starting ------------------------------------------------------------------- */

/* Pre-copy goes on as if it had not been allowed. */
static gboolean
go_on_without (QmigMigration *self, const char *why, QmpWait *wait, GError **error)
{
  qmig_migration_log (self, "QEMU on the source refused post-copy, pre-copy goes on: %s", why);
  qmig_migration_set_no_postcopy (self, why);
  self->postcopy_started = FALSE;
  self->entry->postcopy = FALSE;
  self->entry->policy->allow_postcopy = FALSE;
  return qmig_journal_set_postcopy (self->journal, self->id, FALSE, error) && qmig_migration_publish_bounds (self, error) &&
         qmig_step_mind_bounds (self, wait, error);
}

gboolean
qmig_step_start_postcopy (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "QEMU to start post-copy", qmig_limits.reply_ms);
  g_autoptr(GError) refused = NULL;

  /* Now, while the guest runs and can wait for the disk; recovery asks QEMU how far it came. */
  if (!self->entry->postcopy && !qmig_journal_set_postcopy (self->journal, self->id, TRUE, error))
    return FALSE;
  self->entry->postcopy = TRUE;
  self->postcopy_started = TRUE;
  if (qmp_migrate_start_postcopy (self->source->client, reply, &refused))
    {
      qmig_migration_log (self, "post-copy: the VM changes over now, and the memory that is missing there follows while it runs");
      return TRUE;
    }
  if (qmp_error_is_refusal (refused))
    return go_on_without (self, refused->message, wait, error);
  g_propagate_error (error, g_steal_pointer (&refused));
  return FALSE;
}

gboolean
qmig_step_mind_postcopy (QmigMigration *self, QmpWait *wait, GError **error)
{
  if (self->postcopy_started || self->source->status != QMP_MIGRATION_STATUS_ACTIVE || !qmig_migration_is_postcopy_wanted (self))
    return TRUE;
  return qmig_step_start_postcopy (self, wait, error);
}

/* -- stage 5: the rest of the memory follows ---------------------------------------- */

/* What is known of the link while pages follow. */
typedef struct
{
  QmpMigrationStatus status;  /* of the source, at the last look */
  gint64 transferred;
  gboolean grew;              /* while the source was in postcopy-active: the link carries */
  gint64 progress_us;         /* when either of them changed last */
  gint64 broken_us;           /* since when it is broken, 0 while it is not */
  gint64 next_try_us;
  char *problem;              /* of the last try (nullable) */
} Link;

static gboolean
fail_lost (QmigMigration *self, const char *side, GError **error)
{
  qmig_migration_set_postcopy (self, TRUE);
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION,
               "the %s QEMU of '%s' died in post-copy, and with it the part of the memory that it alone had: the VM is lost", side, self->entry->vm);
  return FALSE;
}

static QmpMigrationStatus
destination_status (QmigMigration *self)
{
  const QmigIncoming *incoming = qmig_host_peek (self->host, NULL);

  return incoming != NULL ? qmp_migration_status_from_string (incoming->status) : QMP_MIGRATION_STATUS_UNKNOWN;
}

static void
tell_sample (QmigMigration *self, const QmpMigrationInfo *info)
{
  g_autoptr(QmigSample) sample = qmig_sampler_take (&self->sampler, info, g_get_monotonic_time ());

  sample->stage = QMIG_STAGE_ACTIVATION;
  sample->bandwidth_limit_bytes_per_s = self->knobs->postcopy_bandwidth_bytes_per_s;
  sample->postcopy_requests = info->ram_postcopy_requests >= 0 ? info->ram_postcopy_requests : QMIG_UNSET;
  qmig_migration_set_sample (self, sample);
  qmig_migration_emit (self, "sample", qmig_sample_to_object (sample));
}

static gboolean
look_at_source (QmigMigration *self, Link *link, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) reply = qmp_wait_new_within (wait, "QEMU's numbers", qmig_limits.reply_ms);
  g_autoptr(QmpMigrationInfo) info = NULL;

  if (!qmig_instance_look (self->source, &info, reply, error))
    return FALSE;
  if (self->source->status != link->status || info->ram_transferred_bytes != link->transferred)
    link->progress_us = g_get_monotonic_time ();
  link->grew = self->source->status == QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE && link->status == self->source->status &&
               info->ram_transferred_bytes > link->transferred;
  link->status = self->source->status;
  link->transferred = info->ram_transferred_bytes;
  tell_sample (self, info);
  return TRUE;
}

static gboolean
is_stalled (const Link *link)
{
  return g_get_monotonic_time () - link->progress_us > qmig_limits.postcopy_stall_ms * 1000;
}

static void
note_whole (QmigMigration *self, Link *link)
{
  if (link->broken_us > 0)
    qmig_migration_log (self, "post-copy goes on, after %.1f s", (g_get_monotonic_time () - link->broken_us) / 1e6);
  link->broken_us = 0;
  g_clear_pointer (&link->problem, g_free);
}

static gboolean
note_broken (QmigMigration *self, Link *link, GError **error)
{
  gint64 now_us = g_get_monotonic_time ();

  if (link->broken_us == 0)
    {
      link->broken_us = now_us;
      qmig_migration_log (self, "the link of the post-copy is broken (source %s): it is taken up again as soon as '%s' can be reached",
                          self->source->status_text, qmig_host_get_name (self->host));
    }
  if (now_us - link->broken_us <= qmig_limits.postcopy_ms * 1000)
    return TRUE;
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "the link of the post-copy is broken for %.0f s now%s%s", (now_us - link->broken_us) / 1e6,
               link->problem != NULL ? ": " : "", link->problem != NULL ? link->problem : "");
  return FALSE;
}

/* A source that still believes in the dead link. */
static gboolean
pause_source (QmigMigration *self, QmpWait *wait, GError **error)
{
  QmpClient *client = self->source->client;
  g_autoptr(GError) refused = NULL;

  if (self->source->status == QMP_MIGRATION_STATUS_POSTCOPY_PAUSED)
    return TRUE;
  /* Before 9.1 a link that hangs while it is taken up again can only be yanked. */
  if (!qmp_migrate_pause (client, wait, &refused) && !qmp_yank_migration (client, wait, error))
    return FALSE;
  while (self->source->status != QMP_MIGRATION_STATUS_POSTCOPY_PAUSED)
    {
      QmigNews news = qmig_news_begin (self);

      if (!qmig_instance_look (self->source, NULL, wait, error) ||
          (self->source->status != QMP_MIGRATION_STATUS_POSTCOPY_PAUSED && !qmig_news_wait (&news, wait, 50, error)))
        return FALSE;
    }
  return TRUE;
}

/* The destination first: while its host is out of reach nothing is broken that may yet come back by itself. */
static gboolean
connect_again (QmigMigration *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) there = qmp_wait_new_within (wait, "the destination's host", qmig_limits.abort_ms);
  g_autoptr(QmpWait) here = NULL;
  g_autoptr(QmigIncoming) incoming = qmig_host_recover (self->host, self->id, there, error);

  if (incoming == NULL)
    return FALSE;
  g_free (self->uri);
  self->uri = qmig_host_dial (self->host, self->id, incoming->uri, error);
  if (self->uri == NULL || !qmig_step_check_uri (self, error))
    return FALSE;
  here = qmp_wait_new_within (wait, "the source QEMU to connect again", qmig_limits.reply_ms);
  return pause_source (self, here, error) && qmp_migrate_resume (self->source->client, self->uri, here, error);
}

static void
try_again (QmigMigration *self, Link *link, QmpWait *wait)
{
  g_autoptr(GError) cause = NULL;
  gboolean tried;

  if (g_get_monotonic_time () < link->next_try_us)
    return;
  tried = connect_again (self, wait, &cause);
  link->progress_us = g_get_monotonic_time ();
  link->next_try_us = link->progress_us + (tried ? qmig_limits.postcopy_stall_ms : qmig_limits.postcopy_retry_ms) * 1000;
  if (tried || g_strcmp0 (link->problem, cause->message) == 0)
    return;
  g_free (link->problem);
  link->problem = g_strdup (cause->message);
  qmig_migration_log (self, "cannot take the post-copy up yet: %s", cause->message);
}

/* Looks once; with a broken link, acts. */
static gboolean
follow_pages (QmigMigration *self, Link *link, QmpWait *wait, GError **error)
{
  switch (self->source->status)
    {
    case QMP_MIGRATION_STATUS_POSTCOPY_PAUSED:
      if (!note_broken (self, link, error))
        return FALSE;
      try_again (self, link, wait);
      return TRUE;

    case QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE:
      if (!is_stalled (link))
        {
          note_whole (self, link);
          return TRUE;
        }
      G_GNUC_FALLTHROUGH;

    case QMP_MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP:
    case QMP_MIGRATION_STATUS_POSTCOPY_RECOVER:
      if (!note_broken (self, link, error))
        return FALSE;
      if (is_stalled (link))
        try_again (self, link, wait);
      return TRUE;

    case QMP_MIGRATION_STATUS_COMPLETED:
      /* All was sent, and the destination told the source that it has it: what is missing is its host's word. */
      return !is_stalled (link) || note_broken (self, link, error);

    case QMP_MIGRATION_STATUS_FAILED:
    case QMP_MIGRATION_STATUS_CANCELLING:
    case QMP_MIGRATION_STATUS_CANCELLED:
    case QMP_MIGRATION_STATUS_NONE:
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "the source left the post-copy by another hand (%s%s%s)",
                   self->source->status_text != NULL ? self->source->status_text : "none", self->source->error_desc != NULL ? ": " : "",
                   self->source->error_desc != NULL ? self->source->error_desc : "");
      return FALSE;

    case QMP_MIGRATION_STATUS_UNKNOWN:
    case QMP_MIGRATION_STATUS_SETUP:
    case QMP_MIGRATION_STATUS_WAIT_UNPLUG:
    case QMP_MIGRATION_STATUS_ACTIVE:
    case QMP_MIGRATION_STATUS_PRE_SWITCHOVER:
    case QMP_MIGRATION_STATUS_DEVICE:
    case QMP_MIGRATION_STATUS_POSTCOPY_DEVICE:
    case QMP_MIGRATION_STATUS_FAILING:
    case QMP_MIGRATION_STATUS_COLO:
      break;
    }
  return TRUE;
}

/* The destination has every page when it says completed; a source that did not hear it any more stays paused for ever. */
static gboolean
is_whole (QmigMigration *self)
{
  const QmigInstance *source = self->source;

  if (destination_status (self) != QMP_MIGRATION_STATUS_COMPLETED)
    return FALSE;
  return qmig_sides_source_is_gone (self) || source->status == QMP_MIGRATION_STATUS_POSTCOPY_PAUSED ||
         (source->status == QMP_MIGRATION_STATUS_COMPLETED && source->run_state == QMP_RUN_STATE_POSTMIGRATE);
}

static gboolean
look_and_act (QmigMigration *self, Link *link, gboolean *whole, QmpWait *wait, GError **error)
{
  g_autoptr(GError) silent = NULL;

  *whole = is_whole (self);
  if (*whole)
    return TRUE;
  if (qmig_sides_destination_is_gone (self))
    return fail_lost (self, "destination", error);
  if (qmig_sides_source_is_gone (self))
    return fail_lost (self, "source", error);
  if (look_at_source (self, link, wait, &silent))
    return follow_pages (self, link, wait, error);
  if (qmig_instance_is_gone (self->source) || qmig_sides_is_silence (silent))
    return qmig_instance_is_gone (self->source) || note_broken (self, link, error);
  g_propagate_error (error, g_steal_pointer (&silent));
  return FALSE;
}

typedef gboolean (*LinkFunc) (const Link *link);

/* Until every page is there, or @enough of the link.  @enough: (nullable) */
static gboolean
follow_link (QmigMigration *self, LinkFunc enough, QmpWait *wait, GError **error)
{
  Link link = { .status = QMP_MIGRATION_STATUS_UNKNOWN, .transferred = -1, .progress_us = g_get_monotonic_time () };
  gboolean whole = FALSE;
  gboolean ok = TRUE;

  while (ok && !whole)
    {
      QmigNews news = qmig_news_begin (self);

      ok = look_and_act (self, &link, &whole, wait, error);
      whole |= ok && enough != NULL && enough (&link);
      if (ok && !whole)
        ok = qmig_news_wait (&news, wait, link.status == QMP_MIGRATION_STATUS_COMPLETED ? ENDING_LOOK_MS : SAMPLE_MS, error);
    }
  g_free (link.problem);
  return ok;
}

static gboolean
carries (const Link *link)
{
  return link->grew || link->status == QMP_MIGRATION_STATUS_COMPLETED;
}

gboolean
qmig_step_mend_link (QmigMigration *self, gboolean doubt, QmpWait *wait, GError **error)
{
  /* What events told is not asked again: the guest stands still. */
  if (!doubt && !qmig_sides_source_is_gone (self) &&
      (self->source->status == QMP_MIGRATION_STATUS_POSTCOPY_ACTIVE || self->source->status == QMP_MIGRATION_STATUS_COMPLETED))
    return TRUE;
  return follow_link (self, carries, wait, error);
}

gboolean
qmig_step_pages (QmigMigration *self, QmpWait *wait, GError **error)
{
  if (qmig_steps_is_in_postcopy (self))
    qmig_migration_set_postcopy (self, TRUE); /* taken up by recovery */
  return follow_link (self, NULL, wait, error);
}
