/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-host.h"

/* What one call is made to answer. */
typedef struct
{
  int failures;   /* still to come; -1: for ever */
  GError *error;  /* theirs */
  int lost;       /* answers still to be lost */
  guint count;
} Rule;

struct _FakeHost
{
  GMutex lock; /* for all that follows */
  char *name;
  QmigFacts *facts;
  QmigIncoming *state;
  char *uri;           /* (nullable): said instead of the usual one */
  gboolean silent;
  GHashTable *rules;   /* (element-type utf8 Rule) */
  GPtrArray *contexts; /* of those who may wait for news */
  FakeHostFunc func;
  gpointer data;
};

#define FAKE_TYPE_REMOTE (fake_remote_get_type ())
G_DECLARE_FINAL_TYPE (FakeRemote, fake_remote, FAKE, REMOTE, GObject)

struct _FakeRemote
{
  GObject parent_instance;
  FakeHost *fake;
  gboolean followed;
  QmigIncoming *peeked; /* (nullable) */
};

static void fake_remote_iface_init (QmigHostInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeRemote, fake_remote, G_TYPE_OBJECT, G_IMPLEMENT_INTERFACE (QMIG_TYPE_HOST, fake_remote_iface_init))

/* -- the host ------------------------------------------------------------------ */

static void
rule_free (gpointer data)
{
  Rule *rule = data;

  g_clear_error (&rule->error);
  g_free (rule);
}

FakeHost *
fake_host_new (const char *name)
{
  FakeHost *self = g_new0 (FakeHost, 1);

  g_mutex_init (&self->lock);
  self->name = g_strdup (name);
  self->rules = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, rule_free);
  self->contexts = g_ptr_array_new_with_free_func ((GDestroyNotify) g_main_context_unref);
  self->state = qmig_incoming_new ();
  self->state->phase = QMIG_INCOMING_GONE;
  self->state->seq = 1;
  self->facts = qmig_facts_new ();
  self->facts->host = qmig_host_info_new ();
  self->facts->host->name = g_strdup (name);
  self->facts->host->boot_id = g_strdup ("another machine");
  self->facts->host->memory_available_bytes = G_MAXINT64;
  self->facts->host->time_us = g_get_real_time ();
  self->facts->run_dir = g_strdup ("/nowhere/run/vm/m-1");
  self->facts->binary_found = TRUE;
  self->facts->binary = g_strdup ("/usr/bin/qemu-system-x86_64");
  self->facts->machine_known = TRUE;
  self->facts->kvm = TRUE;
  return self;
}

void
fake_host_free (FakeHost *self)
{
  g_ptr_array_unref (self->contexts);
  g_hash_table_unref (self->rules);
  qmig_incoming_free (self->state);
  qmig_facts_free (self->facts);
  g_mutex_clear (&self->lock);
  g_free (self->uri);
  g_free (self->name);
  g_free (self);
}

QmigHost *
fake_host_open (FakeHost *self)
{
  FakeRemote *remote = g_object_new (FAKE_TYPE_REMOTE, NULL);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  remote->fake = self;
  g_ptr_array_add (self->contexts, g_main_context_ref_thread_default ());
  return QMIG_HOST (remote);
}

/* With the lock held. */
static Rule *
get_rule (FakeHost *self, const char *call)
{
  Rule *rule = g_hash_table_lookup (self->rules, call);

  if (rule == NULL)
    {
      rule = g_new0 (Rule, 1);
      g_hash_table_insert (self->rules, g_strdup (call), rule);
    }
  return rule;
}

/* With the lock held. */
static void
change (FakeHost *self)
{
  self->state->seq++;
  for (guint i = 0; i < self->contexts->len; i++)
    g_main_context_wakeup (g_ptr_array_index (self->contexts, i));
}

/* With the lock held. */
static void
enter (FakeHost *self, QmigIncomingPhase phase, const char *run_state)
{
  self->state->phase = phase;
  g_free (self->state->run_state);
  self->state->run_state = g_strdup (run_state);
  change (self);
}

static const char *
usual_run_state (QmigIncomingPhase phase)
{
  switch (phase)
    {
    case QMIG_INCOMING_LAUNCHING:
    case QMIG_INCOMING_GONE:
      return NULL;
    case QMIG_INCOMING_READY:
    case QMIG_INCOMING_LISTENING:
      return "inmigrate";
    case QMIG_INCOMING_POSTCOPY:
    case QMIG_INCOMING_LOADED:
      return "paused";
    case QMIG_INCOMING_COMMITTED:
      return "running";
    }
  return NULL;
}

void
fake_host_set_phase (FakeHost *self, QmigIncomingPhase phase)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  enter (self, phase, usual_run_state (phase));
}

QmigIncomingPhase
fake_host_get_phase (FakeHost *self)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return self->state->phase;
}

void
fake_host_set_error (FakeHost *self, const char *text)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_free (self->state->error);
  self->state->error = g_strdup (text);
  change (self);
}

void
fake_host_set_status (FakeHost *self, const char *status)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_free (self->state->status);
  self->state->status = g_strdup (status);
  change (self);
}

void
fake_host_set_uri (FakeHost *self, const char *uri)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_free (self->uri);
  self->uri = g_strdup (uri);
}

void
fake_host_set_silent (FakeHost *self, gboolean silent)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->silent = silent;
  change (self);
}

QmigFacts *
fake_host_facts (FakeHost *self)
{
  return self->facts;
}

void
fake_host_fail (FakeHost *self, const char *call, int times, GQuark domain, int code, const char *message)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  Rule *rule = get_rule (self, call);

  g_clear_error (&rule->error);
  rule->error = g_error_new_literal (domain, code, message);
  rule->failures = times;
}

void
fake_host_lose_answer (FakeHost *self, const char *call, int times)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  get_rule (self, call)->lost = times;
}

void
fake_host_handle (FakeHost *self, FakeHostFunc func, gpointer data)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->func = func;
  self->data = data;
}

guint
fake_host_count (FakeHost *self, const char *call)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  return get_rule (self, call)->count;
}

/* -- one call --------------------------------------------------------------------- */

static gboolean
fail_unreachable (FakeHost *self, GError **error)
{
  g_set_error (error, QMIG_ERROR, QMIG_EXIT_UNREACHABLE, "'%s' does not answer", self->name);
  return FALSE;
}

static gboolean
begin_call (FakeHost *self, const char *call, QmpWait *wait, GError **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  Rule *rule = get_rule (self, call);
  FakeHostFunc func = self->func;
  gpointer data = self->data;

  rule->count++;
  g_clear_pointer (&locker, g_mutex_locker_free);
  if (func != NULL && !func (self, call, wait, data, error))
    return FALSE;

  locker = g_mutex_locker_new (&self->lock);
  if (self->silent)
    return fail_unreachable (self, error);
  if (rule->failures == 0)
    return TRUE;
  if (rule->failures > 0)
    rule->failures--;
  g_propagate_error (error, g_error_copy (rule->error));
  return FALSE;
}

/* With the lock held. */
static QmigIncoming *
end_call (FakeHost *self, const char *call, GError **error)
{
  Rule *rule = get_rule (self, call);

  if (rule->lost > 0)
    {
      rule->lost--;
      fail_unreachable (self, error);
      return NULL;
    }
  self->state->time_us = g_get_real_time ();
  return qmig_incoming_copy (self->state);
}

static const char *
fake_remote_get_name (QmigHost *host)
{
  return FAKE_REMOTE (host)->fake->name;
}

static QmigFacts *
fake_remote_get_facts (QmigHost *host, const QmigFactsRequest *request, QmpWait *wait, GError **error)
{
  FakeHost *self = FAKE_REMOTE (host)->fake;

  if (!begin_call (self, "facts", wait, error))
    return NULL;
  self->facts->host->time_us = g_get_real_time ();
  return qmig_facts_copy (self->facts);
}

static QmigIncoming *
fake_remote_prepare (QmigHost *host, const QmigIncomingSpec *spec, QmpWait *wait, GError **error)
{
  FakeHost *self = FAKE_REMOTE (host)->fake;
  g_autoptr(GMutexLocker) locker = NULL;

  if (!begin_call (self, "prepare", wait, error))
    return NULL;

  locker = g_mutex_locker_new (&self->lock);
  g_free (self->state->migration);
  self->state->migration = g_strdup (spec->migration);
  g_free (self->state->uri);
  self->state->uri = g_strdup (self->uri != NULL ? self->uri : "tcp:192.0.2.1:49152");
  self->state->pid = 4711;
  self->state->launch_ms = 7;
  enter (self, QMIG_INCOMING_LISTENING, "inmigrate");
  return end_call (self, "prepare", error);
}

static QmigIncoming *
fake_remote_query (QmigHost *host, const char *migration, QmpWait *wait, GError **error)
{
  FakeHost *self = FAKE_REMOTE (host)->fake;
  g_autoptr(GMutexLocker) locker = NULL;

  if (!begin_call (self, "query", wait, error))
    return NULL;
  locker = g_mutex_locker_new (&self->lock);
  return end_call (self, "query", error);
}

/* -- acts, with the lock held -------------------------------------------------------- */

static gboolean
refuse (FakeHost *self, QmigExit code, const char *call, GError **error)
{
  g_set_error (error, QMIG_ERROR, code, "cannot %s: the destination is %s", call, qmig_incoming_phase_names[self->state->phase]);
  return FALSE;
}

static gboolean
act_hold (FakeHost *self, GError **error)
{
  if (self->state->phase == QMIG_INCOMING_GONE)
    return refuse (self, QMIG_EXIT_ERROR, "hold", error);
  self->state->held = TRUE;
  change (self);
  return TRUE;
}

static gboolean
act_renew (FakeHost *self, GError **error)
{
  return TRUE;
}

static gboolean
may_run (FakeHost *self)
{
  return self->state->phase == QMIG_INCOMING_POSTCOPY || self->state->phase == QMIG_INCOMING_LOADED ||
         self->state->phase == QMIG_INCOMING_COMMITTED;
}

static gboolean
act_commit (FakeHost *self, GError **error)
{
  if (!may_run (self))
    return refuse (self, QMIG_EXIT_REFUSED, "commit", error);
  if (self->state->phase != QMIG_INCOMING_COMMITTED)
    {
      self->state->resumed_us = g_get_real_time ();
      enter (self, QMIG_INCOMING_COMMITTED, "running");
    }
  return TRUE;
}

static gboolean
act_accept (FakeHost *self, GError **error)
{
  if (!may_run (self))
    return refuse (self, QMIG_EXIT_REFUSED, "accept", error);
  if (self->state->phase != QMIG_INCOMING_COMMITTED)
    enter (self, QMIG_INCOMING_COMMITTED, "paused");
  return TRUE;
}

static gboolean
act_abort (FakeHost *self, GError **error)
{
  if (self->state->phase == QMIG_INCOMING_COMMITTED)
    return refuse (self, QMIG_EXIT_CONFLICT, "abort", error);
  if (self->state->phase != QMIG_INCOMING_GONE)
    enter (self, QMIG_INCOMING_GONE, NULL);
  return TRUE;
}

static gboolean
act_release (FakeHost *self, GError **error)
{
  if (self->state->phase != QMIG_INCOMING_COMMITTED && self->state->phase != QMIG_INCOMING_GONE)
    return refuse (self, QMIG_EXIT_CONFLICT, "release", error);
  return TRUE;
}

static gboolean
act_recover (FakeHost *self, GError **error)
{
  if (self->state->phase == QMIG_INCOMING_GONE)
    return refuse (self, QMIG_EXIT_ERROR, "recover", error);
  g_free (self->state->uri);
  self->state->uri = g_strdup ("tcp:192.0.2.1:49153");
  change (self);
  return TRUE;
}

static const struct
{
  const char *name;
  gboolean (*act) (FakeHost *self, GError **error);
} acts[] = {
  { "hold", act_hold }, { "renew", act_renew }, { "commit", act_commit },
  { "accept", act_accept }, { "abort", act_abort }, { "release", act_release }, { "recover", act_recover },
};

static QmigIncoming *
fake_remote_act (QmigHost *host, const char *migration, const char *action, QmpWait *wait, GError **error)
{
  FakeHost *self = FAKE_REMOTE (host)->fake;
  g_autoptr(GMutexLocker) locker = NULL;

  if (!begin_call (self, action, wait, error))
    return NULL;
  locker = g_mutex_locker_new (&self->lock);
  for (gsize i = 0; i < G_N_ELEMENTS (acts); i++)
    if (g_str_equal (acts[i].name, action))
      return acts[i].act (self, error) ? end_call (self, action, error) : NULL;
  g_error ("the host was asked to '%s'", action);
}

/* -- what is heard ----------------------------------------------------------------------- */

static void
fake_remote_follow (QmigHost *host, const char *migration)
{
  FakeRemote *remote = FAKE_REMOTE (host);

  remote->followed = TRUE;
  (void) !begin_call (remote->fake, "follow", NULL, NULL);
}

static const QmigIncoming *
fake_remote_peek (QmigHost *host, GError **error)
{
  FakeRemote *remote = FAKE_REMOTE (host);
  FakeHost *self = remote->fake;
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (self->silent || !remote->followed)
    {
      fail_unreachable (self, error);
      return NULL;
    }
  if (remote->peeked == NULL || remote->peeked->seq != self->state->seq)
    {
      g_clear_pointer (&remote->peeked, qmig_incoming_free);
      remote->peeked = qmig_incoming_copy (self->state);
    }
  return remote->peeked;
}

static void
fake_remote_iface_init (QmigHostInterface *iface)
{
  iface->get_name = fake_remote_get_name;
  iface->get_facts = fake_remote_get_facts;
  iface->prepare = fake_remote_prepare;
  iface->act = fake_remote_act;
  iface->query = fake_remote_query;
  iface->follow = fake_remote_follow;
  iface->peek = fake_remote_peek;
}

static void
fake_remote_finalize (GObject *object)
{
  g_clear_pointer (&FAKE_REMOTE (object)->peeked, qmig_incoming_free);
  G_OBJECT_CLASS (fake_remote_parent_class)->finalize (object);
}

static void
fake_remote_class_init (FakeRemoteClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = fake_remote_finalize;
}

static void
fake_remote_init (FakeRemote *self)
{
}
