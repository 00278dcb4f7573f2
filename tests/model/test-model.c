/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The commit protocol as a model (commit.pml), searched by spin for every order
 * of a number of faults; and with each of its rules broken on purpose, which
 * has to be noticed.
 */

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmig-steps.h"

#define FAULTS 4
#define FAULTS_AT_LENGTH 6

typedef struct
{
  const char *claim;
  const char *broken; /* a rule, as the model's #ifdef has it (nullable) */
} Search;

static const Search searches[] = {
  { "never_two", NULL },
  { "never_back", NULL },
  { "to_one", NULL },
  { "never_two", "LOADED_IS_ENOUGH" },
  { "never_back", "DOUBT_IS_FORGOTTEN" },
  { "to_one", "LEASE_ENDS_ALL" },
  { "to_one", "LEASE_LOOKS_ONLY" },
};

static char *
read_file (const char *dir, const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autoptr(GError) error = NULL;
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
write_file (const char *dir, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);
  g_autoptr(GError) error = NULL;

  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* What it printed, in @dir.  (transfer full) */
static char *
run (const char *dir, const char *const *argv)
{
  g_autoptr(GError) error = NULL;
  char *out;
  g_autofree char *err = NULL;
  int status;

  g_spawn_sync (dir, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err, &status, &error);
  g_assert_no_error (error);
  g_spawn_check_wait_status (status, &error);
  if (error != NULL)
    g_error ("%s: %s\n%s%s", argv[0], error->message, out, err);
  return out;
}

static void
remove_dir (const char *dir)
{
  g_autoptr(GDir) names = g_dir_open (dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (names)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);

      g_unlink (path);
    }
  g_rmdir (dir);
}

/* The number behind @label in the account of the search. */
static gint64
number_after (const char *account, const char *label)
{
  const char *found = strstr (account, label);

  if (found == NULL)
    g_error ("no '%s' in:\n%s", label, account);
  return g_ascii_strtoll (found + strlen (label), NULL, 10);
}

static gint64
number_before (const char *account, const char *label)
{
  const char *found = strstr (account, label);

  if (found == NULL)
    g_error ("no '%s' in:\n%s", label, account);
  while (found > account && found[-1] != '\n')
    found--;
  return (gint64) g_ascii_strtod (found, NULL);
}

static void
test_search (gconstpointer data)
{
  const Search *search = data;
  gboolean at_length = g_test_slow () && search->broken == NULL;
  g_autofree char *faults = g_strdup_printf ("-DFAULTS=%d", at_length ? FAULTS_AT_LENGTH : FAULTS);
  g_autofree char *rule = g_strdup_printf ("-D%s", search->broken != NULL ? search->broken : "KEEPS_ALL_RULES");
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = NULL;
  g_autofree char *model = read_file (g_test_get_dir (G_TEST_DIST), "commit.pml");
  g_autofree char *vocabulary = read_file (g_test_get_dir (G_TEST_BUILT), "vocabulary.h");
  g_autofree char *said = NULL, *compiled = NULL, *account = NULL;
  g_autofree char *spin = g_find_program_in_path ("spin");
  gint64 errors;

  if (spin == NULL)
    {
      g_test_skip ("spin is not installed");
      return;
    }
  dir = g_dir_make_tmp ("qmig-model-XXXXXX", &error);
  g_assert_no_error (error);
  write_file (dir, "commit.pml", model);
  write_file (dir, "vocabulary.h", vocabulary);
  said = run (dir, (const char *const[]) { "spin", faults, rule, "-a", "commit.pml", NULL });
  compiled = run (dir, (const char *const[]) { "cc", at_length ? "-O1" : "-O0", "-w", "-DNFAIR=3", "-DMEMLIM=4000", "-o", "pan", "pan.c", NULL });
  account = run (dir, (const char *const[]) { "./pan", "-a", "-f", "-m1000000", "-N", search->claim, NULL });
  remove_dir (dir);

  if (strstr (account, "max search depth too small") != NULL || strstr (account, "Search not completed") != NULL)
    g_assert_nonnull (search->broken);
  errors = number_after (account, "errors: ");
  if (search->broken != NULL)
    g_assert_cmpint (errors, >, 0);
  else
    {
      g_test_message ("%s: %" G_GINT64_FORMAT " states, every order of %d faults", search->claim, number_before (account, "states, stored"),
                      at_length ? FAULTS_AT_LENGTH : FAULTS);
      if (errors != 0)
        g_error ("%s does not hold:\n%s", search->claim, account);
    }
}

/* The names are the program's own (model-vocabulary.c); here, that none of them was left out. */
static void
test_names (void)
{
  g_autofree char *model = read_file (g_test_get_dir (G_TEST_DIST), "commit.pml");

  for (gsize i = 0; i < qmig_n_steps; i++)
    {
      g_autofree char *name = g_strconcat ("step_", qmig_steps[i].name, NULL);

      if (qmig_steps[i].of != QMIG_STEP_OF_POSTCOPY && qmig_steps[i].of != QMIG_STEP_OF_REHEARSAL && strstr (model, name) == NULL)
        g_error ("the model knows no %s", name);
    }
  for (int i = QMIG_INCOMING_LISTENING; i <= QMIG_INCOMING_GONE; i++)
    {
      g_autofree char *name = g_strconcat ("phase_", qmig_incoming_phase_names[i], NULL);

      if (i != QMIG_INCOMING_POSTCOPY && strstr (model, name) == NULL)
        g_error ("the model knows no %s", name);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/model/names", test_names);
  for (gsize i = 0; i < G_N_ELEMENTS (searches); i++)
    {
      g_autofree char *path = g_strdup_printf ("/model/%s%s%s", searches[i].claim, searches[i].broken != NULL ? "/without/" : "",
                                               searches[i].broken != NULL ? searches[i].broken : "");

      g_test_add_data_func (path, &searches[i], test_search);
    }
  return g_test_run ();
}
