/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whether the QEMU that is installed takes the directory. */

#include "pki-fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#define BINARY "qemu-system-x86_64"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/qemu/directory", test_directory);
  return g_test_run ();
}
