/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Host names in the config file. */

#include <string.h>

#include <glib/gstdio.h>

#include "client-dirs.h"
#include "client.h"

typedef struct
{
  char *dir;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  fixture->path = g_build_filename (fixture->dir, "qmig.conf", NULL);
  g_setenv ("QMIG_CONFIG", fixture->path, TRUE);
  g_assert_true (g_file_set_contents (
      fixture->path,
      "# mine\n[defaults]\ndowntime = 300ms\n\n# the rack below\n[host beta]\nuri=unix:/run/b.sock\n"
      "label=prod\n[host empty]\nlabel=x\n"
      "[host far]\nuri=ssh://far\nqmig=/opt/my qmig\nlabels = a, b ,,c\n",
      -1, NULL));
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_rmdir (fixture->dir);
  g_free (fixture->path);
  g_free (fixture->dir);
}

static void
test_resolve (Fixture *fixture, gconstpointer data)
{
  static const char *const cases[][2]
      = { { "local", "local" }, { "beta", "unix:/run/b.sock" }, { "unix:/x", "unix:/x" } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *uri = qmig_client_resolve_host (cases[i][0], NULL);

      g_assert_cmpstr (uri, ==, cases[i][1]);
    }
}

static void
test_unknown (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) near = NULL;
  g_autoptr(GError) far = NULL;
  g_autoptr(GError) empty = NULL;

  g_assert_null (qmig_client_resolve_host ("bta", &near));
  g_assert_error (near, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
  g_assert_nonnull (strstr (near->message, "did you mean 'beta'?"));

  g_assert_null (qmig_client_resolve_host ("gamma9", &far));
  g_assert_error (far, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
  g_assert_null (strstr (far->message, "did you mean"));

  g_assert_null (qmig_client_resolve_host ("empty", &empty));
  g_assert_error (empty, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
}

static void
test_no_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GPtrArray) hosts = NULL;
  GError *error = NULL;

  g_unlink (fixture->path);
  hosts = qmig_client_list_hosts (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (hosts->len, ==, 0);
}

static void
test_broken_file (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (g_file_set_contents (fixture->path, "uri = without a group\n", -1, NULL));
  g_assert_null (qmig_client_resolve_host ("beta", &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
  g_assert_nonnull (strstr (error->message, fixture->path));
}

static void
test_add_and_remove (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GPtrArray) hosts = NULL;
  g_autofree char *text = NULL;
  const QmigHostEntry *gamma;
  const char *labels[] = { "rack1", "ssd", NULL };
  GError *error = NULL;

  g_assert_true (qmig_client_add_host ("gamma", "unix:/run/g.sock", (char **) labels, &error));
  g_assert_no_error (error);
  hosts = qmig_client_list_hosts (NULL);
  g_assert_cmpuint (hosts->len, ==, 4);
  gamma = g_ptr_array_index (hosts, 3);
  g_assert_cmpstr (gamma->name, ==, "gamma");
  g_assert_cmpstr (gamma->uri, ==, "unix:/run/g.sock");
  g_assert_cmpint (g_strv_length (gamma->labels), ==, 2);
  g_assert_cmpstr (gamma->labels[1], ==, "ssd");

  g_assert_true (qmig_client_remove_host ("empty", &error));
  g_assert_no_error (error);
  g_assert_true (g_file_get_contents (fixture->path, &text, NULL, NULL));
  g_assert_nonnull (strstr (text, "# mine"));
  g_assert_nonnull (strstr (text, "# the rack below"));
  g_assert_nonnull (strstr (text, "label=prod"));
  g_assert_null (strstr (text, "[host empty]"));
}

static void
test_labels (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GPtrArray) hosts = qmig_client_list_hosts (NULL);
  const QmigHostEntry *beta = g_ptr_array_index (hosts, 0);
  const QmigHostEntry *far = g_ptr_array_index (hosts, 2);
  g_autofree char *joined = g_strjoinv ("|", far->labels);

  g_assert_null (beta->labels);
  g_assert_cmpstr (joined, ==, "a|b|c");
}

static void
test_far_program (Fixture *fixture, gconstpointer data)
{
  g_autofree char *named = qmig_client_get_far_program ("ssh://far", NULL);
  g_autofree char *other = qmig_client_get_far_program ("ssh://farther", NULL);

  g_assert_cmpstr (named, ==, "/opt/my qmig");
  g_assert_cmpstr (other, ==, "qmig");
}

static void
test_add_refused (Fixture *fixture, gconstpointer data)
{
  static const struct
  {
    const char *name;
    const char *uri;
    int code;
  } cases[] = {
    { "beta", "unix:/x", QMIG_EXIT_CONFLICT }, { "local", "unix:/x", QMIG_EXIT_USAGE },
    { "a]b", "unix:/x", QMIG_EXIT_USAGE },     { "", "unix:/x", QMIG_EXIT_USAGE },
    { "-x", "unix:/x", QMIG_EXIT_USAGE },      { "new\nline", "unix:/x", QMIG_EXIT_USAGE },
    { "fine", "ftp://x", QMIG_EXIT_USAGE },    { "fine", NULL, QMIG_EXIT_USAGE },
    { "fine", "ssh://-x", QMIG_EXIT_USAGE },
  };
  const char *labels[] = { "good", "a,b", NULL };
  g_autoptr(GError) bad_label = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (qmig_client_add_host (cases[i].name, cases[i].uri, NULL, &error));
      g_assert_error (error, QMIG_ERROR, cases[i].code);
    }

  g_assert_false (qmig_client_add_host ("fine", "unix:/x", (char **) labels, &bad_label));
  g_assert_error (bad_label, QMIG_ERROR, QMIG_EXIT_USAGE);
}

static void
test_remove_unknown (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_client_remove_host ("betta", &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "did you mean 'beta'?"));
}

#define WRITERS 8
#define HOSTS_EACH 20

static gpointer
add_hosts (gpointer number)
{
  for (int i = 0; i < HOSTS_EACH; i++)
    {
      g_autofree char *name = g_strdup_printf ("w%d-%d", GPOINTER_TO_INT (number), i);
      g_autoptr(GError) error = NULL;

      g_assert_true (qmig_client_set_host_uri (name, "unix:/run/x.sock", &error));
      g_assert_no_error (error);
    }
  return NULL;
}

/* Each reads the file and writes it whole: nobody may do so in between. */
static void
test_writers (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GPtrArray) before = qmig_client_list_hosts (NULL);
  g_autoptr(GPtrArray) after = NULL;
  GThread *threads[WRITERS];

  for (int i = 0; i < WRITERS; i++)
    threads[i] = g_thread_new ("writer", add_hosts, GINT_TO_POINTER (i));
  for (int i = 0; i < WRITERS; i++)
    g_thread_join (threads[i]);
  after = qmig_client_list_hosts (NULL);
  g_assert_cmpuint (after->len, ==, before->len + WRITERS * HOSTS_EACH);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/client/config/resolve", Fixture, NULL, set_up, test_resolve, tear_down);
  g_test_add ("/client/config/unknown", Fixture, NULL, set_up, test_unknown, tear_down);
  g_test_add ("/client/config/no-file", Fixture, NULL, set_up, test_no_file, tear_down);
  g_test_add ("/client/config/broken-file", Fixture, NULL, set_up, test_broken_file, tear_down);
  g_test_add ("/client/config/add-and-remove", Fixture, NULL, set_up, test_add_and_remove, tear_down);
  g_test_add ("/client/config/labels", Fixture, NULL, set_up, test_labels, tear_down);
  g_test_add ("/client/config/far-program", Fixture, NULL, set_up, test_far_program, tear_down);
  g_test_add ("/client/config/add-refused", Fixture, NULL, set_up, test_add_refused, tear_down);
  g_test_add ("/client/config/writers", Fixture, NULL, set_up, test_writers, tear_down);
  g_test_add ("/client/config/remove-unknown", Fixture, NULL, set_up, test_remove_unknown, tear_down);
  return g_test_run ();
}
