/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-wait.h"

#include "qmp-error.h"

struct _QmpWait
{
  GMainContext *context;
  GCancellable *cancellable;
  char *what;
  gint64 timeout_ms;
  gint64 deadline_us; /* monotonic; G_MAXINT64: none */
};

static gint64
deadline_after_ms (gint64 timeout_ms)
{
  gint64 now = g_get_monotonic_time ();

  if (timeout_ms < 0 || timeout_ms > (G_MAXINT64 - now) / 1000)
    return G_MAXINT64;
  return now + timeout_ms * 1000;
}

QmpWait *
qmp_wait_new (GCancellable *cancellable, const char *what, gint64 timeout_ms)
{
  QmpWait *self = g_new0 (QmpWait, 1);

  self->context = g_main_context_ref_thread_default ();
  g_set_object (&self->cancellable, cancellable);
  self->what = g_strdup (what);
  self->timeout_ms = timeout_ms;
  self->deadline_us = deadline_after_ms (timeout_ms);
  return self;
}

QmpWait *
qmp_wait_new_within (QmpWait *outer, const char *what, gint64 timeout_ms)
{
  QmpWait *self = g_new0 (QmpWait, 1);

  self->context = g_main_context_ref (outer->context);
  g_set_object (&self->cancellable, outer->cancellable);
  self->what = g_strdup (what);
  self->timeout_ms = timeout_ms;
  self->deadline_us = deadline_after_ms (timeout_ms);
  if (outer->deadline_us < self->deadline_us)
    {
      self->timeout_ms = qmp_wait_left_ms (outer);
      self->deadline_us = outer->deadline_us;
    }
  return self;
}

void
qmp_wait_free (QmpWait *self)
{
  if (!self)
    return;
  g_main_context_unref (self->context);
  g_clear_object (&self->cancellable);
  g_free (self->what);
  g_free (self);
}

static void
attach (GSource *source, GMainContext *context, GSourceFunc func, gpointer data)
{
  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, context);
}

static void
detach (GSource *source)
{
  if (!source)
    return;
  g_source_destroy (source);
  g_source_unref (source);
}

static gboolean
just_wake (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static gboolean
raise_flag (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

static GSource *
attach_deadline (QmpWait *self)
{
  GSource *source;

  if (self->deadline_us == G_MAXINT64)
    return NULL;

  source = g_timeout_source_new ((guint) MIN (qmp_wait_left_ms (self), G_MAXINT));
  attach (source, self->context, just_wake, NULL);
  return source;
}

static void
wake_context (GCancellable *cancellable, gpointer context)
{
  g_main_context_wakeup (context);
}

/* No GCancellableSource: GLib 2.74 leaks one that ends while another thread cancels. */
static gulong
listen_for_cancel (QmpWait *self)
{
  return g_cancellable_connect (self->cancellable, G_CALLBACK (wake_context), self->context, NULL);
}

static gboolean
check_deadline (QmpWait *self, GError **error)
{
  g_autofree char *duration = NULL;

  if (g_get_monotonic_time () < self->deadline_us)
    return TRUE;

  if (self->timeout_ms % 1000 == 0)
    duration = g_strdup_printf ("%" G_GINT64_FORMAT " s", self->timeout_ms / 1000);
  else
    duration = g_strdup_printf ("%" G_GINT64_FORMAT " ms", self->timeout_ms);
  g_set_error (error, QMP_ERROR, QMP_ERROR_TIMEOUT, "timed out after %s waiting for %s", duration, self->what);
  return FALSE;
}

static gboolean
run_until (QmpWait *self, QmpCheckFunc check, gpointer data, GError **error)
{
  while (TRUE)
    {
      QmpCheck verdict = check (data, error);

      if (verdict != QMP_CHECK_PENDING)
        return verdict == QMP_CHECK_DONE;
      if (g_cancellable_set_error_if_cancelled (self->cancellable, error) || !check_deadline (self, error))
        return FALSE;
      g_main_context_iteration (self->context, TRUE);
    }
}

gboolean
qmp_wait_until (QmpWait *self, QmpCheckFunc check, gpointer data, GError **error)
{
  g_autoptr(GMainContext) thread_default = g_main_context_ref_thread_default ();
  gboolean push = thread_default != self->context;
  gboolean is_owner = g_main_context_acquire (self->context);
  GSource *deadline;
  gulong cancelled;
  gboolean done;

  g_assert (is_owner);
  /* What the check starts by GIO must report to the context that is iterated. */
  if (push)
    g_main_context_push_thread_default (self->context);
  deadline = attach_deadline (self);
  cancelled = self->cancellable != NULL ? listen_for_cancel (self) : 0;

  done = run_until (self, check, data, error);

  g_cancellable_disconnect (self->cancellable, cancelled);
  detach (deadline);
  if (push)
    g_main_context_pop_thread_default (self->context);
  g_main_context_release (self->context);
  return done;
}

static QmpCheck
check_flag (gpointer data, GError **error)
{
  return *(gboolean *) data ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

gboolean
qmp_wait_pause (QmpWait *self, gint64 ms, GError **error)
{
  gboolean over = FALSE;
  GSource *source = g_timeout_source_new ((guint) CLAMP (ms, 0, G_MAXINT));
  gboolean done;

  attach (source, self->context, raise_flag, &over);
  done = qmp_wait_until (self, check_flag, &over, error);
  detach (source);
  return done;
}

GMainContext *
qmp_wait_get_context (QmpWait *self)
{
  return self->context;
}

GCancellable *
qmp_wait_get_cancellable (QmpWait *self)
{
  return self->cancellable;
}

gint64
qmp_wait_left_ms (QmpWait *self)
{
  gint64 left_us;

  if (self->deadline_us == G_MAXINT64)
    return G_MAXINT64;

  left_us = self->deadline_us - g_get_monotonic_time ();
  return left_us > 0 ? (left_us + 999) / 1000 : 0;
}
