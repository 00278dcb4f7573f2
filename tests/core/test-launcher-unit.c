/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU in a unit, before a manager of our own on a bus of our own: it starts programs as it is told, or misbehaves. */

#include "qmig-launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "api-error.h"
#include "qmig-launcher-unit.h"
#include "qmig-process.h"

#define LIMIT_MS 30000
#define SYSTEMD "org.freedesktop.systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/it"
#define JOB_PATH "/org/freedesktop/systemd1/job/1"

typedef enum
{
  OBEY,
  OBEY_LATER,   /* the program has ended before the job has */
  REFUSE,
  FAIL_JOB,
  LIE,          /* gives another process's number */
  GO_SILENT,    /* nobody knows whether it begins */
} Manners;

typedef struct
{
  GTestDBus *daemon;
  GMainContext *context;
  GMainLoop *loop;
  GThread *thread;
  GDBusConnection *bus;
  Manners manners;
  gboolean present;

  char *runtime_dir;
  char *run_dir;
  QmpWait *wait;
  GError *error;

  /* Written by the manager's thread, read between calls. */
  char *unit;
  GVariant *properties;
  gint64 pid;
  gboolean ended;
  guint n_started;
  guint n_stopped;
} Fixture;

/* -- the manager -------------------------------------------------------------------- */

static const char interfaces[]
    = "<node>"
      "<interface name='" SYSTEMD ".Manager'>"
      "<method name='Subscribe'/>"
      "<method name='StartTransientUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/>"
      "<arg type='a(sv)' direction='in'/><arg type='a(sa(sv))' direction='in'/><arg type='o' direction='out'/></method>"
      "<method name='StopUnit'><arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='o' direction='out'/></method>"
      "<method name='GetUnit'><arg type='s' direction='in'/><arg type='o' direction='out'/></method>"
      "<signal name='JobRemoved'><arg type='u'/><arg type='o'/><arg type='s'/><arg type='s'/></signal>"
      "</interface>"
      "<interface name='" SYSTEMD ".Service'>"
      "<property name='MainPID' type='u' access='read'/><property name='ExecMainPID' type='u' access='read'/>"
      "</interface></node>";

static GVariant *
get_property (Fixture *t, const char *name)
{
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_variant_iter_init (&iter, t->properties);
  while (g_variant_iter_next (&iter, "(&sv)", &key, &value))
    {
      if (g_str_equal (key, name))
        return value;
      g_variant_unref (value);
    }
  return NULL;
}

static char *
get_text (Fixture *t, const char *name)
{
  g_autoptr(GVariant) value = get_property (t, name);

  return value != NULL ? g_variant_dup_string (value, NULL) : NULL;
}

static void
lead_a_session (gpointer data)
{
  setsid ();
}

static void
run_program (Fixture *t)
{
  g_autoptr(GVariant) commands = get_property (t, "ExecStartEx");
  g_autoptr(GVariant) words = NULL;
  g_autoptr(GVariant) options = NULL;
  g_autofree char *log_path = get_text (t, "StandardOutputFileToAppend");
  g_autofree char *cwd = get_text (t, "WorkingDirectory");
  g_autofree const char **argv = NULL;
  const char *program;
  GPid pid = 0;
  int log = open (log_path, O_WRONLY | O_APPEND | O_CLOEXEC);

  g_variant_get_child (commands, 0, "(&s@as@as)", &program, &words, &options);
  argv = g_variant_get_strv (words, NULL);
  g_assert_cmpint (log, >=, 0);
  /* Not to be reaped: it is no child of this process, like one of a real manager. */
  g_spawn_async_with_fds (cwd, (char **) argv, NULL, G_SPAWN_DEFAULT, lead_a_session, NULL, &pid, -1, log, log, &t->error);
  g_assert_no_error (t->error);
  close (log);
  t->pid = pid;
}

static void
await_program (Fixture *t)
{
  for (int i = 0; qmig_process_is_alive (t->pid, qmig_process_get_start_time (t->pid)); i++)
    {
      g_assert_cmpint (i, <, LIMIT_MS);
      g_usleep (1000);
    }
  t->ended = TRUE;
}

static void
end_job (Fixture *t, const char *result)
{
  g_dbus_connection_emit_signal (t->bus, NULL, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "JobRemoved",
                                 g_variant_new ("(uoss)", 1, JOB_PATH, t->unit, result), NULL);
}

static void
on_start (Fixture *t, GVariant *arguments, GDBusMethodInvocation *invocation)
{
  const char *mode;

  t->n_started++;
  g_variant_get (arguments, "(s&s@a(sv)@a(sa(sv)))", &t->unit, &mode, &t->properties, NULL);
  g_assert_cmpstr (mode, ==, "fail");
  if (t->manners == REFUSE)
    {
      g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED, "Interactive authentication required.");
      return;
    }
  if (t->manners == GO_SILENT)
    {
      g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY, "It was lost.");
      return;
    }

  g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", JOB_PATH));
  if (t->manners == FAIL_JOB)
    {
      end_job (t, "failed");
      return;
    }
  run_program (t);
  if (t->manners == OBEY_LATER)
    await_program (t);
  end_job (t, "done");
}

static void
on_stop (Fixture *t, GDBusMethodInvocation *invocation)
{
  t->n_stopped++;
  if (t->manners == FAIL_JOB)
    g_dbus_method_invocation_return_dbus_error (invocation, SYSTEMD ".NoSuchUnit", "Unit is not loaded.");
  else if (t->manners == GO_SILENT)
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY, "It was lost too.");
  else
    {
      g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", JOB_PATH));
      kill ((pid_t) t->pid, SIGKILL);
      await_program (t);
      end_job (t, "done");
    }
}

static void
on_call (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *method,
         GVariant *arguments, GDBusMethodInvocation *invocation, gpointer data)
{
  if (g_str_equal (method, "StartTransientUnit"))
    on_start (data, arguments, invocation);
  else if (g_str_equal (method, "StopUnit"))
    on_stop (data, invocation);
  else if (g_str_equal (method, "GetUnit"))
    g_dbus_method_invocation_return_value (invocation, g_variant_new ("(o)", UNIT_PATH));
  else
    g_dbus_method_invocation_return_value (invocation, NULL);
}

static GVariant *
on_get (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *property, GError **error,
        gpointer data)
{
  Fixture *t = data;
  gint64 pid = t->manners == LIE ? getpid () : t->pid;

  return g_variant_new_uint32 (t->ended && g_str_equal (property, "MainPID") ? 0 : (guint32) pid);
}

static gpointer
run_manager (gpointer data)
{
  Fixture *t = data;

  g_main_context_push_thread_default (t->context);
  g_main_loop_run (t->loop);
  g_main_context_pop_thread_default (t->context);
  return NULL;
}

static void
export (Fixture *t)
{
  static const GDBusInterfaceVTable vtable = { on_call, on_get, NULL, { 0 } };
  g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml (interfaces, &t->error);
  g_autoptr(GVariant) owned = NULL;

  g_assert_no_error (t->error);
  /* Called where the calls are to arrive. */
  g_main_context_push_thread_default (t->context);
  t->bus = g_dbus_connection_new_for_address_sync (
      g_test_dbus_get_bus_address (t->daemon),
      G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, &t->error);
  g_assert_no_error (t->error);
  g_dbus_connection_register_object (t->bus, "/org/freedesktop/systemd1", node->interfaces[0], &vtable, t, NULL, &t->error);
  g_assert_no_error (t->error);
  g_dbus_connection_register_object (t->bus, UNIT_PATH, node->interfaces[1], &vtable, t, NULL, &t->error);
  g_assert_no_error (t->error);
  owned = g_dbus_connection_call_sync (t->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                       "RequestName", g_variant_new ("(su)", SYSTEMD, 0u), NULL, G_DBUS_CALL_FLAGS_NONE,
                                       LIMIT_MS, NULL, &t->error);
  g_assert_no_error (t->error);
  g_main_context_pop_thread_default (t->context);
}

/* @data: Manners, or -1 for a bus without a manager. */
static void
set_up (Fixture *t, gconstpointer data)
{
  int manners = GPOINTER_TO_INT (data);

  t->runtime_dir = g_dir_make_tmp ("qmXXXXXX", &t->error);
  g_assert_no_error (t->error);
  t->run_dir = g_build_filename (t->runtime_dir, "vm", "m-1", NULL);
  t->wait = qmp_wait_new (NULL, "the program", LIMIT_MS);
  t->daemon = g_test_dbus_new (G_TEST_DBUS_NONE);
  g_test_dbus_up (t->daemon);
  qmig_launcher_unit_set_bus (g_test_dbus_get_bus_address (t->daemon));
  t->context = g_main_context_new ();
  t->loop = g_main_loop_new (t->context, FALSE);
  t->present = manners >= 0;
  if (!t->present)
    return;
  t->manners = (Manners) manners;
  export (t);
  t->thread = g_thread_new ("manager", run_manager, t);
}

static void
tear_down (Fixture *t, gconstpointer data)
{
  g_autofree char *vm_dir = g_build_filename (t->runtime_dir, "vm", NULL);

  qmig_launcher_unit_set_bus (NULL);
  if (t->present)
    {
      g_main_loop_quit (t->loop);
      g_thread_join (t->thread);
      g_dbus_connection_close_sync (t->bus, NULL, NULL);
      g_object_unref (t->bus);
    }
  g_main_loop_unref (t->loop);
  g_main_context_unref (t->context);
  g_test_dbus_stop (t->daemon);
  g_object_unref (t->daemon);
  g_clear_error (&t->error);
  g_clear_pointer (&t->properties, g_variant_unref);
  qmig_launcher_remove_run_dir (t->runtime_dir, t->run_dir, NULL);
  g_rmdir (vm_dir);
  g_assert_cmpint (g_rmdir (t->runtime_dir), ==, 0);
  g_free (t->unit);
  g_free (t->run_dir);
  g_free (t->runtime_dir);
  qmp_wait_free (t->wait);
}

/* -- the launcher ------------------------------------------------------------------------ */

static gboolean
start (Fixture *t, const char *script, gint64 *pid, gint64 *start_time)
{
  const char *const argv[] = { "/bin/sh", "-c", script, "-name", "guest=web 01,debug-threads=on", NULL };

  return qmig_launcher_start (argv, t->run_dir, NULL, pid, start_time, &t->error);
}

static void
assert_text (Fixture *t, const char *name, const char *expected)
{
  g_autofree char *value = get_text (t, name);

  g_assert_cmpstr (value, ==, expected);
}

static void
assert_child (Fixture *t, gint64 pid, gint64 start_time)
{
  g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (pid, start_time, NULL, NULL);
  g_autofree char *log = NULL;

  g_assert_true (qmig_process_watch_wait_gone (watch, t->wait, &t->error));
  g_assert_no_error (t->error);
  /* Only a child of ours has a status that we can read. */
  g_assert_cmpint (qmig_process_watch_get_status (watch), ==, 7 << 8);
  log = qmig_launcher_log_tail (t->run_dir);
  g_assert_cmpstr (log, ==, "here");
}

static void
test_starts (Fixture *t, gconstpointer data)
{
  gint64 pid, start_time;
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autoptr(GVariant) commands = NULL;
  g_autofree char *printed = NULL;
  g_autofree char *expected = NULL;
  g_autofree char *log_path = g_build_filename (t->run_dir, "qemu.log", NULL);
  g_autofree char *log = NULL;

  g_test_expect_message ("qmig", G_LOG_LEVEL_MESSAGE, "QEMU * runs in qmig-vm-web_01-*.service");
  g_assert_true (start (t, "echo pid $$ 'a$b'; exec sleep 1000", &pid, &start_time));
  g_test_assert_expected_messages ();

  g_assert_cmpint (pid, ==, t->pid);
  g_assert_cmpint (start_time, ==, qmig_process_get_start_time (pid));
  g_assert_true (g_regex_match_simple ("^qmig-vm-web_01-[0-9a-f]{8}\\.service$", t->unit, 0, 0));
  assert_text (t, "Slice", "qmig.slice");
  assert_text (t, "CollectMode", "inactive-or-failed");
  assert_text (t, "Type", "exec");
  assert_text (t, "KillMode", "mixed");
  assert_text (t, "StandardInput", "null");
  assert_text (t, "StandardErrorFileToAppend", log_path);
  g_assert_null (get_property (t, "MemoryMax"));
  commands = get_property (t, "ExecStartEx");
  printed = g_variant_print (commands, FALSE);
  g_assert_true (g_str_has_prefix (printed, "[('/bin/sh', ['/bin/sh', '-c', "));
  g_assert_true (g_str_has_suffix (printed, "['no-env-expand'])]"));

  watch = qmig_process_watch_new (pid, start_time, NULL, NULL);
  g_assert_false (qmig_process_watch_is_gone (watch));
  while (log == NULL || log[0] == '\0')
    {
      g_assert_true (qmp_wait_pause (t->wait, 1, &t->error));
      g_free (log);
      log = qmig_launcher_log_tail (t->run_dir);
    }
  expected = g_strdup_printf ("pid %" G_GINT64_FORMAT " a$b", pid);
  g_assert_cmpstr (log, ==, expected);
  g_assert_true (qmig_process_watch_kill (watch, t->wait, &t->error));
  g_assert_cmpuint (t->n_stopped, ==, 0);
}

/* What ended at once is still a process that was started, and says why in its log. */
static void
test_ended (Fixture *t, gconstpointer data)
{
  gint64 pid, start_time;
  g_autoptr(QmigProcessWatch) watch = NULL;
  g_autofree char *log = NULL;

  g_test_expect_message ("qmig", G_LOG_LEVEL_MESSAGE, "QEMU * runs in *");
  g_assert_true (start (t, "echo no such machine >&2; exit 1", &pid, &start_time));
  g_test_assert_expected_messages ();
  g_assert_cmpint (pid, ==, t->pid);
  watch = qmig_process_watch_new (pid, start_time, NULL, NULL);
  g_assert_true (qmig_process_watch_is_gone (watch));
  log = qmig_launcher_log_tail (t->run_dir);
  g_assert_cmpstr (log, ==, "no such machine");
}

/* However it comes that there is no unit, QEMU runs once, as a child. */
static void
test_none (Fixture *t, gconstpointer data)
{
  gint64 pid, start_time;

  g_test_expect_message ("qmig", G_LOG_LEVEL_MESSAGE, "QEMU gets no unit of its own*");
  g_assert_true (start (t, "echo here; exit 7", &pid, &start_time));
  g_test_assert_expected_messages ();
  g_assert_no_error (t->error);
  g_assert_cmpint (pid, !=, t->pid);
  assert_child (t, pid, start_time);
  g_assert_cmpuint (t->n_started, ==, t->present ? 1 : 0);
  g_assert_cmpuint (t->n_stopped, ==, t->present && t->manners != REFUSE ? 1 : 0);
}

static void
test_lie (Fixture *t, gconstpointer data)
{
  gint64 pid, start_time;

  g_test_expect_message ("qmig", G_LOG_LEVEL_MESSAGE, "QEMU gets no unit of its own*not to be seen here");
  g_assert_true (start (t, "echo $$; exec sleep 1000", &pid, &start_time));
  g_test_assert_expected_messages ();
  g_assert_cmpint (pid, !=, getpid ());
  g_assert_cmpint (pid, !=, t->pid);
  g_assert_cmpuint (t->n_stopped, ==, 1);
  g_assert_true (t->ended);
  {
    g_autoptr(QmigProcessWatch) watch = qmig_process_watch_new (pid, start_time, NULL, NULL);

    g_assert_true (qmig_process_watch_kill (watch, t->wait, &t->error));
  }
}

/* Nobody can tell: then no second one is started. */
static void
test_unknown (Fixture *t, gconstpointer data)
{
  g_autofree char *log = NULL;
  gint64 pid, start_time;

  g_assert_false (start (t, "echo here", &pid, &start_time));
  g_assert_nonnull (t->error);
  g_assert_nonnull (strstr (t->error->message, "cannot tell whether QEMU runs in qmig-vm-web_01-"));
  log = qmig_launcher_log_tail (t->run_dir);
  g_assert_cmpstr (log, ==, "");
}

/* It would be ended with its unit. */
static void
test_daemonize (Fixture *t, gconstpointer data)
{
  const char *const argv[] = { "/bin/sh", "-c", "echo here; exit 7", "-daemonize", NULL };
  gint64 pid, start_time;

  g_assert_true (qmig_launcher_start (argv, t->run_dir, NULL, &pid, &start_time, &t->error));
  assert_child (t, pid, start_time);
  g_assert_cmpuint (t->n_started, ==, 0);
}

int
main (int argc, char **argv)
{
  g_autofree char *daemon = g_find_program_in_path ("dbus-daemon");

  g_test_init (&argc, &argv, NULL);
  if (daemon == NULL)
    {
      g_print ("1..0 # SKIP there is no dbus-daemon\n");
      return 0;
    }
#define ADD(name, manners, run) g_test_add ("/launcher/unit/" name, Fixture, GINT_TO_POINTER (manners), set_up, run, tear_down)
  ADD ("starts", OBEY, test_starts);
  ADD ("ended", OBEY_LATER, test_ended);
  ADD ("refused", REFUSE, test_none);
  ADD ("failed", FAIL_JOB, test_none);
  ADD ("no-manager", -1, test_none);
  ADD ("lie", LIE, test_lie);
  ADD ("unknown", GO_SILENT, test_unknown);
  ADD ("daemonize", OBEY, test_daemonize);
#undef ADD
  return g_test_run ();
}
