/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Whatever dies at whatever point, and whatever happens next: never two run, one side runs or qmig says truly that
 * nobody can know, the memory is whole, and nothing is left over.
 *
 * The cases are generated (crash-table.c).  Each is a process of its own, two at a time, with directories of its own:
 *
 *   test-crash-matrix [--sample N] [--part I/N] [--step NAME] [--fault NAME] [--next NAME] [--list]
 *   test-crash-matrix -p /crash/STEP/WHEN/FAULT/NEXT     one, as any GTest
 */

#include "crash-case.h"

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

#define AT_ONCE 2

typedef struct
{
  const char *program;
  GPtrArray *names; /* of the chosen cases */
  GHashTable *ends; /* word -> number of cases */
  GMainLoop *loop;
  guint started;
  guint running;
  guint done;
  guint failed;
} Matrix;

typedef struct
{
  Matrix *matrix;
  const char *name;
  char *dir;
} Running;

static void start_more (Matrix *m);

static void
count_end (Matrix *m, const char *word)
{
  g_hash_table_replace (m->ends, g_strdup (word), GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (m->ends, word)) + 1));
}

/* The word behind "end: ".  (transfer full) (nullable) */
static char *
find_end (const char *output)
{
  const char *end = output != NULL ? strstr (output, "# end: ") : NULL;

  return end != NULL ? g_strndup (end + strlen ("# end: "), strcspn (end + strlen ("# end: "), "\n")) : NULL;
}

static void
print_failure (const char *output)
{
  g_auto(GStrv) lines = g_strsplit (output != NULL ? output : "", "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    g_print ("#   %s\n", *line);
}

/* What a case that failed leaves is its own fault, and nobody else's trouble. */
static void
remove_dir (const char *dir)
{
  g_autofree char *quoted = g_shell_quote (dir);
  g_autofree char *command = g_strdup_printf (
    "for p in /proc/[0-9]*; do grep -qs -- %s/ $p/cmdline && kill -9 ${p#/proc/}; done; rm -rf -- %s", quoted, quoted);
  const char *argv[] = { "sh", "-c", command, NULL };

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL, NULL, NULL, NULL);
}

static void
on_over (GObject *source, GAsyncResult *result, gpointer data)
{
  Running *r = data;
  Matrix *m = r->matrix;
  g_autofree char *output = NULL;
  g_autofree char *end = NULL;
  gboolean skipped, clean, ok;

  g_subprocess_communicate_utf8_finish (G_SUBPROCESS (source), result, &output, NULL, NULL);
  clean = g_rmdir (r->dir) == 0;
  end = find_end (output);
  skipped = output != NULL && strstr (output, "# SKIP") != NULL;
  ok = g_subprocess_get_successful (G_SUBPROCESS (source)) && clean && (end != NULL || skipped);
  g_print ("%sok %u %s%s\n", ok ? "" : "not ", ++m->done, r->name, skipped ? " # SKIP" : "");
  if (ok)
    count_end (m, skipped ? "skipped" : end);
  else
    {
      m->failed++;
      count_end (m, "FAILED");
      print_failure (output);
      if (!clean)
        g_print ("#   it has left something in %s\n", r->dir);
      remove_dir (r->dir);
    }
  g_free (r->dir);
  g_free (r);
  g_object_unref (source);
  m->running--;
  start_more (m);
}

static void
start_case (Matrix *m, const char *name)
{
  g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_autofree char *path = g_strconcat ("/crash/", name, NULL);
  Running *r = g_new0 (Running, 1);
  g_autoptr(GError) error = NULL;
  GSubprocess *process;

  r->matrix = m;
  r->name = name;
  r->dir = g_dir_make_tmp ("cmXXXXXX", &error);
  g_assert_no_error (error);
  g_subprocess_launcher_setenv (launcher, "TMPDIR", r->dir, TRUE);
  process = g_subprocess_launcher_spawn (launcher, &error, m->program, "--tap", "-p", path, NULL);
  g_assert_no_error (error);
  m->running++;
  g_subprocess_communicate_utf8_async (process, NULL, NULL, on_over, r);
}

static void
start_more (Matrix *m)
{
  while (m->running < AT_ONCE && m->started < m->names->len)
    start_case (m, g_ptr_array_index (m->names, m->started++));
  if (m->running == 0)
    g_main_loop_quit (m->loop);
}

static int
run_matrix (Matrix *m)
{
  GHashTableIter iter;
  gpointer word, n;

  m->ends = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  m->loop = g_main_loop_new (NULL, FALSE);
  g_print ("1..%u\n", m->names->len);
  start_more (m);
  if (m->done < m->names->len)
    g_main_loop_run (m->loop);
  g_print ("# %u cases", m->done);
  g_hash_table_iter_init (&iter, m->ends);
  while (g_hash_table_iter_next (&iter, &word, &n))
    g_print (", %s %u", (const char *) word, GPOINTER_TO_UINT (n));
  g_print ("\n");
  g_hash_table_unref (m->ends);
  g_main_loop_unref (m->loop);
  return m->failed == 0 ? 0 : 1;
}

/* -- choosing ------------------------------------------------------------------- */

static char *part, *step, *fault, *next;
static int sample;
static gboolean list;

static const GOptionEntry options[] = {
  { "part", 0, 0, G_OPTION_ARG_STRING, &part, "only each Nth case, from the Ith on", "I/N" },
  { "sample", 0, 0, G_OPTION_ARG_INT, &sample, "N cases, spread over steps, faults and what is next", "N" },
  { "step", 0, 0, G_OPTION_ARG_STRING, &step, "only this step", "NAME" },
  { "fault", 0, 0, G_OPTION_ARG_STRING, &fault, "only this fault", "NAME" },
  { "next", 0, 0, G_OPTION_ARG_STRING, &next, "only what happens next", "NAME" },
  { "list", 0, 0, G_OPTION_ARG_NONE, &list, "names the cases, and what is left out for which reason", NULL },
  { NULL },
};

static gboolean
fits (const CrashCase *c)
{
  return (step == NULL || g_str_equal (step, c->step)) && (fault == NULL || g_str_equal (fault, crash_fault_names[c->fault]))
         && (next == NULL || g_str_equal (next, crash_next_names[c->next]));
}

/* With a stride that shares no factor with the table's periods, each step, fault and next has its turn. */
static GPtrArray *
choose (GArray *table)
{
  GPtrArray *fitting = g_ptr_array_new_with_free_func (g_free);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  guint first = 1, each = 1;

  for (guint i = 0; i < table->len; i++)
    if (fits (&g_array_index (table, CrashCase, i)))
      g_ptr_array_add (fitting, crash_case_name (&g_array_index (table, CrashCase, i)));
  if (part != NULL && (sscanf (part, "%u/%u", &first, &each) != 2 || first < 1 || first > each))
    g_error ("--part: '%s' is not I/N", part);
  if (sample > 0 && (guint) sample < fitting->len)
    each = (fitting->len / sample) | 1;
  for (guint i = first - 1; i < fitting->len && (sample == 0 || names->len < (guint) sample); i += each)
    g_ptr_array_add (names, g_strdup (g_ptr_array_index (fitting, i)));
  g_ptr_array_unref (fitting);
  return names;
}

static void
print_list (GPtrArray *names, GPtrArray *left_out)
{
  for (guint i = 0; i < names->len; i++)
    g_print ("%s\n", (char *) g_ptr_array_index (names, i));
  for (guint i = 0; i < left_out->len; i++)
    g_print ("# left out: %s\n", (char *) g_ptr_array_index (left_out, i));
  g_print ("# %u cases\n", names->len);
}

static void
run_case (gconstpointer data)
{
  crash_case_run (data);
}

static int
run_as_gtest (int argc, char **argv, GArray *table)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < table->len; i++)
    {
      g_autofree char *name = crash_case_name (&g_array_index (table, CrashCase, i));
      g_autofree char *path = g_strconcat ("/crash/", name, NULL);

      g_test_add_data_func (path, &g_array_index (table, CrashCase, i), run_case);
    }
  return g_test_run ();
}

int
main (int argc, char **argv)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_autoptr(GPtrArray) left_out = NULL;
  g_autoptr(GArray) table = crash_table_new (&left_out);
  g_autoptr(GError) error = NULL;
  Matrix matrix = { .program = argv[0] };
  int status = 0;

  for (int i = 1; i < argc; i++)
    if (g_str_equal (argv[i], "-p"))
      return run_as_gtest (argc, argv, table);
  g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("%s\n", error->message);
      return 2;
    }
  matrix.names = choose (table);
  if (list)
    print_list (matrix.names, left_out);
  else
    status = run_matrix (&matrix);
  g_ptr_array_unref (matrix.names);
  return status;
}
