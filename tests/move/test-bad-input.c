/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Nonsense from every side: sockets that are no monitors, QEMUs that do not
 * answer, requests that are none, a full disk.  Each ends with an error that
 * says what is wrong, the agent serves on, and the guest is none the wiser.
 */

#include "rig.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#define LIGHT "ws=4;rate=4;fill=4;check=1"
#define BUSY "ws=16;rate=20;fill=16;check=1"

/* Whatever hangs, hangs no longer; what the test started dies with it. */
#define CASE_LIMIT_S 150

static Rig *
rig_with_guest (const char *config, const char *fault)
{
  Rig *rig;

  alarm (CASE_LIMIT_S);
  rig = rig_new ();
  if (rig == NULL)
    return NULL;
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, config, NULL);
  return rig;
}

static void
assert_contains (const char *text, const char *part)
{
  g_assert_nonnull (text);
  if (strstr (text, part) == NULL)
    g_error ("'%s' is not in: %s", part, text);
}

/* The agent has survived, and still knows the guest. */
static void
assert_serves_on (Rig *rig)
{
  g_autoptr(RigRun) list = rig_qmig (rig, &rig->alpha, "vm", "list", "-o", "name", NULL);

  g_assert_cmpint (list->exit_code, ==, 0);
  assert_contains (list->out, rig->vm);
}

/* -- what answers in the place of a monitor -------------------------------------------- */

typedef struct
{
  const char *name;
  const char *opening;
  const char *text;  /* follows, */
  guint times;       /* so often; 0: without an end */
  int exit_code;
  const char *cause;
} Impostor;

typedef struct
{
  const Impostor *impostor;
  GSocket *socket;
  GCancellable *end; /* of it all */
  GThread *thread;
} Server;

static const Impostor impostors[] = {
  { "garbage", "\001\002\377SSH-2.0-OpenSSH_9.2\r\n", "", 1, QMIG_EXIT_UNREACHABLE, "this is not QMP" },
  { "hmp", "QEMU 7.2.22 monitor - type 'help' for more information\r\n(qemu) ", "", 1, QMIG_EXIT_UNREACHABLE, "this is not QMP" },
  { "silence", "", "", 1, QMIG_EXIT_CONFLICT, "another client" },
  { "half-a-greeting", "{\"QMP\": {\"package\": \"", "", 1, QMIG_EXIT_CONFLICT, "timed out" },
  { "other-json", "{\"hello\": \"world\"}\r\n", "", 1, QMIG_EXIT_UNREACHABLE, "no greeting" },
  { "endless-json", "{\"QMP\": \"", "aaaaaaaaaaaaaaaa", 0, QMIG_EXIT_UNREACHABLE, "larger than" },
  { "deep-json", "", "{\"a\":", 200000, QMIG_EXIT_UNREACHABLE, "nested deeper" },
};

static gboolean
send_all (GSocket *peer, const char *text, GCancellable *end)
{
  for (gsize sent = 0, length = strlen (text); sent < length;)
    {
      gssize n = g_socket_send (peer, text + sent, length - sent, end, NULL);

      if (n <= 0)
        return FALSE;
      sent += (gsize) n;
    }
  return TRUE;
}

/* Until whoever came goes again. */
static void
play (const Impostor *impostor, GSocket *peer, GCancellable *end)
{
  char byte;
  gboolean open = send_all (peer, impostor->opening, end);

  for (guint i = 0; open && (impostor->times == 0 || i < impostor->times); i++)
    open = send_all (peer, impostor->text, end);
  while (open && g_socket_receive (peer, &byte, 1, end, NULL) > 0)
    ;
}

static gpointer
serve (gpointer data)
{
  Server *self = data;
  GSocket *peer;

  while ((peer = g_socket_accept (self->socket, self->end, NULL)) != NULL)
    {
      play (self->impostor, peer, self->end);
      g_object_unref (peer);
    }
  return NULL;
}

static void
server_start (Server *self, const Impostor *impostor, const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GError) error = NULL;

  self->impostor = impostor;
  self->end = g_cancellable_new ();
  self->socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  g_assert_no_error (error);
  g_socket_bind (self->socket, address, FALSE, &error);
  g_assert_no_error (error);
  g_socket_listen (self->socket, &error);
  g_assert_no_error (error);
  self->thread = g_thread_new ("impostor", serve, self);
}

static void
server_stop (Server *self)
{
  g_cancellable_cancel (self->end);
  g_thread_join (self->thread);
  g_object_unref (self->end);
  g_object_unref (self->socket);
}

static void
assert_not_added (Rig *rig, const char *path, int exit_code, const char *cause)
{
  g_autoptr(RigRun) run = rig_qmig (rig, &rig->alpha, "vm", "add", "impostor", "--qmp", path, NULL);
  g_autoptr(RigRun) list = NULL;

  g_assert_cmpint (run->exit_code, ==, exit_code);
  assert_contains (run->err, "impostor");
  assert_contains (run->err, cause);
  list = rig_qmig (rig, &rig->alpha, "vm", "list", "-o", "name", NULL);
  g_assert_cmpint (list->exit_code, ==, 0);
  assert_contains (list->out, rig->vm);
  g_assert_null (strstr (list->out, "impostor"));
}

static void
test_impostors (void)
{
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);

  if (rig == NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (impostors); i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/impostor-%" G_GSIZE_FORMAT, rig->dir, i);
      Server server;

      g_test_message ("%s", impostors[i].name);
      server_start (&server, &impostors[i], path);
      assert_not_added (rig, path, impostors[i].exit_code, impostors[i].cause);
      server_stop (&server);
    }
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_no_sockets (void)
{
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);
  g_autofree char *file = NULL;
  g_autofree char *missing = NULL;
  g_autofree char *too_long = NULL;

  if (rig == NULL)
    return;
  file = g_build_filename (rig->dir, "file", NULL);
  missing = g_build_filename (rig->dir, "missing", NULL);
  too_long = g_strdup_printf ("%s/%0120d", rig->dir, 0);
  g_assert_true (g_file_set_contents (file, "no socket", -1, NULL));
  assert_not_added (rig, file, QMIG_EXIT_UNREACHABLE, "refused");
  assert_not_added (rig, missing, QMIG_EXIT_NOT_FOUND, "No such file");
  assert_not_added (rig, too_long, QMIG_EXIT_USAGE, "at most 107 bytes");
  rig_assert_one_runs (rig);
}

/* -- a monitor that somebody else holds --------------------------------------------------- */

static GSocket *
connect_to (const char *path)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr(GError) error = NULL;
  GSocket *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_socket_connect (socket, address, NULL, &error);
  g_assert_no_error (error);
  g_socket_set_timeout (socket, 60);
  return socket;
}

static void
test_monitor_taken (void)
{
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);
  g_autofree char *path = NULL;
  g_autoptr(GSocket) holder = NULL;
  g_autoptr(RigRun) list = NULL;
  g_autoptr(RigRun) refused = NULL;
  g_autoptr(RigRun) moved = NULL;
  char greeting[64];

  if (rig == NULL)
    return;
  path = g_build_filename (rig->dir, "user.qmp", NULL);
  holder = connect_to (path);
  g_assert_cmpint (g_socket_receive (holder, greeting, sizeof greeting, NULL, NULL), >, 0);

  list = rig_qmig (rig, &rig->alpha, "vm", "list", "-o", "json", NULL);
  g_assert_cmpint (list->exit_code, ==, 0);
  assert_contains (list->out, rig->vm);
  assert_contains (list->out, "another client holds the monitor");

  refused = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, NULL);
  g_assert_cmpint (refused->exit_code, ==, QMIG_EXIT_UNREACHABLE);
  assert_contains (refused->err, "another client");
  rig_assert_nothing_left (rig);

  g_clear_object (&holder);
  moved = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, NULL);
  g_assert_cmpint (moved->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* -- a QEMU that stops answering -------------------------------------------------------------- */

static void
test_silent_in_check (void)
{
  g_autoptr(Rig) rig = NULL;
  g_autofree char *fault = NULL;
  g_autofree char *fifo = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  const char *args[] = { "migrate", NULL, NULL, "-o", "jsonl", NULL };
  RigPending *pending;
  int meeting;

  alarm (CASE_LIMIT_S);
  rig = rig_new ();
  if (rig == NULL)
    return;
  fifo = rig_fifo (rig, "fault");
  fault = g_strdup_printf ("before-check=meet:%s", fifo);
  rig_start_agent (rig, &rig->alpha, fault);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, LIGHT, NULL);

  args[1] = rig->vm;
  args[2] = rig->beta.uri;
  pending = rig_qmig_begin (rig, &rig->alpha, args);
  meeting = rig_meet (fifo);
  kill (rig->guest, SIGSTOP);
  rig_part (meeting);
  run = rig_finish (pending);
  kill (rig->guest, SIGCONT);

  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_UNREACHABLE);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  assert_contains (result->error, "monitor");
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static RigPending *
begin_held (Rig *rig)
{
  const char *args[] = { "migrate", rig->vm, rig->beta.uri, "--hold", "-o", "jsonl", NULL };
  RigPending *pending = rig_qmig_begin (rig, &rig->alpha, args);

  rig_pending_wait_for (pending, "\"pass\":2");
  return pending;
}

/* For a moment: nobody need notice. */
static void
test_silent_for_a_moment (void)
{
  g_autoptr(Rig) rig = rig_with_guest (BUSY, NULL);
  g_autoptr(RigRun) show = NULL;
  g_autoptr(RigRun) go = NULL;
  g_autoptr(RigRun) run = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  pending = begin_held (rig);
  kill (rig->guest, SIGSTOP);
  show = rig_qmig (rig, &rig->alpha, "migration", "show", "last", "-o", "json", NULL);
  kill (rig->guest, SIGCONT);
  g_assert_cmpint (show->exit_code, ==, 0);
  assert_contains (show->out, "\"active\" : true");

  go = rig_qmig (rig, &rig->alpha, "switch", "last", "--go", NULL);
  g_assert_cmpint (go->exit_code, ==, 0);
  run = rig_finish (pending);
  g_assert_cmpint (run->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* Longer than qmig's patience: it goes back, which is done as soon as the source answers again. */
static void
test_silent_in_pre_copy (void)
{
  g_autoptr(Rig) rig = rig_with_guest (BUSY, NULL);
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  pending = begin_held (rig);
  kill (rig->guest, SIGSTOP);
  rig_pending_wait_for (pending, "going back");
  kill (rig->guest, SIGCONT);
  run = rig_finish (pending);

  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_ROLLED_BACK);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  assert_contains (result->error, "source");
  assert_contains (result->error, "timed out");
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* -- nonsense for the agent -------------------------------------------------------------------- */

/* One request over a connection of its own; what came back until the agent was silent or closed.  @body may be huge. */
static char *
ask_raw (Rig *rig, const char *head, const char *body, gsize body_length)
{
  g_autofree char *path = g_build_filename (rig->alpha.runtime_dir, "agent.sock", NULL);
  g_autoptr(GSocket) socket = connect_to (path);
  g_autoptr(GSocketConnection) stream = g_socket_connection_factory_create_connection (socket);
  GString *answer = g_string_new (NULL);
  char buffer[4096];
  gssize n;

  /* The agent need not read all of it. */
  if (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (stream)), head, strlen (head), NULL, NULL, NULL))
    g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (stream)), body, body_length, NULL, NULL, NULL);
  g_socket_shutdown (socket, FALSE, TRUE, NULL);
  while ((n = g_socket_receive (socket, buffer, sizeof buffer, NULL, NULL)) > 0)
    g_string_append_len (answer, buffer, n);
  return g_string_free (answer, FALSE);
}

static char *
post_raw (Rig *rig, const char *path, const char *body, gsize length)
{
  g_autofree char *head = g_strdup_printf ("POST %s HTTP/1.1\r\nHost: qmig\r\nContent-Type: application/json\r\n"
                                           "Content-Length: %" G_GSIZE_FORMAT "\r\nConnection: close\r\n\r\n", path, length);

  return ask_raw (rig, head, body, length);
}

typedef struct
{
  const char *path;
  const char *body;
  const char *parts[2]; /* of the answer */
} BadBody;

static const BadBody bad_bodies[] = {
  { "/v1/migrations", "{", { "400", "body" } },
  { "/v1/migrations", "[]", { "400", "body" } },
  { "/v1/migrations", "{\"vm\": 7}", { "400", "vm" } },
  { "/v1/migrations", "{\"vm\": \"x\", \"destination\": {}}", { "400", "destination" } },
  { "/v1/migrations", "{\"vm\": \"x\", \"destination\": \"local\", \"knobs\": {\"downtime_ms\": \"300\"}}", { "400", "knobs.downtime_ms" } },
  { "/v1/migrations", "{\"vm\": \"x\", \"destination\": \"local\", \"target_args\": [\"-S\", 1]}", { "400", "target_args[1]" } },
  { "/v1/vms", "{\"name\": \"../x\", \"pid\": 1}", { "400", "name" } },
  { "/v1/vms", "{\"name\": \"x\", \"pid\": 1.5}", { "400", "pid" } },
  { "/v1/vms/no-such/qmp", "{\"command\": \"quit\"}", { "404", "no-such" } },
  { "/v1/nowhere", "{}", { "404", "/v1/nowhere" } },
};

static void
test_bad_bodies (void)
{
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);

  if (rig == NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (bad_bodies); i++)
    {
      g_autofree char *answer = post_raw (rig, bad_bodies[i].path, bad_bodies[i].body, strlen (bad_bodies[i].body));

      g_test_message ("%s: %s", bad_bodies[i].body, answer);
      assert_contains (answer, bad_bodies[i].parts[0]);
      assert_contains (answer, bad_bodies[i].parts[1]);
    }
  assert_serves_on (rig);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

static void
test_large_bodies (void)
{
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);
  g_autofree char *large = NULL;
  g_autofree char *deep = NULL;
  g_autofree char *too_large = NULL;
  g_autofree char *too_deep = NULL;
  const gsize large_length = 2 * 1024 * 1024, deep_length = 200000;

  if (rig == NULL)
    return;
  large = g_strnfill (large_length, ' ');
  too_large = post_raw (rig, "/v1/migrations", large, large_length);
  assert_contains (too_large, "413");
  assert_contains (too_large, "1048576");

  deep = g_strnfill (deep_length, '[');
  memcpy (deep, "{\"vm\":", 6);
  too_deep = post_raw (rig, "/v1/migrations", deep, deep_length);
  assert_contains (too_deep, "400");
  assert_contains (too_deep, "deep");
  assert_serves_on (rig);
  rig_assert_one_runs (rig);
}

static void
test_garbage_for_agent (void)
{
  static const char *const garbage[] = { "\001\002\003\377\376\r\n\r\n", "{\"execute\": \"qmp_capabilities\"}\r\n", "GET\r\n\r\n",
                                         "GET /v1/vms HTTP/9.9\r\n\r\n", "POST /v1/vms HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
                                         "POST /v1/vms HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nless" };
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);

  if (rig == NULL)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      g_autofree char *answer = ask_raw (rig, garbage[i], "", 0);

      g_test_message ("answer: %s", answer);
      g_assert_null (strstr (answer, " 200 "));
      assert_serves_on (rig);
    }
  rig_assert_one_runs (rig);
}

/* -- nonsense for the command ------------------------------------------------------------------- */

typedef struct
{
  const char *args[6]; /* VM stands for the guest, NEAR for one of almost that name */
  int exit_code;
  const char *parts[2];
} BadCommand;

static const BadCommand bad_commands[] = {
  { { "migrate", "NEAR", "local" }, QMIG_EXIT_NOT_FOUND, { "there is no VM", "VM" } },
  { { "vm", "show", "NEAR" }, QMIG_EXIT_NOT_FOUND, { "there is no VM", "VM" } },
  { { "migrate", "VM", "no-such-host" }, QMIG_EXIT_NOT_FOUND, { "no-such-host", "" } },
  { { "migrate", "VM", "unix:/nonexistent/agent.sock" }, QMIG_EXIT_UNREACHABLE, { "/nonexistent/agent.sock", "" } },
  { { "migration", "show", "m-NOSUCH" }, QMIG_EXIT_NOT_FOUND, { "m-NOSUCH", "" } },
  { { "cancel", "last" }, QMIG_EXIT_CONFLICT, { "has ended (refused)", "" } },
  { { "migrate", "VM", "local", "--downtime", "300" }, QMIG_EXIT_USAGE, { "--downtime", "300ms" } },
  { { "migrate", "VM", "local", "--port", "70000" }, QMIG_EXIT_USAGE, { "--port", "'70000' is not a port" } },
  { { "migrate", "VM", "local", "--port", "20-10" }, QMIG_EXIT_USAGE, { "--port", "" } },
  { { "migrate", "VM", "local", "--bandwidth", "1" }, QMIG_EXIT_USAGE, { "--bandwidth", "" } },
  { { "migrate", "VM", "local", "--downtme", "1s" }, QMIG_EXIT_USAGE, { "--downtme", "--downtime" } },
  { { "migrat", "VM" }, QMIG_EXIT_USAGE, { "migrat", "migrate" } },
  { { "vm", "qmp", "VM", "no-such-command" }, QMIG_EXIT_ERROR, { "no-such-command", "not been found" } },
  { { "vm", "qmp", "VM", "query-status", "{" }, QMIG_EXIT_USAGE, { "JSON", "" } },
};

static void
test_bad_commands (void)
{
  g_autoptr(Rig) rig = rig_with_guest (LIGHT, NULL);
  g_autofree char *near = NULL;

  if (rig == NULL)
    return;
  near = g_strdup_printf ("%s-2", rig->vm);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_commands); i++)
    {
      const BadCommand *bad = &bad_commands[i];
      const char *args[G_N_ELEMENTS (bad->args) + 1] = { NULL };
      g_autoptr(RigRun) run = NULL;

      for (gsize j = 0; j < G_N_ELEMENTS (bad->args) && bad->args[j] != NULL; j++)
        args[j] = g_str_equal (bad->args[j], "VM") ? rig->vm : g_str_equal (bad->args[j], "NEAR") ? near : bad->args[j];
      g_test_message ("%s %s %s %s", args[0], args[1], args[2], args[2] != NULL ? args[3] : "");
      run = rig_finish (rig_qmig_begin (rig, &rig->alpha, args));
      g_assert_cmpint (run->exit_code, ==, bad->exit_code);
      for (gsize j = 0; j < G_N_ELEMENTS (bad->parts); j++)
        assert_contains (run->err, g_str_equal (bad->parts[j], "VM") ? rig->vm : bad->parts[j]);
    }
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
}

/* -- a full disk ------------------------------------------------------------------------------------ */

static gboolean may_mount;

static gboolean
write_line (const char *path, const char *format, int number)
{
  g_autofree char *text = g_strdup_printf (format, number);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  gboolean ok = fd >= 0 && write (fd, text, strlen (text)) == (ssize_t) strlen (text);

  if (fd >= 0)
    close (fd);
  return ok;
}

/* Mounts of this process and its children alone, gone with them.  Before there are threads. */
static void
enter_own_mounts (void)
{
  int uid = (int) getuid (), gid = (int) getgid ();

  if (uid == 0)
    may_mount = unshare (CLONE_NEWNS) == 0;
  else
    may_mount = unshare (CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_line ("/proc/self/setgroups", "deny", 0) &&
                write_line ("/proc/self/uid_map", "%1$d %1$d 1", uid) && write_line ("/proc/self/gid_map", "%1$d %1$d 1", gid);
  may_mount = may_mount && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static Rig *
rig_on_small_disk (const char *config)
{
  Rig *rig;

  alarm (CASE_LIMIT_S);
  if (!may_mount)
    {
      g_test_skip ("no file system may be mounted here, not even in a namespace of its own");
      return NULL;
    }
  rig = rig_new ();
  if (rig == NULL)
    return NULL;
  g_assert_no_errno (mount ("small", rig->alpha.state_dir, "tmpfs", 0, "size=1m,mode=0700"));
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_start_agent (rig, &rig->beta, NULL);
  rig_start_guest (rig, config, NULL);
  return rig;
}

static char *
fill_disk (Rig *rig)
{
  char *path = g_build_filename (rig->alpha.state_dir, "filler", NULL);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  char page[4096] = { 1 };

  g_assert_cmpint (fd, >=, 0);
  while (write (fd, page, sizeof page) > 0)
    ;
  g_assert_cmpint (errno, ==, ENOSPC);
  close (fd);
  return path;
}

static void
unmount_small_disk (Rig *rig)
{
  rig_kill_agent (&rig->alpha);
  umount2 (rig->alpha.state_dir, MNT_DETACH);
}

static void
test_full_before (void)
{
  g_autoptr(Rig) rig = rig_on_small_disk (LIGHT);
  g_autofree char *filler = NULL;
  g_autoptr(RigRun) refused = NULL;
  g_autoptr(RigRun) moved = NULL;

  if (rig == NULL)
    return;
  filler = fill_disk (rig);
  refused = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, NULL);
  g_assert_cmpint (refused->exit_code, ==, QMIG_EXIT_ERROR);
  assert_contains (refused->err, "journal.db");
  assert_contains (refused->err, "disk full");
  assert_contains (refused->err, rig->alpha.state_dir);

  g_unlink (filler);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
  moved = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, NULL);
  g_assert_cmpint (moved->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  unmount_small_disk (rig);
}

static void
test_full_in_pre_copy (void)
{
  g_autoptr(Rig) rig = rig_on_small_disk (BUSY);
  g_autofree char *filler = NULL;
  g_autoptr(RigRun) go = NULL;
  g_autoptr(RigRun) run = NULL;
  g_autoptr(QmigResult) result = NULL;
  g_autoptr(RigRun) moved = NULL;
  RigPending *pending;

  if (rig == NULL)
    return;
  pending = begin_held (rig);
  filler = fill_disk (rig);
  go = rig_qmig (rig, &rig->alpha, "switch", "last", "--go", NULL);
  run = rig_finish (pending);
  result = rig_result (run);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_ROLLED_BACK);
  g_assert_cmpint (result->vm_location, ==, QMIG_LOCATION_SOURCE);
  assert_contains (result->error, "journal.db");
  rig_wait_qemus (rig, 1);

  g_unlink (filler);
  rig_kill_agent (&rig->alpha);
  rig_start_agent (rig, &rig->alpha, NULL);
  rig_assert_one_runs (rig);
  rig_assert_nothing_left (rig);
  moved = rig_qmig (rig, &rig->alpha, "migrate", rig->vm, rig->beta.uri, NULL);
  g_assert_cmpint (moved->exit_code, ==, 0);
  rig_assert_one_runs (rig);
  unmount_small_disk (rig);
}

/* -- directories ----------------------------------------------------------------------------------------- */

/* Where SQLite keeps the schema's number, big-endian. */
#define USER_VERSION_OFFSET 60

static void
test_newer_schema (void)
{
  g_autoptr(Rig) rig = NULL;
  g_autofree char *path = NULL;
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;
  g_autoptr(RigRun) stop = NULL;
  g_autoptr(RigRun) run = NULL;
  gsize length, length_after;

  alarm (CASE_LIMIT_S);
  rig = rig_new ();
  if (rig == NULL)
    return;
  rig_start_agent (rig, &rig->alpha, NULL);
  stop = rig_qmig (rig, &rig->alpha, "agent", "stop", NULL);
  g_assert_cmpint (stop->exit_code, ==, 0);
  rig_wait_agent_dead (&rig->alpha);

  path = g_build_filename (rig->alpha.state_dir, "journal.db", NULL);
  g_assert_true (g_file_get_contents (path, &before, &length, NULL));
  memcpy (before + USER_VERSION_OFFSET, "\0\0\x27\x0f", 4);
  g_assert_true (g_file_set_contents (path, before, (gssize) length, NULL));

  run = rig_qmig (rig, &rig->alpha, "agent", "run", "--name", "a", NULL);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_UNSUPPORTED);
  assert_contains (run->err, "schema 9999");
  assert_contains (run->err, "knows schemas up to ");
  g_assert_true (g_file_get_contents (path, &after, &length_after, NULL));
  g_assert_cmpmem (before, length, after, length_after);
}

static void
test_long_runtime_dir (void)
{
  g_autoptr(Rig) rig = NULL;
  g_autofree char *too_long = NULL;
  g_autoptr(RigRun) run = NULL;
  RigHost host;

  alarm (CASE_LIMIT_S);
  rig = rig_new ();
  if (rig == NULL)
    return;
  too_long = g_strdup_printf ("%s/%0100d", rig->dir, 0);
  host = rig->alpha;
  host.runtime_dir = too_long;
  run = rig_qmig (rig, &host, "agent", "run", "--name", "a", NULL);
  g_assert_cmpint (run->exit_code, ==, QMIG_EXIT_USAGE);
  assert_contains (run->err, "QMIG_RUNTIME_DIR");
  assert_contains (run->err, "107");
}

int
main (int argc, char **argv)
{
  enter_own_mounts ();
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bad-input/monitor/impostors", test_impostors);
  g_test_add_func ("/bad-input/monitor/no-sockets", test_no_sockets);
  g_test_add_func ("/bad-input/monitor/taken", test_monitor_taken);
  g_test_add_func ("/bad-input/silent/in-check", test_silent_in_check);
  g_test_add_func ("/bad-input/silent/for-a-moment", test_silent_for_a_moment);
  g_test_add_func ("/bad-input/silent/in-pre-copy", test_silent_in_pre_copy);
  g_test_add_func ("/bad-input/agent/bodies", test_bad_bodies);
  g_test_add_func ("/bad-input/agent/large-bodies", test_large_bodies);
  g_test_add_func ("/bad-input/agent/garbage", test_garbage_for_agent);
  g_test_add_func ("/bad-input/commands", test_bad_commands);
  g_test_add_func ("/bad-input/disk-full/before", test_full_before);
  g_test_add_func ("/bad-input/disk-full/in-pre-copy", test_full_in_pre_copy);
  g_test_add_func ("/bad-input/directories/newer-schema", test_newer_schema);
  g_test_add_func ("/bad-input/directories/long-runtime-dir", test_long_runtime_dir);
  return g_test_run ();
}
