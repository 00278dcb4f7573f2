/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-host-local.h"

#include <string.h>

#include <glib/gstdio.h>

#include "qmig-cmdline.h"
#include "qmig-destination.h"
#include "qmig-host-facts.h"
#include "qmig-host-prepare.h"
#include "qmig-host-recover.h"
#include "qmig-launcher.h"
#include "qmig-process.h"
#include "qmig-stream.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define KILL_MS 10000
/* How long an abort asks whether the destination runs, before it relies on what was seen. */
#define LOOK_BEFORE_KILL_MS 500
#define FOLLOW_MS 2000

struct _QmigHostLocal
{
  GObject parent_instance;
  const QmigEnv *env;
  QmigJournal *journal;
  char *migration;              /* (nullable) before the first call */
  QmigIncomingSpec *spec;       /* (nullable) while this host knows no such migration */
  QmigDestination *destination; /* (nullable) likewise */
  gboolean released;
  QmigIncoming *peeked; /* (nullable): what peek gave last */
};

enum
{
  SIGNAL_CHANGED,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

static void qmig_host_local_iface_init (QmigHostInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (QmigHostLocal,
                               qmig_host_local,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (QMIG_TYPE_HOST, qmig_host_local_iface_init))

static void
on_changed (gpointer data)
{
  QmigHostLocal *self = data;

  if (self->destination != NULL)
    g_signal_emit (self, signals[SIGNAL_CHANGED], 0, qmig_destination_get_state (self->destination));
}

static void
on_said (JsonObject *line, gpointer owner)
{
  g_autoptr(JsonObject) owned = line;

  json_object_set_int_member (line, "time_us", g_get_real_time ());
  g_signal_emit_by_name (owner, "said", line);
}

static void
attend (QmigHostLocal *self)
{
  self->destination = qmig_destination_new (self->spec, on_changed, self);
  if (self->spec->trace_qmp)
    qmig_destination_trace (self->destination, on_said, G_OBJECT (self));
}

static void
forget (QmigHostLocal *self)
{
  g_clear_pointer (&self->destination, qmig_destination_free);
  g_clear_pointer (&self->spec, qmig_incoming_spec_free);
}

static QmigIncoming *
unknown_migration (const char *migration)
{
  QmigIncoming *incoming = qmig_incoming_new ();

  incoming->migration = g_strdup (migration);
  incoming->seq = g_get_real_time ();
  incoming->phase = QMIG_INCOMING_GONE;
  incoming->time_us = g_get_real_time ();

  return incoming;
}

/* -- taking a destination up -------------------------------------------------- */

/* Started, but the journal did not get to know its pid: its monitor's argument tells it, be it QEMU or still a wrapper. */
static QmigProcess *
find_unrecorded (const QmigIncomingSpec *spec)
{
  for (guint i = 0; spec->argv != NULL && spec->argv[i] != NULL; i++)
    if (g_str_has_prefix (spec->argv[i], "socket,id=" QMIG_MONITOR_ID ","))
      return qmig_process_find_leader (spec->argv[i]);
  return NULL;
}

static gboolean
take_up_process (QmigHostLocal *self, const QmigReservation *reservation, GError **error)
{
  g_autoptr(QmigProcess) found = NULL;

  if (reservation->pid > 0)
    {
      qmig_destination_set_process (self->destination, reservation->pid, reservation->start_time);
      return TRUE;
    }
  found = find_unrecorded (reservation->spec);
  if (found != NULL
      && !qmig_journal_reservation_launched (self->journal, self->migration, found->pid, found->start_time, error))
    return FALSE;
  qmig_destination_set_process (self->destination, found ? found->pid : 0, found ? found->start_time : 0);

  return TRUE;
}

/* Reads the journal at the first call.  Without a reservation there self->destination stays NULL. */
static gboolean
take_up (QmigHostLocal *self, const char *migration, GError **error)
{
  g_autoptr(QmigReservation) reservation = NULL;
  g_autoptr(GError) cause = NULL;

  if (self->destination != NULL && g_strcmp0 (self->migration, migration) == 0)
    return TRUE;
  reservation = qmig_journal_load_reservation (self->journal, migration, &cause);
  if (cause != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&cause));
      return FALSE;
    }
  forget (self);
  g_free (self->migration);
  self->migration = g_strdup (migration);
  if (reservation == NULL)
    return TRUE;

  self->spec = g_steal_pointer (&reservation->spec);
  reservation->spec = qmig_incoming_spec_copy (self->spec);
  attend (self);
  if (reservation->held)
    qmig_destination_set_held (self->destination);
  if (!take_up_process (self, reservation, error))
    {
      forget (self);
      return FALSE;
    }
  return TRUE;
}

static QmigIncomingPhase
phase_of (QmigHostLocal *self)
{
  return qmig_destination_get_state (self->destination)->phase;
}

/* -- reading ------------------------------------------------------------------- */

static const char *
host_local_get_name (QmigHost *host)
{
  return QMIG_HOST_LOCAL (host)->env->host_name;
}

static QmigFacts *
host_local_get_facts (QmigHost *host, const QmigFactsRequest *request, QmpWait *wait, GError **error)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (host);

  return qmig_host_facts_read (self->env, self->journal, request, wait, error);
}

static QmigIncoming *
host_local_query (QmigHost *host, const char *migration, QmpWait *wait, GError **error)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (host);

  if (!take_up (self, migration, error))
    return NULL;
  if (self->destination == NULL)
    return unknown_migration (migration);
  if (!self->released && !qmig_destination_look (self->destination, wait, error))
    {
      g_prefix_error (error, "cannot ask the destination: ");
      return NULL;
    }
  return qmig_destination_dup_state (self->destination);
}

static void
host_local_follow (QmigHost *host, const char *migration)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (host);
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the destination's monitor", FOLLOW_MS);
  g_autoptr(GError) error = NULL;

  /* What fails here is told by the next peek. */
  if (take_up (self, migration, &error) && self->destination != NULL
      && !qmig_destination_check_fresh (self->destination, NULL))
    qmig_destination_look (self->destination, wait, NULL);
}

static const QmigIncoming *
host_local_peek (QmigHost *host, GError **error)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (host);

  if (self->migration == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND, "no migration is followed");
      return NULL;
    }
  if (self->destination == NULL)
    {
      g_clear_pointer (&self->peeked, qmig_incoming_free);
      self->peeked = unknown_migration (self->migration);
      return self->peeked;
    }
  if (!self->released && !qmig_destination_check_fresh (self->destination, error))
    return NULL;
  return qmig_destination_get_state (self->destination);
}

/* -- the beginning and the end of a reservation ---------------------------------- */

/* Nothing of the destination is left: the run directory goes, then the reservation, so that a crash in between repeats both. */
static gboolean
clean_up (QmigHostLocal *self, GError **error)
{
  return qmig_launcher_remove_run_dir (self->env->runtime_dir, self->spec->run_dir, error)
         && qmig_journal_reservation_end (self->journal, self->migration, error);
}

static gboolean
kill_and_clean_up (QmigHostLocal *self, GError **error)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the destination's end", KILL_MS);

  return qmig_destination_kill (self->destination, wait, error) && clean_up (self, error);
}

/* The first cause, with what QEMU said before it went. */
static void
add_account (QmigHostLocal *self, GError *cause, GError **error)
{
  const QmigIncoming *state = qmig_destination_get_state (self->destination);
  g_autofree char *tail = qmig_launcher_log_tail (self->spec->run_dir);

  if (qmig_destination_is_gone (self->destination) && state->exit_status != QMIG_UNSET)
    {
      g_autoptr(GError) status = NULL;

      g_spawn_check_wait_status ((int) state->exit_status, &status);
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "QEMU ended by itself (%s): %s",
                   status ? status->message : "exit status 0", tail[0] ? tail : "it said nothing");
      g_error_free (cause);
      return;
    }
  g_propagate_error (error, cause);
  if (tail[0] != '\0' && error != NULL && strstr ((*error)->message, tail) == NULL)
    {
      g_autofree char *message = g_strdup_printf ("%s; QEMU says: %s", (*error)->message, tail);

      g_free ((*error)->message);
      (*error)->message = g_steal_pointer (&message);
    }
}

static void
undo_prepare (QmigHostLocal *self, GError *cause, GError **error)
{
  g_autoptr(GError) left = NULL;

  add_account (self, cause, error);
  if (!kill_and_clean_up (self, &left))
    g_prefix_error (error, "the destination could not be cleaned up (%s), and before that: ", left->message);
  else
    forget (self);
}

static gboolean
begin_reservation (QmigHostLocal *self, const QmigIncomingSpec *spec, GError **error)
{
  if (!qmig_host_prepare_reserve (self->env, self->journal, spec, error))
    return FALSE;
  forget (self);
  g_free (self->migration);
  self->migration = g_strdup (spec->migration);
  self->spec = qmig_incoming_spec_copy (spec);
  attend (self);
  self->released = FALSE;

  return TRUE;
}

static gboolean
launch (QmigHostLocal *self, GError **error)
{
  gint64 pid, start_time;

  if (!qmig_launcher_start ((const char *const *) self->spec->argv, self->spec->run_dir, NULL, &pid, &start_time, error))
    {
      qmig_destination_set_process (self->destination, 0, 0);
      return FALSE;
    }
  qmig_destination_set_process (self->destination, pid, start_time);

  return qmig_journal_reservation_launched (self->journal, self->migration, pid, start_time, error);
}

/* Left over from a call that was interrupted: as good as nothing, unless it listens. */
static gboolean
find_prepared (QmigHostLocal *self, const char *migration, gboolean *prepared, QmpWait *wait, GError **error)
{
  *prepared = FALSE;
  if (!take_up (self, migration, error))
    return FALSE;
  if (self->destination == NULL)
    return TRUE;
  *prepared = qmig_destination_look (self->destination, wait, NULL) && phase_of (self) >= QMIG_INCOMING_LISTENING
              && phase_of (self) != QMIG_INCOMING_GONE;
  if (*prepared)
    return TRUE;
  if (qmig_destination_get_state (self->destination)->held)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_CONFLICT, "cannot prepare %s again: its switchover has begun", migration);
      return FALSE;
    }
  if (!kill_and_clean_up (self, error))
    return FALSE;
  forget (self);

  return TRUE;
}

static QmigIncoming *
host_local_prepare (QmigHost *host, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (host);
  GError *cause = NULL;
  gint64 began_us;
  gboolean prepared;

  if (!find_prepared (self, spec->migration, &prepared, wait, error))
    return NULL;
  if (prepared)
    return qmig_destination_dup_state (self->destination);
  if (!begin_reservation (self, spec, error))
    return NULL;

  began_us = g_get_monotonic_time ();
  if (!launch (self, &cause) || !qmig_destination_connect (self->destination, wait, &cause))
    {
      undo_prepare (self, cause, error);
      return NULL;
    }
  qmig_destination_set_launch_ms (self->destination, (g_get_monotonic_time () - began_us) / 1000);
  if (!qmig_host_prepare_listen (self->env, self->destination, self->spec, wait, &cause))
    {
      undo_prepare (self, cause, error);
      return NULL;
    }
  return qmig_destination_dup_state (self->destination);
}

/* -- acts ----------------------------------------------------------------------- */

static gboolean
refuse (QmigExit code, const char *what, const QmigIncoming *state, GError **error)
{
  g_set_error (error, QMIG_ERROR, code, "%s: the destination is %s (run state %s, migration %s)%s%s", what,
               qmig_incoming_phase_names[state->phase], state->run_state ? state->run_state : "unknown",
               state->status ? state->status : "none", state->error ? ": " : "", state->error ? state->error : "");
  return FALSE;
}

static gboolean
act_hold (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  if (!qmig_destination_look (self->destination, wait, error))
    return FALSE;
  if (qmig_destination_is_gone (self->destination))
    return refuse (QMIG_EXIT_ERROR, "cannot hold", qmig_destination_get_state (self->destination), error);
  if (!qmig_journal_reservation_held (self->journal, self->migration, error))
    return FALSE;
  qmig_destination_set_held (self->destination);

  return TRUE;
}

static gboolean
act_renew (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  return qmig_destination_look (self->destination, wait, error);
}

/* It may be told to run.  In post-copy only if its source says so too: that is the asker's to know. */
static gboolean
has_vm (QmigIncomingPhase phase)
{
  return phase == QMIG_INCOMING_POSTCOPY || phase == QMIG_INCOMING_LOADED || phase == QMIG_INCOMING_COMMITTED;
}

/* Whether it may be told to run; nothing was done when it may not. */
static gboolean
check_loaded (QmigHostLocal *self, const char *what, GError **error)
{
  const QmigIncoming *state = qmig_destination_get_state (self->destination);

  if (self->spec->rehearsal)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_REFUSED, "%s: this is the copy of a rehearsal, which never runs", what);
      return FALSE;
    }
  if (!has_vm (state->phase))
    return refuse (QMIG_EXIT_REFUSED, what, state, error);
  return TRUE;
}

static QmpCheck
check_running (gpointer data, GError **error)
{
  QmigHostLocal *self = data;
  const QmigIncoming *state = qmig_destination_get_state (self->destination);

  if (qmig_destination_is_gone (self->destination))
    {
      refuse (QMIG_EXIT_ATTENTION, "it was told to run", state, error);
      return QMP_CHECK_FAILED;
    }
  if (!qmig_destination_check_fresh (self->destination, error))
    return QMP_CHECK_FAILED;
  return state->phase == QMIG_INCOMING_COMMITTED ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

/* Its answer may be lost together with the monitor; then it is asked what became of it. */
static gboolean
cont_and_see (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  QmpClient *client = qmig_destination_get_client (self->destination);
  g_autoptr(GError) cause = NULL;

  if (!qmp_cont (client, wait, error))
    return FALSE;
  if (phase_of (self) == QMIG_INCOMING_COMMITTED)
    return TRUE;
  if (qmig_destination_look (self->destination, wait, &cause) && qmp_wait_until (wait, check_running, self, &cause))
    return TRUE;
  /* `cont` was accepted: whatever is refused after it does not mean that it does not run. */
  if (qmp_error_is_refusal (cause))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "it was told to run, and then: %s", cause->message);
  else
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* The first `cont` may have been obeyed before its answer was lost: a refusal of the second proves nothing. */
static gboolean
cont_again (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (cont_and_see (self, wait, &cause))
    return TRUE;
  if (qmp_error_is_refusal (cause))
    g_set_error (error, QMIG_ERROR, QMIG_EXIT_ATTENTION, "it was told to run twice, and then: %s", cause->message);
  else
    g_propagate_error (error, g_steal_pointer (&cause));
  return FALSE;
}

/* The guest stands still meanwhile: what events have told is not asked again.  Loaded stays loaded. */
static gboolean
see_for_commit (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  /* The process is asked last: what is dead before it was told to run surely did not. */
  if ((phase_of (self) == QMIG_INCOMING_LOADED || phase_of (self) == QMIG_INCOMING_POSTCOPY) &&
      qmig_destination_check_fresh (self->destination, NULL) && !qmig_destination_is_gone (self->destination))
    return TRUE;
  return qmig_destination_look (self->destination, wait, error);
}

static gboolean
act_commit (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  g_autoptr(GError) lost = NULL;

  if (!see_for_commit (self, wait, error) || !check_loaded (self, "cannot commit", error))
    return FALSE;
  if (phase_of (self) == QMIG_INCOMING_COMMITTED || cont_and_see (self, wait, &lost))
    return TRUE;
  if (!g_error_matches (lost, QMP_ERROR, QMP_ERROR_CLOSED))
    {
      g_propagate_error (error, g_steal_pointer (&lost));
      return FALSE;
    }

  if (!qmig_destination_look (self->destination, wait, error))
    return FALSE;
  if (phase_of (self) == QMIG_INCOMING_GONE)
    return refuse (QMIG_EXIT_ATTENTION, "it was told to run", qmig_destination_get_state (self->destination), error);
  return phase_of (self) == QMIG_INCOMING_COMMITTED || cont_again (self, wait, error);
}

static gboolean
act_accept (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  if (!qmig_destination_look (self->destination, wait, error) || !check_loaded (self, "cannot accept", error))
    return FALSE;
  if (phase_of (self) != QMIG_INCOMING_COMMITTED)
    qmig_destination_set_accepted (self->destination);

  return TRUE;
}

/* Only a destination that was loaded can have been told to run, and with an open monitor that would have been heard. */
static gboolean
may_run (QmigHostLocal *self)
{
  QmigIncomingPhase phase = phase_of (self);

  return !qmig_destination_check_fresh (self->destination, NULL) || has_vm (phase);
}

static gboolean
act_abort (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) glance = qmp_wait_new_within (wait, "the destination's run state", LOOK_BEFORE_KILL_MS);
  g_autoptr(QmpWait) end = qmp_wait_new_within (wait, "the destination's end", KILL_MS);

  if (may_run (self))
    qmig_destination_look (self->destination, glance, NULL);
  if (phase_of (self) == QMIG_INCOMING_COMMITTED)
    return refuse (QMIG_EXIT_CONFLICT, "cannot abort", qmig_destination_get_state (self->destination), error);

  return qmig_destination_kill (self->destination, end, error) && clean_up (self, error);
}

/* What loads ends by itself, broken off, or has all that it needs. */
static QmpCheck
check_not_loading (gpointer data, GError **error)
{
  QmigHostLocal *self = data;
  const QmigIncoming *state = qmig_destination_get_state (self->destination);

  if (qmig_destination_is_gone (self->destination) || has_vm (state->phase)
      || !qmp_migration_status_is_in_progress (qmp_migration_status_from_string (state->status)))
    return QMP_CHECK_DONE;
  return qmig_destination_check_fresh (self->destination, error) ? QMP_CHECK_PENDING : QMP_CHECK_FAILED;
}

/* Or it could be loaded between the look and the kill, while the source dies. */
static gboolean
break_off (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) end = qmp_wait_new_within (wait, "the end of what loads", LOOK_BEFORE_KILL_MS);

  if (!qmig_destination_look (self->destination, wait, error))
    return FALSE;
  if (check_not_loading (self, NULL) == QMP_CHECK_DONE)
    return TRUE;
  (void) !qmp_yank_migration (qmig_destination_get_client (self->destination), end, NULL);
  (void) !qmp_wait_until (end, check_not_loading, self, NULL);
  return TRUE;
}

/*
 * The source has been silent for the whole lease.  Before it is loaded this copy is worth nothing without the source; once it
 * is, it may be all there is of the VM, and only a word ends it.
 */
static gboolean
act_expire (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  g_autoptr(QmpWait) glance = qmp_wait_new_within (wait, "the destination's run state", LOOK_BEFORE_KILL_MS);

  if (qmig_destination_get_state (self->destination)->held && !break_off (self, glance, error))
    return FALSE;
  if (has_vm (phase_of (self)))
    return TRUE;
  return act_abort (self, wait, error);
}

/* What was seen is not asked again: it may be unable to answer. */
static gboolean
act_recover (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  const QmigIncoming *state = qmig_destination_get_state (self->destination);

  if (!qmig_destination_check_fresh (self->destination, NULL) && !qmig_destination_look (self->destination, wait, error))
    return FALSE;
  if (qmig_destination_is_gone (self->destination))
    return refuse (QMIG_EXIT_ERROR, "cannot take up the post-copy", state, error);
  if (!qmp_migration_status_is_postcopy (qmp_migration_status_from_string (state->status)))
    return refuse (QMIG_EXIT_CONFLICT, "cannot take up a post-copy", state, error);
  return qmig_host_recover_listen (self->destination, self->spec, wait, error);
}

static void
remove_migration_socket (QmigHostLocal *self)
{
  g_autofree char *path = g_build_filename (self->spec->run_dir, QMIG_MIGRATION_SOCKET, NULL);

  g_unlink (path);
}

/* The VM runs, and does so with them as well; a later move removes them before it adds its own. */
static void
forget_stream (QmigHostLocal *self, QmpWait *wait)
{
  g_autoptr(GError) untidy = NULL;

  if (g_strcmp0 (self->spec->transport, "tls") != 0)
    return;
  if (!qmig_destination_connect (self->destination, wait, &untidy) ||
      !qmig_stream_release (qmig_destination_get_client (self->destination), wait, &untidy))
    g_warning ("%s: cannot take the stream's credentials from QEMU: %s", self->migration, untidy->message);
}

static gboolean
act_release (QmigHostLocal *self, QmpWait *wait, GError **error)
{
  if (self->released)
    return TRUE;
  if (phase_of (self) != QMIG_INCOMING_COMMITTED && !qmig_destination_look (self->destination, wait, error))
    return FALSE;
  if (qmig_destination_is_gone (self->destination))
    return clean_up (self, error);
  /* Committed or accepted before we were restarted, and paused since: the source is gone, so this is the VM. */
  if (phase_of (self) == QMIG_INCOMING_LOADED && qmig_destination_get_state (self->destination)->held)
    qmig_destination_set_accepted (self->destination);
  if (phase_of (self) != QMIG_INCOMING_COMMITTED)
    return refuse (QMIG_EXIT_CONFLICT, "cannot release", qmig_destination_get_state (self->destination), error);

  remove_migration_socket (self);
  forget_stream (self, wait);
  if (!qmig_journal_reservation_end (self->journal, self->migration, error))
    return FALSE;
  qmig_destination_disconnect (self->destination);
  self->released = TRUE;

  return TRUE;
}

typedef struct
{
  const char *name;
  gboolean (*act) (QmigHostLocal *self, QmpWait *wait, GError **error);
  int when_unknown; /* QmigExit: what it means when this host has no such reservation (any more) */
} Act;

static const Act acts[] = {
  { "hold", act_hold, QMIG_EXIT_NOT_FOUND },     { "renew", act_renew, QMIG_EXIT_NOT_FOUND },
  { "commit", act_commit, QMIG_EXIT_ATTENTION }, { "accept", act_accept, QMIG_EXIT_ATTENTION },
  { "abort", act_abort, QMIG_EXIT_OK },          { "release", act_release, QMIG_EXIT_OK },
  { "expire", act_expire, QMIG_EXIT_OK },         { "recover", act_recover, QMIG_EXIT_ATTENTION },
};

static const Act *
find_act (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
    if (g_str_equal (acts[i].name, name))
      return &acts[i];
  return NULL;
}

static QmigIncoming *
host_local_act (QmigHost *host, const char *migration, const char *name, QmpWait *wait, GError **error)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (host);
  const Act *act = find_act (name);

  if (act == NULL)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "there is no act '%s'", name);
      return NULL;
    }
  if (!take_up (self, migration, error))
    return NULL;
  if (self->destination == NULL && act->when_unknown == QMIG_EXIT_OK)
    return unknown_migration (migration);
  if (self->destination == NULL)
    {
      g_set_error (error, QMIG_ERROR, act->when_unknown, "cannot %s: this host has no reservation for migration %s",
                   name, migration);
      return NULL;
    }
  return act->act (self, wait, error) ? qmig_destination_dup_state (self->destination) : NULL;
}

/* -- the object -------------------------------------------------------------------- */

static void
qmig_host_local_iface_init (QmigHostInterface *iface)
{
  iface->get_name = host_local_get_name;
  iface->get_facts = host_local_get_facts;
  iface->prepare = host_local_prepare;
  iface->act = host_local_act;
  iface->query = host_local_query;
  iface->follow = host_local_follow;
  iface->peek = host_local_peek;
}

static void
qmig_host_local_finalize (GObject *object)
{
  QmigHostLocal *self = QMIG_HOST_LOCAL (object);

  forget (self);
  g_clear_pointer (&self->peeked, qmig_incoming_free);
  g_clear_pointer (&self->journal, qmig_journal_close);
  g_free (self->migration);
  G_OBJECT_CLASS (qmig_host_local_parent_class)->finalize (object);
}

static void
qmig_host_local_class_init (QmigHostLocalClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = qmig_host_local_finalize;
  signals[SIGNAL_CHANGED] = g_signal_new ("changed", QMIG_TYPE_HOST_LOCAL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                          G_TYPE_NONE, 1, G_TYPE_POINTER);
}

static void
qmig_host_local_init (QmigHostLocal *self)
{
}

QmigHost *
qmig_host_local_new (const QmigEnv *env, GError **error)
{
  g_autoptr(QmigHostLocal) self = g_object_new (QMIG_TYPE_HOST_LOCAL, NULL);

  self->env = env;
  self->journal = qmig_journal_open (env->state_dir, error);
  if (self->journal == NULL)
    return NULL;

  return QMIG_HOST (g_steal_pointer (&self));
}
