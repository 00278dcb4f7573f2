/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Runs a fuzz target as a plain test, without libFuzzer:
 *
 *   fuzz-NAME CORPUS-DIRECTORY [MUTATIONS]
 *
 * Each file of the corpus is one test: the file itself, and so many mutations
 * of it.  They depend on nothing but the file's name and bytes, so a failure
 * comes again; QMIG_FUZZ_KEEP=FILE keeps the input that is being run there.
 */

#include <glib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);

#define MUTATIONS 500
#define GROW_MAX (64u * 1024)

static gint64 mutations = MUTATIONS;

static void
run_target (const GByteArray *input)
{
  const char *keep = g_getenv ("QMIG_FUZZ_KEEP");
  /* Exactly as long as the input, so that a sanitizer sees each byte that is read behind it. */
  g_autofree guint8 *copy = g_memdup2 (input->data, input->len);

  if (keep)
    g_assert_true (g_file_set_contents (keep, (const char *) input->data, input->len, NULL));
  LLVMFuzzerTestOneInput (copy, input->len);
}

static guint8
pick_byte (GRand *rand)
{
  static const char telling[] = "{}[]\",:\\u0dD8e-+.1 \r\n\t/'tfn";

  return g_rand_boolean (rand) ? (guint8) telling[g_rand_int_range (rand, 0, sizeof telling)]
                               : (guint8) g_rand_int_range (rand, 0, 256);
}

static void
insert (GByteArray *bytes, guint at, const guint8 *data, guint length)
{
  guint tail = bytes->len - at;

  g_byte_array_set_size (bytes, bytes->len + length);
  memmove (bytes->data + at + length, bytes->data + at, tail);
  memcpy (bytes->data + at, data, length);
}

static void
mutate_once (GByteArray *bytes, GRand *rand)
{
  guint8 byte = pick_byte (rand);
  guint at = bytes->len ? (guint) g_rand_int_range (rand, 0, (gint32) bytes->len) : 0;
  guint length = bytes->len ? (guint) g_rand_int_range (rand, 1, (gint32) (bytes->len - at + 1)) : 0;
  g_autofree guint8 *part = g_memdup2 (bytes->len ? bytes->data + at : NULL, length);

  switch (bytes->len ? g_rand_int_range (rand, 0, 6) : 0)
    {
    case 0:
      insert (bytes, at, &byte, 1);
      break;
    case 1:
      bytes->data[at] = byte;
      break;
    case 2:
      bytes->data[at] ^= (guint8) (1u << g_rand_int_range (rand, 0, 8));
      break;
    case 3:
      g_byte_array_remove_range (bytes, at, MIN (length, 16));
      break;
    case 4:
      g_byte_array_set_size (bytes, at);
      break;
    default:
      for (int i = g_rand_int_range (rand, 1, 20); i > 0 && bytes->len + length < GROW_MAX; i--)
        insert (bytes, at, part, length);
      break;
    }
}

static void
run_file (gconstpointer data)
{
  const char *path = data;
  g_autofree char *name = g_path_get_basename (path);
  g_autoptr(GRand) rand = g_rand_new_with_seed (g_str_hash (name));
  g_autofree char *contents = NULL;
  g_autoptr(GError) error = NULL;
  gsize length;

  g_file_get_contents (path, &contents, &length, &error);
  g_assert_no_error (error);
  for (gint64 i = 0; i <= mutations; i++)
    {
      g_autoptr(GByteArray) input = g_byte_array_new ();

      g_byte_array_append (input, (const guint8 *) contents, (guint) length);
      for (int n = i == 0 ? 0 : g_rand_int_range (rand, 1, 9); n > 0; n--)
        mutate_once (input, rand);
      run_target (input);
    }
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static void
add_tests (const char *directory)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open (directory, 0, &error);
  const char *name;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  g_assert_cmpuint (names->len, >, 0);
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *path = g_strconcat ("/fuzz/", g_ptr_array_index (names, i), NULL);

      g_test_add_data_func_full (path, g_build_filename (directory, g_ptr_array_index (names, i), NULL), run_file, g_free);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc < 2)
    g_error ("usage: %s CORPUS-DIRECTORY [MUTATIONS]", argv[0]);
  if (argc > 2)
    mutations = g_ascii_strtoll (argv[2], NULL, 10);
  add_tests (argv[1]);
  return g_test_run ();
}
