/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmp-error.h"
#include "qmp-wait.h"

#define LIMIT_MS 30000

typedef struct
{
  QmpCheck verdict;
  guint asked;
  guint done_after; /* this many questions; 0: never */
} Script;

static QmpCheck
check_script (gpointer data, GError **error)
{
  Script *script = data;

  script->asked++;
  if (script->verdict == QMP_CHECK_FAILED)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the check says no");
  if (script->done_after > 0 && script->asked >= script->done_after)
    return QMP_CHECK_DONE;
  return script->verdict;
}

/* The present state counts, before any deadline and any cancel. */
static void
test_done_at_once (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "nothing", 0);
  g_autoptr(GError) error = NULL;
  Script script = { QMP_CHECK_DONE, 0, 0 };

  g_cancellable_cancel (cancellable);
  g_assert_true (qmp_wait_until (wait, check_script, &script, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (script.asked, ==, 1);
}

static void
test_failed (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "nothing", LIMIT_MS);
  g_autoptr(GError) error = NULL;
  Script script = { QMP_CHECK_FAILED, 0, 0 };

  g_assert_false (qmp_wait_until (wait, check_script, &script, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_cmpuint (script.asked, ==, 1);
}

static void
test_cancelled_before_deadline (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "nothing", 0);
  g_autoptr(GError) error = NULL;
  Script script = { QMP_CHECK_PENDING, 0, 0 };

  g_cancellable_cancel (cancellable);
  g_assert_false (qmp_wait_until (wait, check_script, &script, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_deadline (void)
{
  static const struct
  {
    gint64 timeout_ms;
    const char *text;
  } texts[] = {
    { 0, "timed out after 0 s waiting for the greeting" },
    { 30, "timed out after 30 ms waiting for the greeting" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "the greeting", texts[i].timeout_ms);
      g_autoptr(GError) error = NULL;
      Script script = { QMP_CHECK_PENDING, 0, 0 };

      g_assert_false (qmp_wait_until (wait, check_script, &script, &error));
      g_assert_error (error, QMP_ERROR, QMP_ERROR_TIMEOUT);
      g_assert_cmpstr (error->message, ==, texts[i].text);
      g_assert_cmpint (qmp_wait_left_ms (wait), ==, 0);
      /* It slept until the deadline, and did not spin. */
      g_assert_cmpuint (script.asked, <, 20);
    }
}

static gpointer
cancel_in_thread (gpointer cancellable)
{
  g_cancellable_cancel (cancellable);
  return NULL;
}

/* Without any other source, the cancel alone wakes the wait. */
static void
test_cancel_wakes (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "nothing", -1);
  g_autoptr(GError) error = NULL;
  Script script = { QMP_CHECK_PENDING, 0, 0 };
  GThread *thread = g_thread_new ("cancel", cancel_in_thread, cancellable);

  g_assert_false (qmp_wait_until (wait, check_script, &script, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_thread_join (thread);
}

static gboolean
call_again (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_done_later (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "nothing", LIMIT_MS);
  g_autoptr(GError) error = NULL;
  Script script = { QMP_CHECK_PENDING, 0, 5 };
  guint id = g_idle_add (call_again, NULL);

  g_assert_true (qmp_wait_until (wait, check_script, &script, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (script.asked, ==, 5);
  g_source_remove (id);
}

static void
test_no_deadline (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "nothing", -1);
  g_autoptr(QmpWait) far = qmp_wait_new (NULL, "nothing", G_MAXINT64);

  g_assert_cmpint (qmp_wait_left_ms (wait), ==, G_MAXINT64);
  g_assert_cmpint (qmp_wait_left_ms (far), ==, G_MAXINT64);
  g_assert_null (qmp_wait_get_cancellable (wait));
  g_assert_true (qmp_wait_get_context (wait) == g_main_context_default ());
}

static void
test_within (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) outer = qmp_wait_new (cancellable, "the outer", 20000);
  g_autoptr(QmpWait) shorter = qmp_wait_new_within (outer, "the inner", 10);
  g_autoptr(QmpWait) longer = qmp_wait_new_within (outer, "the inner", 40000);
  g_autoptr(QmpWait) endless = qmp_wait_new_within (outer, "the inner", -1);
  g_autoptr(QmpWait) unbound = qmp_wait_new (NULL, "all", -1);
  g_autoptr(QmpWait) bound = qmp_wait_new_within (unbound, "the inner", 20000);

  g_assert_true (qmp_wait_get_cancellable (shorter) == cancellable);
  g_assert_cmpint (qmp_wait_left_ms (shorter), <=, 10);
  g_assert_cmpint (qmp_wait_left_ms (longer), <=, 20000);
  g_assert_cmpint (qmp_wait_left_ms (endless), <=, 20000);
  g_assert_cmpint (qmp_wait_left_ms (bound), <=, 20000);
}

static gboolean
count_up (gpointer data)
{
  (*(guint *) data)++;
  return G_SOURCE_REMOVE;
}

/* Meanwhile the context runs. */
static void
test_pause (void)
{
  g_autoptr(QmpWait) wait = qmp_wait_new (NULL, "nothing", LIMIT_MS);
  g_autoptr(GError) error = NULL;
  guint count = 0;
  gint64 begin = g_get_monotonic_time ();

  g_idle_add (count_up, &count);
  g_assert_true (qmp_wait_pause (wait, 20, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_get_monotonic_time () - begin, >=, 19000);
  g_assert_cmpuint (count, ==, 1);
  g_assert_true (qmp_wait_pause (wait, 0, &error));
}

static void
test_pause_ends_early (void)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) brief = qmp_wait_new (NULL, "nothing", 10);
  g_autoptr(QmpWait) cancelled = qmp_wait_new (cancellable, "nothing", -1);
  g_autoptr(GError) error = NULL;

  g_assert_false (qmp_wait_pause (brief, LIMIT_MS, &error));
  g_assert_error (error, QMP_ERROR, QMP_ERROR_TIMEOUT);
  g_clear_error (&error);
  g_cancellable_cancel (cancellable);
  g_assert_false (qmp_wait_pause (cancelled, LIMIT_MS, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

typedef struct
{
  GMainContext *expected;
  gboolean is_task_over;
} Seen;

static void
on_task (GObject *source, GAsyncResult *result, gpointer data)
{
  ((Seen *) data)->is_task_over = TRUE;
}

/* The check starts something by GIO, which has to end in the context that is iterated. */
static QmpCheck
check_context (gpointer data, GError **error)
{
  Seen *seen = data;
  g_autoptr(GMainContext) now = g_main_context_ref_thread_default ();

  g_assert_true (now == seen->expected);
  if (!seen->is_task_over)
    {
      g_autoptr(GTask) task = g_task_new (NULL, NULL, on_task, seen);

      g_task_return_boolean (task, TRUE);
    }
  return seen->is_task_over ? QMP_CHECK_DONE : QMP_CHECK_PENDING;
}

static void
test_private_context (void)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(QmpWait) wait = NULL;
  g_autoptr(GMainContext) after = NULL;
  g_autoptr(GError) error = NULL;
  Seen seen = { context, FALSE };

  g_main_context_push_thread_default (context);
  wait = qmp_wait_new (NULL, "nothing", LIMIT_MS);
  g_main_context_pop_thread_default (context);

  g_assert_true (qmp_wait_get_context (wait) == context);
  g_assert_true (qmp_wait_until (wait, check_context, &seen, &error));
  g_assert_no_error (error);
  after = g_main_context_ref_thread_default ();
  g_assert_true (after == g_main_context_default ());
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/qmp-wait/done-at-once", test_done_at_once);
  g_test_add_func ("/qmp-wait/failed", test_failed);
  g_test_add_func ("/qmp-wait/cancelled-before-deadline", test_cancelled_before_deadline);
  g_test_add_func ("/qmp-wait/deadline", test_deadline);
  g_test_add_func ("/qmp-wait/cancel-wakes", test_cancel_wakes);
  g_test_add_func ("/qmp-wait/done-later", test_done_later);
  g_test_add_func ("/qmp-wait/no-deadline", test_no_deadline);
  g_test_add_func ("/qmp-wait/within", test_within);
  g_test_add_func ("/qmp-wait/pause", test_pause);
  g_test_add_func ("/qmp-wait/pause-ends-early", test_pause_ends_early);
  g_test_add_func ("/qmp-wait/private-context", test_private_context);
  return g_test_run ();
}
