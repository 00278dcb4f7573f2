/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* peers.conf: what it says, and that it is there whatever happens. */

#include "pki-fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>

#define F1 "1111111111111111111111111111111111111111111111111111111111111111"
#define F2 "abababababababababababababababababababababababababababababababab"
#define F2_AS_OPENSSL                                                                               \
  "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"
#define N_THREADS 4
#define N_EACH 8

static void
set_peer (const char *dir, const char *fingerprint, const char *name, QmigRole role)
{
  g_autoptr(GError) error = NULL;
  gboolean set = qmig_peers_set (dir, fingerprint, name, role, &error);

  g_assert_no_error (error);
  g_assert_true (set);
}

/* "anna:viewer:1111 …" */
static char *
peers_text (const char *dir)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GPtrArray) peers = qmig_peers_list (dir, &error);
  GString *text = g_string_new (NULL);

  g_assert_no_error (error);
  for (guint i = 0; i < peers->len; i++)
    {
      const QmigPeer *peer = g_ptr_array_index (peers, i);

      g_assert_cmpuint (strlen (peer->fingerprint), ==, 64);
      g_string_append_printf (text, "%s%s:%s:%.4s", i > 0 ? " " : "", peer->name, qmig_role_names[peer->role],
                              peer->fingerprint);
    }
  return g_string_free (text, FALSE);
}

#define assert_peers(dir, expected)               \
  G_STMT_START                                    \
  {                                               \
    g_autofree char *peers_now = peers_text (dir); \
    g_assert_cmpstr (peers_now, ==, expected);    \
  }                                               \
  G_STMT_END

static void
test_set (Pki *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  assert_peers (f->dir, "");
  set_peer (f->dir, F1, "anna", QMIG_ROLE_VIEWER);
  set_peer (f->dir, F2_AS_OPENSSL, "beta", QMIG_ROLE_OPERATOR);
  assert_peers (f->dir, "anna:viewer:1111 beta:operator:abab");
  set_peer (f->dir, F1, "anna2", QMIG_ROLE_ADMIN);
  assert_peers (f->dir, "beta:operator:abab anna2:admin:1111");

  g_assert_false (qmig_peers_set (f->dir, "1234", "x", QMIG_ROLE_ADMIN, &error));
  assert_refused (error, QMIG_EXIT_USAGE, "'1234' is no fingerprint");
  g_assert_false (qmig_peers_set (f->dir, F1 "]\n[x", "x", QMIG_ROLE_ADMIN, &error));
  assert_refused (error, QMIG_EXIT_USAGE, "is no fingerprint");
  g_assert_false (qmig_peers_set (f->dir, F1, "a\nb", QMIG_ROLE_ADMIN, &error));
  assert_refused (error, QMIG_EXIT_USAGE, "as the name");
  g_assert_false (qmig_peers_set (f->dir, F1, "x", QMIG_ROLE_NONE, &error));
  assert_refused (error, QMIG_EXIT_USAGE, "expected viewer, operator or admin");
  assert_peers (f->dir, "beta:operator:abab anna2:admin:1111");
}

static void
test_remove (Pki *f, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  set_peer (f->dir, F1, "anna", QMIG_ROLE_VIEWER);
  set_peer (f->dir, F2, "beta", QMIG_ROLE_OPERATOR);
  g_assert_false (qmig_peers_remove (f->dir, "nobody", &error));
  assert_refused (error, QMIG_EXIT_NOT_FOUND, "there is no peer 'nobody'");
  g_assert_true (qmig_peers_remove (f->dir, F2_AS_OPENSSL, &error));
  assert_peers (f->dir, "anna:viewer:1111");
  g_assert_true (qmig_peers_remove (f->dir, "anna", &error));
  assert_peers (f->dir, "");
}

/* Comments of people stay, and what cannot be understood is an error: a peer must not be lost in silence. */
static void
test_by_hand (Pki *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (f->dir, "peers.conf", NULL);
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;

  set_peer (f->dir, F1, "anna", QMIG_ROLE_VIEWER);
  g_file_set_contents (path, "# mine\n[peer " F2_AS_OPENSSL "]\nname=beta\nrole=operator\n", -1, &error);
  assert_peers (f->dir, "beta:operator:abab");
  set_peer (f->dir, F1, "anna", QMIG_ROLE_VIEWER);
  text = pki_text (f->dir, "peers.conf");
  g_assert_nonnull (strstr (text, "# mine\n"));
  set_peer (f->dir, F2, "beta", QMIG_ROLE_ADMIN);
  assert_peers (f->dir, "anna:viewer:1111 beta:admin:abab");

  g_file_set_contents (path, "[peer " F1 "]\nname=beta\nrole=king\n", -1, &error);
  g_assert_null (qmig_peers_list (f->dir, &error));
  assert_refused (error, QMIG_EXIT_ERROR, "there is no role 'king'");
  g_file_set_contents (path, "[peer 12]\nname=beta\nrole=admin\n", -1, &error);
  g_assert_null (qmig_peers_list (f->dir, &error));
  assert_refused (error, QMIG_EXIT_ERROR, "'12' is no fingerprint");
  g_file_set_contents (path, "nonsense", -1, &error);
  g_assert_null (qmig_peers_list (f->dir, &error));
  assert_refused (error, QMIG_EXIT_ERROR, "peers.conf");
}

/* The process is killed by the kernel in the midst of writing. */
static void
test_interrupted (Pki *f, gconstpointer data)
{
  g_autofree char *before = NULL;
  g_autofree char *after = NULL;

  if (g_test_subprocess ())
    {
      const struct rlimit no_core = { 0, 0 };
      const struct rlimit few_bytes = { 100, 100 };

      /* Made for this process, which will not come to its end. */
      g_rmdir (f->root);
      setrlimit (RLIMIT_CORE, &no_core);
      setrlimit (RLIMIT_FSIZE, &few_bytes);
      set_peer (g_getenv ("QMIG_TEST_PKI"), F2, "beta", QMIG_ROLE_OPERATOR);
      return;
    }

  set_peer (f->dir, F1, "anna", QMIG_ROLE_VIEWER);
  before = pki_text (f->dir, "peers.conf");
  g_setenv ("QMIG_TEST_PKI", f->dir, TRUE);
  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_failed ();
  after = pki_text (f->dir, "peers.conf");
  g_assert_cmpstr (before, ==, after);
  set_peer (f->dir, F2, "beta", QMIG_ROLE_OPERATOR);
  assert_peers (f->dir, "anna:viewer:1111 beta:operator:abab");
}

typedef struct
{
  const char *dir;
  int index;
} Writer;

static gpointer
write_peers (gpointer data)
{
  const Writer *self = data;

  for (int i = 0; i < N_EACH; i++)
    {
      g_autofree char *fingerprint = g_strdup_printf ("%064x", self->index * N_EACH + i);

      set_peer (self->dir, fingerprint, "x", QMIG_ROLE_VIEWER);
    }
  return NULL;
}

static void
test_together (Pki *f, gconstpointer data)
{
  Writer writers[N_THREADS];
  GThread *threads[N_THREADS];
  g_autoptr(GPtrArray) peers = NULL;
  g_autoptr(GError) error = NULL;

  for (int i = 0; i < N_THREADS; i++)
    {
      writers[i] = (Writer) { f->dir, i };
      threads[i] = g_thread_new ("writer", write_peers, &writers[i]);
    }
  for (int i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  peers = qmig_peers_list (f->dir, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (peers->len, ==, N_THREADS * N_EACH);
}

static void
test_roles (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (qmig_role_from_string ("viewer", &error), ==, QMIG_ROLE_VIEWER);
  g_assert_cmpint (qmig_role_from_string ("operator", &error), ==, QMIG_ROLE_OPERATOR);
  g_assert_cmpint (qmig_role_from_string ("admin", &error), ==, QMIG_ROLE_ADMIN);
  g_assert_no_error (error);
  g_assert_cmpint (qmig_role_from_string ("none", &error), ==, QMIG_ROLE_NONE);
  assert_refused (error, QMIG_EXIT_USAGE, "there is no role 'none'");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD_PKI_TEST ("/pki/peers/set", test_set);
  ADD_PKI_TEST ("/pki/peers/remove", test_remove);
  ADD_PKI_TEST ("/pki/peers/by-hand", test_by_hand);
  ADD_PKI_TEST ("/pki/peers/interrupted", test_interrupted);
  ADD_PKI_TEST ("/pki/peers/together", test_together);
  g_test_add_func ("/pki/peers/roles", test_roles);
  return g_test_run ();
}
