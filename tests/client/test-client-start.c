/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Starting an agent that does not come up, and directories that must not be used. */

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "client-dirs.h"
#include "client.h"

typedef struct
{
  char *dir;
  char *runtime;
  char *state;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = g_dir_make_tmp ("qmXXXXXX", NULL);
  fixture->runtime = g_build_filename (fixture->dir, "r", NULL);
  fixture->state = g_build_filename (fixture->dir, "s", NULL);
  g_setenv ("QMIG_RUNTIME_DIR", fixture->runtime, TRUE);
  g_setenv ("QMIG_STATE_DIR", fixture->state, TRUE);
}

static void
remove_below (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);

  g_unlink (path);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  remove_below (fixture->runtime, "start.lock");
  remove_below (fixture->state, "agent.log");
  remove_below (fixture->dir, "program");
  g_rmdir (fixture->runtime);
  g_rmdir (fixture->state);
  g_rmdir (fixture->dir);
  g_free (fixture->runtime);
  g_free (fixture->state);
  g_free (fixture->dir);
}

static void
test_dies_at_start (Fixture *fixture, gconstpointer data)
{
  g_autofree char *program = g_build_filename (fixture->dir, "program", NULL);
  g_autoptr(QmigClient) client = qmig_client_new ("local", NULL);
  g_autoptr(GError) first = NULL;
  g_autoptr(GError) second = NULL;

  g_assert_true (g_file_set_contents (program, "#!/bin/sh\necho \"said $1 $2\" >&2\nexit 3\n", -1, NULL));
  g_assert_cmpint (g_chmod (program, 0700), ==, 0);
  g_assert_false (qmig_client_ensure_agent (client, program, NULL, &first));
  g_assert_error (first, QMIG_ERROR, QMIG_EXIT_UNREACHABLE);
  g_assert_nonnull (strstr (first->message, "cannot start the agent: said agent run (log: "));

  /* Only what this one wrote is its reason. */
  g_assert_true (g_file_set_contents (program, "#!/bin/sh\nexit 3\n", -1, NULL));
  g_assert_cmpint (g_chmod (program, 0700), ==, 0);
  g_assert_false (qmig_client_ensure_agent (client, program, NULL, &second));
  g_assert_nonnull (strstr (second->message, "it left no message"));
}

static void
test_no_program (Fixture *fixture, gconstpointer data)
{
  g_autoptr(QmigClient) client = qmig_client_new ("local", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_false (qmig_client_ensure_agent (client, "/nonexistent/qmig", NULL, &error));
  g_assert_nonnull (error);
  g_assert_true (g_str_has_prefix (error->message, "cannot start the agent: "));
}

static void
test_remote_is_not_started (Fixture *fixture, gconstpointer data)
{
  g_autoptr(QmigClient) client = qmig_client_new ("unix:/nonexistent/agent.sock", NULL);
  GError *error = NULL;

  g_assert_true (qmig_client_ensure_agent (client, "/nonexistent/qmig", NULL, &error));
  g_assert_no_error (error);
}

static void
test_directory_of_everybody (Fixture *fixture, gconstpointer data)
{
  g_autoptr(QmigClient) client = qmig_client_new ("local", NULL);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (g_mkdir (fixture->runtime, 0700), ==, 0);
  g_assert_cmpint (g_chmod (fixture->runtime, 0777), ==, 0);
  g_assert_false (qmig_client_ensure_agent (client, "/nonexistent/qmig", NULL, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_DENIED);
}

static void
test_directory_behind_a_link (Fixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  g_assert_cmpint (symlink ("/", fixture->runtime), ==, 0);
  g_assert_false (qmig_client_make_private_dir (fixture->runtime, &error));
  g_assert_error (error, QMIG_ERROR, QMIG_EXIT_DENIED);
  g_unlink (fixture->runtime);
}

static void
test_private_directory (Fixture *fixture, gconstpointer data)
{
  struct stat st;
  GError *error = NULL;

  g_assert_true (qmig_client_make_private_dir (fixture->runtime, &error));
  g_assert_no_error (error);
  g_assert_cmpint (stat (fixture->runtime, &st), ==, 0);
  g_assert_cmpint (st.st_mode & 0777, ==, 0700);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/client/start/dies", Fixture, NULL, set_up, test_dies_at_start, tear_down);
  g_test_add ("/client/start/no-program", Fixture, NULL, set_up, test_no_program, tear_down);
  g_test_add ("/client/start/remote", Fixture, NULL, set_up, test_remote_is_not_started, tear_down);
  g_test_add ("/client/start/directory-of-everybody", Fixture, NULL, set_up, test_directory_of_everybody, tear_down);
  g_test_add ("/client/start/directory-behind-a-link", Fixture, NULL, set_up, test_directory_behind_a_link, tear_down);
  g_test_add ("/client/start/private-directory", Fixture, NULL, set_up, test_private_directory, tear_down);
  return g_test_run ();
}
