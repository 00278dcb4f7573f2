/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The receiving side with real QEMUs; what the source does is done by raw QMP here. */

#include "host-fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "qmig-journal.h"
#include "qmig-launcher.h"
#include "qmp-commands.h"
#include "qmp-error.h"

#define ID "m-aaaaaaaa"

typedef struct
{
  HostFixture f;
  QmigHost *host;
  GError *error;
} Fixture;

static QmigHost *
new_host (Fixture *t)
{
  QmigHost *host = qmig_host_local_new (&t->f.env, &t->error);

  g_assert_no_error (t->error);

  return host;
}

static void
set_up (Fixture *t, gconstpointer data)
{
  host_fixture_set_up (&t->f);
  t->host = new_host (t);
}

static void
tear_down (Fixture *t, gconstpointer data)
{
  g_clear_object (&t->host);
  g_clear_error (&t->error);
  host_fixture_tear_down (&t->f);
}

/* As if the agent had died: nothing is told to anybody. */
static void
restart (Fixture *t)
{
  g_object_unref (t->host);
  t->host = new_host (t);
}

static QmigIncoming *
prepare (Fixture *t)
{
  g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, NULL);
  QmigIncoming *incoming = qmig_host_prepare (t->host, spec, t->f.wait, &t->error);

  g_assert_no_error (t->error);
  g_assert_cmpint (incoming->phase, ==, QMIG_INCOMING_LISTENING);

  return incoming;
}

/* Prepared, followed and sent: the destination is loaded and stopped. */
static gint64
load (Fixture *t)
{
  g_autoptr(QmigIncoming) incoming = prepare (t);

  qmig_host_follow (t->host, ID);
  host_fixture_send (&t->f, incoming->uri);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);

  return incoming->pid;
}

static gint64
start_time_of (gint64 pid)
{
  return qmig_process_get_start_time (pid);
}

static void
assert_nothing_left (Fixture *t)
{
  g_autoptr(GPtrArray) qemus = qmig_process_list_qemus ();
  g_autofree char *run_dir = g_build_filename (t->f.env.runtime_dir, "vm", ID, NULL);

  g_assert_false (host_fixture_has_reservation (&t->f, ID));
  g_assert_false (host_fixture_run_dir_exists (&t->f, ID));
  for (guint i = 0; i < qemus->len; i++)
    {
      const QmigProcess *process = g_ptr_array_index (qemus, i);
      g_autofree char *line = g_strjoinv (" ", process->argv);

      g_assert_null (strstr (line, run_dir));
    }
}

static void
assert_exit (Fixture *t, QmigExit code)
{
  g_assert_error (t->error, QMIG_ERROR, (int) code);
  g_clear_error (&t->error);
}

/* -- the whole way ------------------------------------------------------------ */

static void
test_whole_way (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) held = NULL;
  g_autoptr(QmigIncoming) renewed = NULL;
  g_autoptr(QmigIncoming) committed = NULL;
  g_autoptr(QmigIncoming) again = NULL;
  g_autoptr(QmigIncoming) released = NULL;
  gint64 before_us, pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  pid = load (t);
  held = qmig_host_hold (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_true (held->held);
  renewed = qmig_host_renew (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (renewed->phase, ==, QMIG_INCOMING_LOADED);
  g_assert_cmpint (renewed->resumed_us, ==, QMIG_UNSET);

  before_us = g_get_real_time ();
  committed = qmig_host_commit (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (committed->phase, ==, QMIG_INCOMING_COMMITTED);
  g_assert_cmpstr (committed->run_state, ==, "running");
  g_assert_cmpint (committed->resumed_us, >=, before_us);
  g_assert_cmpint (committed->resumed_us, <=, g_get_real_time ());
  again = qmig_host_commit (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (again->phase, ==, QMIG_INCOMING_COMMITTED);
  g_assert_null (qmig_host_abort (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_CONFLICT);
  g_assert_true (qmig_process_is_alive (pid, start_time_of (pid)));

  released = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (released->phase, ==, QMIG_INCOMING_COMMITTED);
  g_assert_false (host_fixture_has_reservation (&t->f, ID));
  g_assert_true (host_fixture_run_dir_exists (&t->f, ID));
  g_assert_true (qmig_process_is_alive (pid, start_time_of (pid)));
}

/* The monitor is free for others, and nothing of the migration is in the run directory. */
static void
test_release_frees (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = NULL;
  g_autoptr(QmpClient) client = NULL;
  g_autofree char *socket = NULL;
  QmpRunState run_state;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  load (t);
  state = qmig_host_commit (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);

  client = qmp_client_open (state->qmp, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_true (qmp_query_status (client, &run_state, NULL, t->f.wait, &t->error));
  g_assert_cmpint (run_state, ==, QMP_RUN_STATE_RUNNING);
  socket = g_build_filename (t->f.env.runtime_dir, "vm", ID, "migrate.sock", NULL);
  g_assert_false (g_file_test (socket, G_FILE_TEST_EXISTS));

  /* Repeated by this object and by another one. */
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_clear_pointer (&state, qmig_incoming_free);
  restart (t);
  state = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
}

static void
test_accept (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) accepted = NULL;
  g_autoptr(QmigIncoming) released = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  load (t);
  accepted = qmig_host_accept (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (accepted->phase, ==, QMIG_INCOMING_COMMITTED);
  g_assert_cmpstr (accepted->run_state, !=, "running");
  g_assert_null (qmig_host_abort (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_CONFLICT);
  released = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_false (host_fixture_has_reservation (&t->f, ID));
}

static void
test_prepare_repeated (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) first = NULL;
  g_autoptr(QmigIncoming) second = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  first = prepare (t);
  g_assert_cmpint (first->launch_ms, >, 0);
  g_assert_nonnull (first->qemu_version);
  second = prepare (t);
  g_assert_cmpint (first->pid, ==, second->pid);
  g_assert_cmpstr (first->uri, ==, second->uri);
}

static void
test_tcp (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_free (spec->transport);
  spec->transport = g_strdup ("tcp");
  incoming = qmig_host_prepare (t->host, spec, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_true (g_str_has_prefix (incoming->uri, "tcp:127.0.0.1:"));
  qmig_host_follow (t->host, ID);
  host_fixture_send (&t->f, incoming->uri);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);
}

/* A port of the loopback that somebody else listens on. */
static int
take_port (guint16 *port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &length), ==, 0);
  *port = ntohs (address.sin_port);

  return fd;
}

static void
test_tcp_port_taken (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autofree char *taken = NULL;
  guint16 port;
  int fd;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  fd = take_port (&port);
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_free (spec->transport);
  spec->transport = g_strdup ("tcp");
  spec->port = port;
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  g_test_message ("%s", t->error->message);
  g_assert_nonnull (strstr (t->error->message, "cannot listen on tcp:127.0.0.1:"));
  g_clear_error (&t->error);
  assert_nothing_left (t);

  /* With a range the next free one serves. */
  spec->port_last = MIN (port + 50, 65535);
  incoming = qmig_host_prepare (t->host, spec, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  taken = g_strdup_printf ("tcp:127.0.0.1:%u", port);
  g_assert_cmpstr (incoming->uri, !=, taken);
  close (fd);
}

static guint16
free_port (void)
{
  guint16 port;
  int fd = take_port (&port);

  close (fd);

  return port;
}

/* Whatever two processes cannot share has been changed in a way that QEMU takes: both live side by side. */
static void
test_side_by_side (Fixture *t, gconstpointer data)
{
  g_autofree char *options = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  options = g_strdup_printf ("-qmp unix:%1$s/user.sock,server=on,wait=off -monitor telnet:127.0.0.1:%2$u,server=on,wait=off "
                             "-serial mon:unix:%1$s/con,,sole,server=on,wait=off -serial tcp:127.0.0.1:%3$u,server=on,wait=off "
                             "-serial file:%1$s/serial.log -chardev socket,id=a,host=127.0.0.1,port=%4$u,server=on,wait=off "
                             "-chardev pty,id=p,logfile=%1$s/pty.log -chardev file,id=f,path=%1$s/f.log -device isa-serial,chardev=f "
                             "-gdb tcp:127.0.0.1:%5$u -vnc 127.0.0.1:%6$u -pidfile %1$s/pid -D %1$s/log "
                             "-netdev user,id=n -device e1000,netdev=n,id=nic "
                             "-device '{\"driver\":\"virtio-rng-pci\",\"id\":\"rng\"}' -object rng-builtin,id=r "
                             "-rtc base=utc -smp 2 -boot menu=off -msg timestamp=on", t->f.dir, free_port (), free_port (),
                             free_port (), free_port (), free_port () - 5900u);
  host_fixture_start_source (&t->f, options);
  incoming = prepare (t);
  qmig_host_follow (t->host, ID);
  host_fixture_send (&t->f, incoming->uri);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);
}

/* -- what goes wrong before it listens ------------------------------------------- */

static void
assert_prepare_fails (Fixture *t, const char *extra, const char *text)
{
  g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, extra);

  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  g_test_message ("%s", t->error->message);
  g_assert_nonnull (strstr (t->error->message, text));
  g_clear_error (&t->error);
  assert_nothing_left (t);
}

static void
test_bad_arguments (Fixture *t, gconstpointer data)
{
  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  assert_prepare_fails (t, "-device no-such-device", "no-such-device");
  assert_prepare_fails (t, "-machine pc-q35-99.0", "unsupported machine type");
  assert_prepare_fails (t, "-drive file=/no/such/file,if=none", "/no/such/file");
}

static void
test_no_binary (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = NULL;

  g_free (t->f.qemu);
  t->f.qemu = g_strdup ("/no/such/qemu");
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  g_assert_nonnull (strstr (t->error->message, "cannot start '/no/such/qemu': No such file"));
  g_clear_error (&t->error);
  assert_nothing_left (t);
}

static void
test_refused_capability (Fixture *t, gconstpointer data)
{
  const char *const capabilities[] = { "no-such-capability", NULL };
  g_autoptr(QmigIncomingSpec) spec = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  spec = host_fixture_spec (&t->f, ID, NULL);
  spec->capabilities = g_strdupv ((char **) capabilities);
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  g_assert_nonnull (strstr (t->error->message, "no-such-capability"));
  g_clear_error (&t->error);
  assert_nothing_left (t);
}

static void
test_no_memory (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, NULL);

  spec->memory_bytes = G_MAXINT64 / 2;
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  g_assert_nonnull (strstr (t->error->message, "not enough memory on 'here'"));
  assert_exit (t, QMIG_EXIT_REFUSED);
  assert_nothing_left (t);
}

/* What one incoming VM was promised cannot be promised to the next, though no byte of it is used yet. */
static void
test_memory_promised (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (t->f.env.state_dir, NULL);
  g_autoptr(QmigHostInfo) info = qmig_env_host_info (&t->f.env);
  g_autoptr(QmigIncomingSpec) other = host_fixture_spec (&t->f, "m-other", NULL);
  g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, NULL);

  other->memory_bytes = info->memory_total_bytes;
  g_assert_true (qmig_journal_reserve (journal, other, &t->error));
  g_free (spec->vm_name);
  spec->vm_name = g_strdup ("another");
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_REFUSED);

  /* And so is a name. */
  spec->memory_bytes = 0;
  g_free (spec->vm_name);
  spec->vm_name = g_strdup ("vm");
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  g_assert_nonnull (strstr (t->error->message, "the name 'vm' is taken by incoming migration m-other"));
  assert_exit (t, QMIG_EXIT_REFUSED);
}

static void
test_foreign_run_dir (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, NULL);

  g_free (spec->run_dir);
  spec->run_dir = g_strdup ("/etc");
  g_assert_null (qmig_host_prepare (t->host, spec, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_USAGE);
}

static void
test_cancelled (Fixture *t, gconstpointer data)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(QmpWait) wait = qmp_wait_new (cancellable, "prepare", HOST_FIXTURE_WAIT_MS);
  g_autoptr(QmigIncomingSpec) spec = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_cancellable_cancel (cancellable);
  g_assert_null (qmig_host_prepare (t->host, spec, wait, &t->error));
  g_assert_error (t->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_nothing_left (t);
}

/* -- the destination dies, or is ended ----------------------------------------------- */

static void
kill_and_see (Fixture *t, gint64 pid)
{
  g_autoptr(QmigIncoming) state = NULL;
  g_autoptr(QmigIncoming) aborted = NULL;

  g_assert_cmpint (kill ((pid_t) pid, SIGKILL), ==, 0);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_GONE);
  state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  g_assert_cmpint (state->exit_status, ==, SIGKILL);
  g_assert_null (qmig_host_hold (t->host, ID, t->f.wait, &t->error));
  g_clear_error (&t->error);
  aborted = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (aborted->phase, ==, QMIG_INCOMING_GONE);
  assert_nothing_left (t);
}

static void
test_killed_listening (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) incoming = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  incoming = prepare (t);
  kill_and_see (t, incoming->pid);
}

static void
test_killed_loaded (Fixture *t, gconstpointer data)
{
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  pid = load (t);
  g_assert_cmpint (kill ((pid_t) pid, SIGKILL), ==, 0);
  /* Told to run, a dead destination leaves open what became of it. */
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_ATTENTION);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_GONE);
}

static void
test_ended_by_stream (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) incoming = NULL;
  const QmigIncoming *state;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  {
    g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, "-m 32");

    incoming = qmig_host_prepare (t->host, spec, t->f.wait, &t->error);
    g_assert_no_error (t->error);
  }
  qmig_host_follow (t->host, ID);
  host_fixture_send (&t->f, incoming->uri);
  /* Old QEMUs exit, newer ones stay and say so; either way the reason is told. */
  while ((state = qmig_host_peek (t->host, NULL)) == NULL ||
         (state->phase != QMIG_INCOMING_GONE && g_strcmp0 (state->status, "failed") != 0))
    g_assert_true (qmp_wait_pause (t->f.wait, 5, NULL));
  g_assert_nonnull (state->error);
  g_assert_nonnull (strstr (state->error, "ram"));
}

static void
test_abort (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmigIncoming) aborted = NULL;
  g_autoptr(QmigIncoming) again = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  incoming = prepare (t);
  aborted = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (aborted->phase, ==, QMIG_INCOMING_GONE);
  g_assert_false (qmig_process_is_alive (incoming->pid, incoming->start_time));
  assert_nothing_left (t);
  again = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (again->phase, ==, QMIG_INCOMING_GONE);
}

static void
test_abort_loaded (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) aborted = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  load (t);
  aborted = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  assert_nothing_left (t);
}

/* It does not answer, but it can be ended. */
static void
test_abort_frozen (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) aborted = NULL;
  gint64 pid;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  pid = load (t);
  g_assert_cmpint (kill ((pid_t) pid, SIGSTOP), ==, 0);
  aborted = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  assert_nothing_left (t);
}

static void
test_commit_too_early (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmigIncoming) state = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  incoming = prepare (t);
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_REFUSED);
  g_assert_null (qmig_host_accept (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_REFUSED);
  g_assert_null (qmig_host_release (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_CONFLICT);
  /* And -S was not undone by it. */
  qmig_host_follow (t->host, ID);
  host_fixture_send (&t->f, incoming->uri);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);
  state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_cmpstr (state->run_state, !=, "running");
}

/* -- after a restart ------------------------------------------------------------------- */

/* That it was accepted paused is nowhere written: its release must not fail for that. */
static void
test_restart_accepted (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) held = NULL;
  g_autoptr(QmigIncoming) accepted = NULL;
  g_autoptr(QmigIncoming) released = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  load (t);
  held = qmig_host_hold (t->host, ID, t->f.wait, &t->error);
  accepted = qmig_host_accept (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  restart (t);
  released = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (released->phase, ==, QMIG_INCOMING_COMMITTED);
  g_assert_false (host_fixture_has_reservation (&t->f, ID));
}

static void
test_restart_listening (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) before = NULL;
  g_autoptr(QmigIncoming) after = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  before = prepare (t);
  restart (t);
  after = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (after->phase, ==, QMIG_INCOMING_LISTENING);
  g_assert_cmpint (after->pid, ==, before->pid);
  g_assert_cmpstr (after->uri, ==, before->uri);
  g_assert_cmpint (after->seq, >, before->seq);
  g_assert_false (after->held);
}

static void
test_restart_each_phase (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = NULL;
  const QmigIncoming *peeked;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  load (t);
  state = qmig_host_hold (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);

  /* It may be all there is of the VM: no lease ends it. */
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_expire (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_LOADED);

  restart (t);
  qmig_host_follow (t->host, ID);
  peeked = qmig_host_peek (t->host, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (peeked->phase, ==, QMIG_INCOMING_LOADED);
  g_assert_true (peeked->held);
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_commit (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);

  restart (t);
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_COMMITTED);
  g_assert_null (qmig_host_abort (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_CONFLICT);
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_release (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_false (host_fixture_has_reservation (&t->f, ID));
}

/* Loaded by whatever mishap, the copy of a rehearsal does not run. */
static void
test_rehearsal (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmigIncoming) ended = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  spec = host_fixture_spec (&t->f, ID, NULL);
  spec->rehearsal = TRUE;
  incoming = qmig_host_prepare (t->host, spec, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  qmig_host_follow (t->host, ID);
  host_fixture_send (&t->f, incoming->uri);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);

  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_REFUSED);
  g_assert_null (qmig_host_accept (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_REFUSED);
  restart (t);
  g_assert_null (qmig_host_commit (t->host, ID, t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_REFUSED);
  ended = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  assert_nothing_left (t);
}

/* What still loads is broken off first: nothing can be loaded between the look and the end. */
static void
test_expire_loading (Fixture *t, gconstpointer data)
{
  g_autoptr(JsonObject) crawl = json_object_new ();
  g_autoptr(QmigIncoming) state = NULL;
  g_autoptr(QmigIncoming) incoming = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  json_object_set_int_member (crawl, "max-bandwidth", 4096);
  g_assert_true (qmp_migrate_set_parameters (t->f.source_client, g_steal_pointer (&crawl), t->f.wait, &t->error));
  incoming = prepare (t);
  state = qmig_host_hold (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  host_fixture_send (&t->f, incoming->uri);
  do
    {
      g_assert_true (qmp_wait_pause (t->f.wait, 10, &t->error));
      g_clear_pointer (&state, qmig_incoming_free);
      state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
      g_assert_no_error (t->error);
    }
  while (g_strcmp0 (state->status, "active") != 0);

  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_expire (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  assert_nothing_left (t);
}

static void
test_restart_gone (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) incoming = NULL;
  g_autoptr(QmigIncoming) state = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  incoming = prepare (t);
  restart (t);
  g_assert_cmpint (kill ((pid_t) incoming->pid, SIGKILL), ==, 0);
  state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  g_clear_pointer (&state, qmig_incoming_free);
  state = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  assert_nothing_left (t);
}

/* Killed between the start of QEMU and the journal's learning its pid. */
static void
test_restart_unrecorded (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigIncoming) state = NULL;
  g_autoptr(QmigIncoming) aborted = NULL;
  gint64 pid, start_time;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_assert_true (qmig_journal_reserve (journal, spec, &t->error));
  g_assert_true (qmig_launcher_start ((const char *const *) spec->argv, spec->run_dir, NULL, &pid, &start_time, &t->error));
  state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->pid, ==, pid);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_READY);
  aborted = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_false (qmig_process_is_alive (pid, start_time));
  assert_nothing_left (t);
}

/* Reserved and never started. */
static void
test_restart_reserved (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigJournal) journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  g_autoptr(QmigIncomingSpec) spec = host_fixture_spec (&t->f, ID, NULL);
  g_autoptr(QmigIncoming) state = NULL;
  g_autoptr(QmigIncoming) aborted = NULL;

  g_assert_true (qmig_journal_reserve (journal, spec, &t->error));
  state = qmig_host_query (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  aborted = qmig_host_abort (t->host, ID, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  assert_nothing_left (t);
}

static void
test_prepare_after_crash (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigJournal) journal = NULL;
  g_autoptr(QmigIncomingSpec) spec = NULL;
  g_autoptr(QmigIncoming) state = NULL;
  gint64 pid, start_time;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  journal = qmig_journal_open (t->f.env.state_dir, &t->error);
  spec = host_fixture_spec (&t->f, ID, NULL);
  g_assert_true (qmig_journal_reserve (journal, spec, &t->error));
  g_assert_true (qmig_launcher_start ((const char *const *) spec->argv, spec->run_dir, NULL, &pid, &start_time, &t->error));
  g_assert_true (qmig_journal_reservation_launched (journal, ID, pid, start_time, &t->error));
  state = prepare (t);
  g_assert_cmpint (state->pid, !=, pid);
  g_assert_false (qmig_process_is_alive (pid, start_time));
}

/* -- unknown migrations, events --------------------------------------------------------- */

static void
test_unknown (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) state = qmig_host_query (t->host, "m-never", t->f.wait, &t->error);

  g_assert_no_error (t->error);
  g_assert_cmpint (state->phase, ==, QMIG_INCOMING_GONE);
  g_assert_null (qmig_host_commit (t->host, "m-never", t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_ATTENTION);
  g_assert_null (qmig_host_hold (t->host, "m-never", t->f.wait, &t->error));
  assert_exit (t, QMIG_EXIT_NOT_FOUND);
}

static void
count_changes (QmigHost *host, const QmigIncoming *state, gpointer data)
{
  gint64 *last = data;

  g_assert_cmpint (state->seq, >, *last);
  *last = state->seq;
}

static void
test_changes_are_told (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigIncoming) incoming = NULL;
  gint64 last = 0, listening;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  g_signal_connect (t->host, "changed", G_CALLBACK (count_changes), &last);
  incoming = prepare (t);
  g_assert_cmpint (last, ==, incoming->seq);
  listening = last;
  host_fixture_send (&t->f, incoming->uri);
  host_fixture_wait_phase (&t->f, t->host, QMIG_INCOMING_LOADED);
  g_assert_cmpint (last, >, listening);
}

/* -- facts -------------------------------------------------------------------------------- */

static QmigFacts *
ask_facts (Fixture *t, const char *binary, const char *machine, const char *name)
{
  g_autoptr(QmigFactsRequest) request = qmig_facts_request_new ();
  QmigFacts *facts;

  request->migration = g_strdup (ID);
  request->qemu_binary = g_strdup (binary);
  request->machine = g_strdup (machine);
  request->vm_name = g_strdup (name);
  facts = qmig_host_get_facts (t->host, request, t->f.wait, &t->error);
  g_assert_no_error (t->error);

  return facts;
}

static void
test_facts (Fixture *t, gconstpointer data)
{
  g_autofree char *run_dir = g_build_filename (t->f.env.runtime_dir, "vm", ID, NULL);
  g_autoptr(QmigFacts) facts = NULL;
  g_autoptr(QmigFacts) strange = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  facts = ask_facts (t, "qemu-system-x86_64", "pc-q35-7.2", "unheard-of");
  g_assert_true (facts->binary_found);
  g_assert_cmpstr (facts->binary, ==, t->f.qemu);
  g_assert_nonnull (facts->binary_version);
  g_assert_null (facts->binary_problem);
  g_assert_true (facts->machine_known);
  g_assert_cmpstr (facts->run_dir, ==, run_dir);
  g_assert_false (facts->name_taken);
  g_assert_cmpstr (facts->host->name, ==, "here");
  g_assert_cmpint (facts->host->memory_available_bytes, >, 0);

  strange = ask_facts (t, t->f.qemu, "pc-q35-99.0", NULL);
  g_assert_false (strange->machine_known);
  g_assert_cmpuint (g_strv_length (strange->machines), >, 0);
  g_assert_true (g_str_has_prefix (strange->machines[0], "pc-q35-"));
}

static void
test_facts_bad_binaries (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigFacts) none = ask_facts (t, "no-such-qemu", NULL, NULL);
  g_autoptr(QmigFacts) other = ask_facts (t, "true", NULL, NULL);

  g_assert_false (none->binary_found);
  g_assert_nonnull (strstr (none->binary_problem, "no-such-qemu"));
  g_assert_true (other->binary_found);
  g_assert_nonnull (strstr (other->binary_problem, "does not answer as QEMU"));
  g_assert_false (other->machine_known);
}

static void
test_facts_source (Fixture *t, gconstpointer data)
{
  g_autoptr(QmigFactsRequest) request = qmig_facts_request_new ();
  g_autoptr(QmigHostInfo) here = qmig_env_host_info (&t->f.env);
  g_autoptr(QmigFacts) mine = NULL;
  g_autoptr(QmigFacts) stranger = NULL;
  g_autoptr(QmigProcess) source = NULL;

  if (!host_fixture_need_qemu (&t->f))
    return;
  host_fixture_start_source (&t->f, NULL);
  source = qmig_process_read (t->f.source_pid, &t->error);
  request->vm_name = g_strdup ("vm");
  request->qemu_binary = g_strdup (source->exe);
  request->machine = g_strdup ("known-by-construction");
  request->source_pid = t->f.source_pid;
  request->boot_id = g_strdup (here->boot_id);
  mine = qmig_host_get_facts (t->host, request, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_true (mine->machine_known);
  /* Other tests' QEMUs may be called so too, but belong to their own agents. */
  g_assert_false (mine->name_taken);

  g_free (request->boot_id);
  request->boot_id = g_strdup ("another machine");
  stranger = qmig_host_get_facts (t->host, request, t->f.wait, &t->error);
  g_assert_no_error (t->error);
  g_assert_false (stranger->machine_known);
  g_assert_true (stranger->name_taken);
  g_assert_nonnull (strstr (stranger->name_holder, "process "));
}

#define ADD(path, func) g_test_add ("/host-local/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("whole-way", test_whole_way);
  ADD ("restart-accepted", test_restart_accepted);
  ADD ("release-frees", test_release_frees);
  ADD ("accept", test_accept);
  ADD ("prepare-repeated", test_prepare_repeated);
  ADD ("tcp", test_tcp);
  ADD ("tcp-port-taken", test_tcp_port_taken);
  ADD ("side-by-side", test_side_by_side);
  ADD ("bad-arguments", test_bad_arguments);
  ADD ("no-binary", test_no_binary);
  ADD ("refused-capability", test_refused_capability);
  ADD ("no-memory", test_no_memory);
  ADD ("memory-promised", test_memory_promised);
  ADD ("foreign-run-dir", test_foreign_run_dir);
  ADD ("cancelled", test_cancelled);
  ADD ("killed-listening", test_killed_listening);
  ADD ("killed-loaded", test_killed_loaded);
  ADD ("ended-by-stream", test_ended_by_stream);
  ADD ("abort", test_abort);
  ADD ("abort-loaded", test_abort_loaded);
  ADD ("abort-frozen", test_abort_frozen);
  ADD ("commit-too-early", test_commit_too_early);
  ADD ("restart-listening", test_restart_listening);
  ADD ("rehearsal", test_rehearsal);
  ADD ("expire-loading", test_expire_loading);
  ADD ("restart-each-phase", test_restart_each_phase);
  ADD ("restart-gone", test_restart_gone);
  ADD ("restart-unrecorded", test_restart_unrecorded);
  ADD ("restart-reserved", test_restart_reserved);
  ADD ("prepare-after-crash", test_prepare_after_crash);
  ADD ("unknown", test_unknown);
  ADD ("changes-are-told", test_changes_are_told);
  ADD ("facts", test_facts);
  ADD ("facts-bad-binaries", test_facts_bad_binaries);
  ADD ("facts-source", test_facts_source);
  return g_test_run ();
}
