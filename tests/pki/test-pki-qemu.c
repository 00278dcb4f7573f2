/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether the QEMU that is installed takes the directory, and whether its two ends then talk. */

#include "pki-fixture.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define BINARY "qemu-system-x86_64"
#define NBD_BINARY "qemu-nbd"
#define LIMIT_MS 60000

/* A test that fails ends by abort() and cleans up nothing. */
static void
die_with_test (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* What QEMU answers when it is to use @dir.  (transfer full) */
static char *
ask_qemu (const char *dir, const char *endpoint)
{
  g_autofree char *input
    = g_strdup_printf ("{\"execute\":\"qmp_capabilities\"}\n"
                       "{\"execute\":\"object-add\",\"id\":\"add\",\"arguments\":{\"qom-type\":\"tls-creds-x509\","
                       "\"id\":\"tls\",\"endpoint\":\"%s\",\"dir\":\"%s\",\"verify-peer\":true}}\n"
                       "{\"execute\":\"quit\"}\n",
                       endpoint, dir);
  g_autoptr(GSubprocessLauncher) launcher
    = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_autoptr(GSubprocess) qemu = NULL;
  g_autoptr(GError) error = NULL;
  char *output = NULL;

  g_subprocess_launcher_set_child_setup (launcher, die_with_test, NULL, NULL);
  qemu = g_subprocess_launcher_spawn (launcher, &error, BINARY, "-machine", "none", "-nodefaults", "-display", "none",
                                      "-accel", "tcg", "-qmp", "stdio", NULL);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8 (qemu, input, NULL, &output, NULL, &error);
  g_assert_no_error (error);
  g_test_message ("%s", output);
  return output;
}

static void
assert_accepted (const char *dir, const char *endpoint)
{
  g_autofree char *output = ask_qemu (dir, endpoint);

  g_assert_null (strstr (output, "\"error\""));
  g_assert_nonnull (strstr (output, "{\"return\": {}, \"id\": \"add\"}"));
}

static void
assert_rejected (const char *dir, const char *endpoint)
{
  g_autofree char *output = ask_qemu (dir, endpoint);

  g_assert_nonnull (strstr (output, "\"error\""));
}

static void
test_directory (Pki *f, gconstpointer data)
{
  const char *const addresses[] = { "127.0.0.1", NULL };
  g_autofree char *binary = g_find_program_in_path (BINARY);
  g_autofree char *beta = pki_path (f, "beta");
  g_autoptr(GError) error = NULL;

  if (binary == NULL)
    {
      g_test_skip (BINARY " is not installed");
      return;
    }
  pki_make (f, NULL);
  assert_rejected (f->dir, "server");
  g_assert_true (qmig_pki_issue (f->dir, "alpha", addresses, 30, TRUE, &error));
  g_assert_no_error (error);
  pki_issue (f, "eve", NULL);
  pki_issue (f, "beta", "10.0.0.2");
  g_assert_true (qmig_pki_revoke (f->dir, "eve", &error));
  g_assert_true (qmig_pki_export (f->dir, "beta", beta, &error));
  g_assert_no_error (error);

  assert_accepted (f->dir, "server");
  assert_accepted (f->dir, "client");
  assert_accepted (beta, "server");
  assert_accepted (beta, "client");
}

static GSubprocess *
spawn_nbd (const char *const *argv, GSubprocessFlags flags)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (flags);
  g_autoptr(GError) error = NULL;
  GSubprocess *process;

  g_subprocess_launcher_set_child_setup (launcher, die_with_test, NULL, NULL);
  process = g_subprocess_launcher_spawnv (launcher, argv, &error);
  g_assert_no_error (error);
  return process;
}

/* The socket is there a moment before it listens. */
static gboolean
is_listening (const char *socket)
{
  g_autoptr(GSocketAddress) address = g_unix_socket_address_new (socket);
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketConnection) connection
    = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);

  return connection != NULL;
}

static GSubprocess *
serve (const char *dir, const char *image, const char *socket)
{
  g_autofree char *object = g_strdup_printf ("tls-creds-x509,id=tls,endpoint=server,dir=%s,verify-peer=on", dir);
  const char *const argv[] = { NBD_BINARY, "-t", "-f", "raw", "-k", socket, "--object", object, "--tls-creds", "tls",
                               image, NULL };
  GSubprocess *server = spawn_nbd (argv, G_SUBPROCESS_FLAGS_NONE);
  int waited_ms = 0;

  for (; !is_listening (socket); waited_ms += 10)
    {
      g_assert_cmpint (waited_ms, <, LIMIT_MS);
      g_usleep (10000);
    }
  return server;
}

/* Whether the server on @socket lets a client with the certificates of @dir in, and is @host to it. */
static gboolean
is_let_in (const char *dir, const char *socket, const char *host)
{
  g_autofree char *object = g_strdup_printf ("tls-creds-x509,id=tls,endpoint=client,dir=%s,verify-peer=on", dir);
  const char *const argv[] = { NBD_BINARY, "-L", "-k", socket, "--object", object, "--tls-creds", "tls",
                               "--tls-hostname", host, NULL };
  GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE;
  g_autoptr(GSubprocess) client = spawn_nbd (argv, flags);
  g_autoptr(GError) error = NULL;

  g_subprocess_wait (client, NULL, &error);
  g_assert_no_error (error);
  return g_subprocess_get_successful (client);
}

static void
stop (GSubprocess *server, const char *socket)
{
  g_subprocess_force_exit (server);
  g_subprocess_wait (server, NULL, NULL);
  g_object_unref (server);
  g_remove (socket);
}

static void
test_talk (Pki *f, gconstpointer data)
{
  const char *const addresses[] = { "10.0.0.1", NULL };
  g_autofree char *binary = g_find_program_in_path (NBD_BINARY);
  g_autofree char *beta = pki_path (f, "beta");
  g_autofree char *image = pki_path (f, "image");
  g_autofree char *socket = pki_path (f, "nbd");
  g_autofree char *zeroes = g_strnfill (4096, '0');
  g_autoptr(GError) error = NULL;
  GSubprocess *server;

  if (binary == NULL)
    {
      g_test_skip (NBD_BINARY " is not installed");
      return;
    }
  pki_make (f, NULL);
  g_assert_true (qmig_pki_issue (f->dir, "alpha", addresses, 30, TRUE, &error));
  pki_issue (f, "beta", "10.0.0.2");
  g_assert_true (qmig_pki_export (f->dir, "beta", beta, &error));
  g_assert_true (g_file_set_contents (image, zeroes, -1, &error));

  server = serve (f->dir, image, socket);
  g_assert_true (is_let_in (beta, socket, "alpha"));
  g_assert_true (is_let_in (beta, socket, "10.0.0.1"));
  g_assert_false (is_let_in (beta, socket, "10.0.0.2"));
  stop (server, socket);

  g_assert_true (qmig_pki_revoke (f->dir, "beta", &error));
  server = serve (f->dir, image, socket);
  g_assert_false (is_let_in (beta, socket, "alpha"));
  g_assert_true (is_let_in (f->dir, socket, "alpha"));
  stop (server, socket);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/qemu/directory", test_directory);
  ADD_PKI_TEST ("/pki/qemu/talk", test_talk);
  return g_test_run ();
}
