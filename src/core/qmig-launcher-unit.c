/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-launcher-unit.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api-error.h"
#include "qmig-process.h"

#define MANAGER_NAME "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE MANAGER_NAME ".Manager"
#define SERVICE_INTERFACE MANAGER_NAME ".Service"
#define BOOTED_DIR "/run/systemd/system"
#define LINGER_DIR "/var/lib/systemd/linger"
#define CALL_MS 10000
/* A manager that reloads answers some seconds late. */
#define JOB_MS 30000
#define NAME_MAX_BYTES 64

typedef struct
{
  GMainContext *context; /* gets the signals; nobody else's run meanwhile */
  GDBusConnection *bus;
  guint subscription;
  char *unit;
  char *job_result; /* (nullable): of the unit's last job that ended */
  gboolean late;
} Launch;

/* -- the manager ------------------------------------------------------------------ */

static char *test_address;

void
qmig_launcher_unit_set_bus (const char *address)
{
  g_free (test_address);
  test_address = g_strdup (address);
}

/* Without that, the user's manager ends at the last logout, and with it all that it has started. A child would go on. */
static gboolean
user_lingers (void)
{
  g_autofree char *path = g_build_filename (LINGER_DIR, g_get_user_name (), NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* NULL where no systemd runs that would keep QEMU.  A session's bus is not asked of GLib, which would start one. */
static char *
find_bus (void)
{
  g_autofree char *path = g_strdup_printf ("/run/user/%u/bus", (unsigned int) getuid ());
  const char *session = g_getenv ("DBUS_SESSION_BUS_ADDRESS");

  if (test_address != NULL)
    return g_strdup (test_address);
  if (!g_file_test (BOOTED_DIR, G_FILE_TEST_IS_DIR))
    return NULL;
  if (geteuid () == 0)
    return g_dbus_address_get_for_bus_sync (G_BUS_TYPE_SYSTEM, NULL, NULL);
  if (!user_lingers ())
    return NULL;
  if (session != NULL && session[0] != '\0')
    return g_strdup (session);

  return g_file_test (path, G_FILE_TEST_EXISTS) ? g_strconcat ("unix:path=", path, NULL) : NULL;
}

static void
on_job_removed (GDBusConnection *bus, const char *sender, const char *path, const char *interface, const char *signal,
                GVariant *parameters, gpointer data)
{
  Launch *self = data;
  const char *unit, *result;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(uoss)")))
    return;
  g_variant_get (parameters, "(uo&s&s)", NULL, NULL, &unit, &result);
  if (!g_str_equal (unit, self->unit))
    return;
  g_free (self->job_result);
  self->job_result = g_strdup (result);
}

static GVariant *
call (Launch *self, const char *path, const char *interface, const char *method, GVariant *arguments, const char *type,
      GError **error)
{
  return g_dbus_connection_call_sync (self->bus, MANAGER_NAME, path, interface, method, arguments, G_VARIANT_TYPE (type),
                                      G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL, error);
}

/* The name has an ID of its own: a unit that just ended, and other agents of this user, are not in the way. */
static char *
name_unit (const char *const *argv)
{
  g_autoptr(GString) name = g_string_new (NULL);
  const char *given = "qemu";

  for (guint i = 0; argv[i] != NULL && argv[i + 1] != NULL; i++)
    if (g_str_equal (argv[i], "-name") || g_str_equal (argv[i], "--name"))
      given = g_str_has_prefix (argv[i + 1], "guest=") ? argv[i + 1] + strlen ("guest=") : argv[i + 1];
  for (const char *c = given; *c != '\0' && *c != ',' && name->len < NAME_MAX_BYTES; c++)
    g_string_append_c (name, g_ascii_isalnum (*c) || strchr ("-_.", *c) != NULL ? *c : '_');

  return g_strdup_printf ("qmig-vm-%s-%08x.service", name->str, g_random_int ());
}

static gboolean
open_bus (Launch *self, const char *address, GError **error)
{
  g_autoptr(GVariant) subscribed = NULL;

  self->bus = g_dbus_connection_new_for_address_sync (
      address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, error);
  if (self->bus == NULL)
    return FALSE;
  self->subscription
      = g_dbus_connection_signal_subscribe (self->bus, MANAGER_NAME, MANAGER_INTERFACE, "JobRemoved", MANAGER_PATH, NULL,
                                            G_DBUS_SIGNAL_FLAGS_NONE, on_job_removed, self, NULL);
  subscribed = call (self, MANAGER_PATH, MANAGER_INTERFACE, "Subscribe", NULL, "()", error);

  return subscribed != NULL;
}

static Launch *
launch_new (const char *const *argv)
{
  Launch *self = g_new0 (Launch, 1);

  self->context = g_main_context_new ();
  self->unit = name_unit (argv);
  g_main_context_push_thread_default (self->context);

  return self;
}

/* Gives up the reference to the unit too: from now on it is forgotten as soon as it ends. */
static void
launch_free (Launch *self)
{
  if (self->bus != NULL)
    {
      g_dbus_connection_signal_unsubscribe (self->bus, self->subscription);
      g_dbus_connection_close_sync (self->bus, NULL, NULL);
      g_object_unref (self->bus);
    }
  /* What the connection still has to say to us is said before its listener goes. */
  while (g_main_context_iteration (self->context, FALSE))
    continue;
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  g_free (self->unit);
  g_free (self->job_result);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Launch, launch_free)

/* -- what is asked for --------------------------------------------------------------- */

static void
add_text (GVariantBuilder *properties, const char *name, const char *value)
{
  g_variant_builder_add (properties, "(sv)", name, g_variant_new_string (value));
}

/* As it would inherit them; the manager's own are smaller. */
static void
add_limit (GVariantBuilder *properties, const char *name, int resource)
{
  g_autofree char *soft = g_strconcat (name, "Soft", NULL);
  struct rlimit limit;

  if (getrlimit (resource, &limit) != 0)
    return;
  g_variant_builder_add (properties, "(sv)", name, g_variant_new_uint64 (limit.rlim_max));
  g_variant_builder_add (properties, "(sv)", soft, g_variant_new_uint64 (limit.rlim_cur));
}

/* Not all that the agent has: everybody on the host may read a unit's environment. */
static void
add_environment (GVariantBuilder *properties)
{
  static const char *const names[] = { "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_RUNTIME_DIR", "LD_LIBRARY_PATH" };
  g_autoptr(GVariantBuilder) list = g_variant_builder_new (G_VARIANT_TYPE ("as"));

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      const char *value = g_getenv (names[i]);
      g_autofree char *assignment = g_strdup_printf ("%s=%s", names[i], value != NULL ? value : "");

      if (value != NULL && g_utf8_validate (value, -1, NULL))
        g_variant_builder_add (list, "s", assignment);
    }
  g_variant_builder_add (properties, "(sv)", "Environment", g_variant_builder_end (list));
}

static void
add_command (GVariantBuilder *properties, const char *program, const char *const *argv)
{
  static const char *const flags[] = { "no-env-expand", NULL }; /* a "$" in an argument is a "$" */
  GVariant *words = g_variant_new_strv (argv, -1);
  GVariant *options = g_variant_new_strv (flags, -1);
  GVariantBuilder commands;

  g_variant_builder_init (&commands, G_VARIANT_TYPE ("a(sasas)"));
  g_variant_builder_add (&commands, "(s@as@as)", program, words, options);
  g_variant_builder_add (properties, "(sv)", "ExecStartEx", g_variant_builder_end (&commands));
}

static GVariant *
describe (const char *program, const char *const *argv, const char *log_path, const char *cwd)
{
  g_autofree char *description = g_strdup_printf ("Virtual machine, log in %s", log_path);
  GVariantBuilder properties;

  g_variant_builder_init (&properties, G_VARIANT_TYPE ("a(sv)"));
  add_text (&properties, "Description", description);
  add_text (&properties, "Slice", "qmig.slice");
  add_text (&properties, "CollectMode", "inactive-or-failed");
  /* Until our connection ends, a QEMU that ended at once leaves its pid to be read. */
  g_variant_builder_add (&properties, "(sv)", "AddRef", g_variant_new_boolean (TRUE));
  add_text (&properties, "Type", "exec");
  add_text (&properties, "KillMode", "mixed");
  add_text (&properties, "WorkingDirectory", cwd);
  add_text (&properties, "StandardInput", "null");
  /* Where the run directory has been removed by now, the unit fails here: no QEMU comes after whoever gave it up. */
  add_text (&properties, "StandardOutputFileToAppend", log_path);
  add_text (&properties, "StandardErrorFileToAppend", log_path);
  g_variant_builder_add (&properties, "(sv)", "UMask", g_variant_new_uint32 (0077));
  g_variant_builder_add (&properties, "(sv)", "IgnoreSIGPIPE", g_variant_new_boolean (FALSE));
  add_limit (&properties, "LimitNOFILE", RLIMIT_NOFILE);
  add_limit (&properties, "LimitMEMLOCK", RLIMIT_MEMLOCK);
  add_environment (&properties);
  add_command (&properties, program, argv);

  return g_variant_builder_end (&properties);
}

/* -- jobs ------------------------------------------------------------------------------- */

static gboolean
on_late (gpointer data)
{
  Launch *self = data;

  self->late = TRUE;
  return G_SOURCE_CONTINUE;
}

/* @text: what the job is to do. */
static gboolean
await_job (Launch *self, const char *text, GError **error)
{
  g_autoptr(GSource) timer = g_timeout_source_new (JOB_MS);

  self->late = FALSE;
  g_source_set_callback (timer, on_late, self, NULL);
  g_source_attach (timer, self->context);
  while (self->job_result == NULL && !self->late && !g_dbus_connection_is_closed (self->bus))
    g_main_context_iteration (self->context, TRUE);
  g_source_destroy (timer);
  if (g_strcmp0 (self->job_result, "done") == 0)
    return TRUE;

  g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot %s %s: %s", text, self->unit,
               self->job_result != NULL ? self->job_result
               : self->late             ? "the service manager does not do it in time"
                                        : "the service manager is gone");
  return FALSE;
}

/* TRUE: it does not run. */
static gboolean
stop_unit (Launch *self, GError **error)
{
  g_autoptr(GError) refusal = NULL;
  g_autoptr(GVariant) job = NULL;
  g_autofree char *name = NULL;

  g_clear_pointer (&self->job_result, g_free);
  job = call (self, MANAGER_PATH, MANAGER_INTERFACE, "StopUnit", g_variant_new ("(ss)", self->unit, "replace"), "(o)", &refusal);
  if (job != NULL)
    return await_job (self, "stop", error);
  name = g_dbus_error_get_remote_error (refusal);
  if (g_strcmp0 (name, MANAGER_NAME ".NoSuchUnit") == 0)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&refusal));

  return FALSE;
}

/* -- its process --------------------------------------------------------------------------- */

static gboolean
get_pid (Launch *self, const char *path, const char *property, gint64 *pid, GError **error)
{
  g_autoptr(GVariant) answer = call (self, path, "org.freedesktop.DBus.Properties", "Get",
                                     g_variant_new ("(ss)", SERVICE_INTERFACE, property), "(v)", error);
  g_autoptr(GVariant) value = NULL;

  if (answer == NULL)
    return FALSE;
  g_variant_get (answer, "(v)", &value);
  *pid = g_variant_is_of_type (value, G_VARIANT_TYPE_UINT32) ? g_variant_get_uint32 (value) : 0;

  return TRUE;
}

/* The number is worth something only if the manager sees the same processes and files as we do. */
static gboolean
writes_to (gint64 pid, const char *log_path)
{
  g_autofree char *output = g_strdup_printf ("/proc/%" G_GINT64_FORMAT "/fd/%d", pid, STDERR_FILENO);
  struct stat a, b;

  return stat (output, &a) == 0 && stat (log_path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static gboolean
find_process (Launch *self, const char *log_path, gint64 *pid, gint64 *start_time, GError **error)
{
  g_autoptr(GVariant) answer
      = call (self, MANAGER_PATH, MANAGER_INTERFACE, "GetUnit", g_variant_new ("(s)", self->unit), "(o)", error);
  gint64 running, ran;
  const char *path;

  if (answer == NULL)
    return FALSE;
  g_variant_get (answer, "(&o)", &path);
  if (!get_pid (self, path, "MainPID", &running, error) || !get_pid (self, path, "ExecMainPID", &ran, error))
    return FALSE;
  if (ran <= 0 || (running > 0 && !writes_to (running, log_path)))
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "process %" G_GINT64_FORMAT " of %s is not to be seen here", running,
                   self->unit);
      return FALSE;
    }
  *pid = ran;
  *start_time = running > 0 ? qmig_process_get_start_time (ran) : 0;

  return TRUE;
}

/* -- starting -------------------------------------------------------------------------------- */

/* D-Bus carries only UTF-8, and a QEMU that forks away from its unit is killed with it. */
static gboolean
fits_a_unit (const char *const *argv, const char *log_path, const char *cwd)
{
  for (guint i = 0; argv[i] != NULL; i++)
    if (!g_utf8_validate (argv[i], -1, NULL) || g_str_equal (argv[i], "-daemonize") || g_str_equal (argv[i], "--daemonize"))
      return FALSE;

  return g_utf8_validate (log_path, -1, NULL) && g_utf8_validate (cwd, -1, NULL);
}

/* *asked: the manager may have begun. */
static gboolean
start_unit (Launch *self, GVariant *properties, gboolean *asked, GError **error)
{
  GVariant *others = g_variant_new_array (G_VARIANT_TYPE ("(sa(sv))"), NULL, 0);
  GVariant *arguments = g_variant_new ("(ss@a(sv)@a(sa(sv)))", self->unit, "fail", properties, others);
  GError *cause = NULL;
  g_autoptr(GVariant) job = call (self, MANAGER_PATH, MANAGER_INTERFACE, "StartTransientUnit", arguments, "(o)", &cause);

  *asked = job != NULL || !g_dbus_error_is_remote_error (cause) || g_error_matches (cause, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY);
  if (job == NULL)
    {
      g_propagate_error (error, cause);
      return FALSE;
    }
  return await_job (self, "start", error);
}

QmigUnitResult
qmig_launcher_unit_start (const char *const *argv,
                          const char *log_path,
                          const char *cwd,
                          gint64 *pid,
                          gint64 *start_time,
                          GError **error)
{
  g_autofree char *address = find_bus ();
  g_autofree char *program = g_find_program_in_path (argv[0]);
  g_autoptr(Launch) self = NULL;
  g_autoptr(GVariant) properties = NULL;
  g_autoptr(GError) cause = NULL;
  gboolean asked = FALSE;

  /* A program that is not there is best complained of by who starts it. */
  if (address == NULL || program == NULL || !g_path_is_absolute (program) || !fits_a_unit (argv, log_path, cwd))
    return QMIG_UNIT_NONE;

  self = launch_new (argv);
  properties = g_variant_ref_sink (describe (program, argv, log_path, cwd));
  if (open_bus (self, address, &cause) && start_unit (self, properties, &asked, &cause)
      && find_process (self, log_path, pid, start_time, &cause))
    {
      g_message ("QEMU %" G_GINT64_FORMAT " runs in %s", *pid, self->unit);
      return QMIG_UNIT_STARTED;
    }
  if (asked && !stop_unit (self, error))
    {
      g_prefix_error (error, "cannot tell whether QEMU runs in %s (%s): ", self->unit, cause->message);
      return QMIG_UNIT_UNKNOWN;
    }
  g_message ("QEMU gets no unit of its own, and will be a child of this agent: %s", cause->message);

  return QMIG_UNIT_NONE;
}
