/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api-error.h"

#include <gio/gio.h>

static const struct
{
  int code;
  const char *name;
} codes[] = {
  { 0, "ok" },           { 1, "error" },      { 2, "usage" },      { 3, "refused" },
  { 4, "rolled-back" },  { 5, "attention" },  { 6, "cancelled" },  { 7, "timeout" },
  { 8, "objective" },    { 9, "unreachable" }, { 10, "not-found" }, { 11, "denied" },
  { 12, "conflict" },    { 13, "unsupported" }, { 14, "partial" },  { 130, "interrupted" },
};

static void
test_names (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    g_assert_cmpstr (qmig_exit_to_string (codes[i].code), ==, codes[i].name);
}

/* The codes after which a person wants to know where the VM is. */
static void
test_meanings (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (codes); i++)
    {
      const char *meaning = qmig_exit_meaning (codes[i].code);

      g_assert_true (g_ascii_isupper (meaning[0]));
      g_assert_true (g_str_has_suffix (meaning, "."));
    }

  g_assert_nonnull (strstr (qmig_exit_meaning (QMIG_EXIT_REFUSED), "on the source"));
  g_assert_nonnull (strstr (qmig_exit_meaning (QMIG_EXIT_ROLLED_BACK), "on the source"));
  g_assert_nonnull (strstr (qmig_exit_meaning (QMIG_EXIT_CANCELLED), "on the source"));
  g_assert_nonnull (strstr (qmig_exit_meaning (QMIG_EXIT_OBJECTIVE), "on the destination"));
  g_assert_nonnull (strstr (qmig_exit_meaning (QMIG_EXIT_ATTENTION), "qmig recover"));
}

static void
test_unknown_code (void)
{
  g_assert_cmpstr (qmig_exit_to_string ((QmigExit) 99), ==, "error");
  g_assert_cmpstr (qmig_exit_to_string ((QmigExit) -1), ==, "error");
  g_assert_cmpstr (qmig_exit_meaning ((QmigExit) 99), ==, qmig_exit_meaning (QMIG_EXIT_ERROR));
}

static void
test_exit_of_error (void)
{
  static const struct
  {
    int code;
    QmigExit expected;
  } cases[] = {
    { QMIG_EXIT_REFUSED, QMIG_EXIT_REFUSED },
    { QMIG_EXIT_INTERRUPTED, QMIG_EXIT_INTERRUPTED },
    { QMIG_EXIT_OK, QMIG_EXIT_ERROR },
    { 99, QMIG_EXIT_ERROR },
  };
  g_autoptr(GError) foreign = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "x");

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = g_error_new_literal (QMIG_ERROR, cases[i].code, "x");

      g_assert_cmpint (qmig_error_get_exit (error), ==, cases[i].expected);
    }

  g_assert_cmpint (qmig_error_get_exit (foreign), ==, QMIG_EXIT_ERROR);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/api/error/names", test_names);
  g_test_add_func ("/api/error/meanings", test_meanings);
  g_test_add_func ("/api/error/unknown-code", test_unknown_code);
  g_test_add_func ("/api/error/exit-of-error", test_exit_of_error);

  return g_test_run ();
}
