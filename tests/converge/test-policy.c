/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Policies: what a file may say, what is refused, and bounds put over it. */

#include "converge-policy.h"

#include <string.h>

static QmigPolicy *
parse (const char *body, GError **error)
{
  g_autofree char *text = g_strconcat ("[policy x]\n", body, "\n", NULL);
  g_autoptr(GKeyFile) file = g_key_file_new ();

  g_assert_true (g_key_file_load_from_data (file, text, -1, G_KEY_FILE_NONE, NULL));
  return converge_policy_read (file, "x", error);
}

static void
assert_same (const QmigPolicy *policy, const QmigPolicy *other)
{
  g_autofree char *a = qmig_policy_to_text (policy);
  g_autofree char *b = qmig_policy_to_text (other);

  g_assert_cmpstr (a, ==, b);
}

/* -- the files that come with qmig -------------------------------------------------- */

static QmigPolicy *
read_shipped (const char *name)
{
  g_autofree char *base = g_strconcat (name, ".policy", NULL);
  g_autofree char *path = g_build_filename (POLICIES_DIR, base, NULL);
  g_autoptr(GKeyFile) file = g_key_file_new ();
  g_autoptr(GError) error = NULL;
  QmigPolicy *policy;

  g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, &error);
  g_assert_no_error (error);
  policy = converge_policy_read (file, name, &error);
  g_assert_no_error (error);
  return policy;
}

static void
test_shipped (void)
{
  g_autoptr(GDir) dir = g_dir_open (POLICIES_DIR, 0, NULL);
  guint n = 0;
  const char *file;

  while ((file = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (file, ".policy"))
      {
        g_autofree char *name = g_strndup (file, strlen (file) - strlen (".policy"));
        g_autoptr(QmigPolicy) policy = read_shipped (name);

        g_assert_cmpstr (policy->name, ==, name);
        g_assert_true (policy->about != NULL && *policy->about != '\0');
        n++;
      }
  g_assert_cmpuint (n, >=, 4);
}

static void
test_default_is_built_in (void)
{
  g_autoptr(QmigPolicy) built_in = converge_policy_new_default ();
  g_autoptr(QmigPolicy) shipped = read_shipped ("default");

  assert_same (shipped, built_in);
}

static void
test_promises (void)
{
  g_autoptr(QmigPolicy) gentle = read_shipped ("gentle");
  g_autoptr(QmigPolicy) must = read_shipped ("must-finish");
  g_autoptr(QmigPolicy) usual = converge_policy_new_default ();

  g_assert_cmpint (gentle->throttle_max_percent, ==, 0);
  g_assert_cmpint (gentle->start_bandwidth_bytes_per_s, ==, 125000000);
  g_assert_cmpint (gentle->patience_ms, <, usual->patience_ms);
  g_assert_true (must->allow_postcopy && must->allow_pause && must->throttle_max_percent == 99);
  g_assert_false (usual->allow_postcopy || usual->allow_pause || gentle->allow_postcopy || gentle->allow_pause);
}

/* -- reading --------------------------------------------------------------------------- */

static void
test_all_keys (void)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(QmigPolicy) policy
      = parse ("about = for the evening\ndowntime = 1.5s\ndeadline = 10m\nbandwidth = 1GiB/s\nstart-bandwidth=200MiB/s\n"
              "throttle-max = 50%\nallow = postcopy, pause\npatience = 20s", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (policy->name, ==, "x");
  g_assert_cmpstr (policy->about, ==, "for the evening");
  g_assert_cmpint (policy->downtime_ms, ==, 1500);
  g_assert_cmpint (policy->deadline_ms, ==, 600000);
  g_assert_cmpint (policy->bandwidth_bytes_per_s, ==, 1073741824);
  g_assert_cmpint (policy->start_bandwidth_bytes_per_s, ==, 209715200);
  g_assert_cmpint (policy->throttle_max_percent, ==, 50);
  g_assert_cmpint (policy->patience_ms, ==, 20000);
  g_assert_true (policy->allow_postcopy && policy->allow_pause);
}

static void
test_left_out (void)
{
  g_autoptr(QmigPolicy) policy = parse ("allow = none\nbandwidth = max\ndeadline = none\nstart-bandwidth = bound", NULL);
  g_autoptr(QmigPolicy) usual = converge_policy_new_default ();

  g_free (usual->name);
  g_clear_pointer (&usual->about, g_free);
  usual->name = g_strdup ("x");
  assert_same (policy, usual);
}

static void
test_refused (void)
{
  static const struct { const char *body, *why; } cases[] = {
    { "downtim = 1s", "unknown key 'downtim', did you mean 'downtime'?" },
    { "throttel-max = 1%", "did you mean 'throttle-max'?" },
    { "colour = red", "unknown key 'colour'" },
    { "downtime = 300", "needs a unit" },
    { "downtime = 0ms", "between 1 ms and 2000 s" },
    { "downtime = 3000s", "between 1 ms and 2000 s" },
    { "bandwidth = 10", "needs a unit" },
    { "bandwidth = 10B/s", "at least 1000 bytes per second" },
    { "start-bandwidth = 999B/s", "start-bandwidth" },
    { "throttle-max = 100%", "between 0 and 99" },
    { "throttle-max = -5%", "not a percentage" },
    { "throttle-max = half", "not a percentage" },
    { "allow = postcpy", "did you mean 'postcopy'?" },
    { "allow = everything", "there are postcopy and pause" },
    { "deadline = never", "deadline: 'never'" },
    { "patience =", "patience: ''" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(QmigPolicy) policy = parse (cases[i].body, &error);

      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_ERROR);
      g_assert_null (policy);
      if (strstr (error->message, cases[i].why) == NULL || strstr (error->message, "policy 'x'") == NULL)
        g_error ("'%s': '%s' does not say '%s'", cases[i].body, error->message, cases[i].why);
    }
}

static void
test_names (void)
{
  static const char *const good[] = { "default", "must-finish", "a", "v1.2_x", NULL };
  static const char *const bad[] = { "", ".", "../x", "a/b", "-x", "a b", "ü", NULL };

  for (gsize i = 0; good[i] != NULL; i++)
    g_assert_true (converge_policy_check_name (good[i], NULL));
  for (gsize i = 0; bad[i] != NULL; i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (converge_policy_check_name (bad[i], &error));
      g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
    }
}

/* -- bounds ------------------------------------------------------------------------------ */

static void
test_bounds (void)
{
  g_autoptr(QmigPolicy) policy = parse ("downtime = 1s\nthrottle-max = 50%\nbandwidth = 1GiB/s", NULL);
  g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();
  char *allow[] = { (char *) "pause", NULL };

  knobs->downtime_ms = 70;
  knobs->deadline_ms = 5000;
  knobs->throttle_max_percent = 0;
  converge_policy_bound (policy, knobs, allow);
  g_assert_cmpint (policy->downtime_ms, ==, 70);
  g_assert_cmpint (policy->deadline_ms, ==, 5000);
  g_assert_cmpint (policy->throttle_max_percent, ==, 0);
  g_assert_cmpint (policy->bandwidth_bytes_per_s, ==, 1073741824);
  g_assert_true (policy->allow_pause);
  g_assert_false (policy->allow_postcopy);

  /* Consent is added, never taken back by saying nothing. */
  converge_policy_bound (policy, NULL, NULL);
  g_assert_true (policy->allow_pause);
}

static void
test_knobs (void)
{
  static const struct { gsize member; gint64 value; gboolean sane; } cases[] = {
    { G_STRUCT_OFFSET (QmigKnobs, downtime_ms), 1, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, downtime_ms), 2000000, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, downtime_ms), 2000001, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, downtime_ms), 0, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, bandwidth_bytes_per_s), 0, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, bandwidth_bytes_per_s), -1, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, bandwidth_bytes_per_s), 9, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, deadline_ms), 0, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, throttle_max_percent), 0, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, throttle_max_percent), 99, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, throttle_max_percent), 100, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, throttle_max_percent), -1, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, postcopy_bandwidth_bytes_per_s), 0, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, postcopy_bandwidth_bytes_per_s), -1, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, xbzrle_cache_bytes), 4096, TRUE },
    { G_STRUCT_OFFSET (QmigKnobs, xbzrle_cache_bytes), 2048, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, xbzrle_cache_bytes), 6144, FALSE },
    { G_STRUCT_OFFSET (QmigKnobs, xbzrle_cache_bytes), -4096, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(QmigKnobs) knobs = qmig_knobs_new ();

      G_STRUCT_MEMBER (gint64, knobs, cases[i].member) = cases[i].value;
      if (converge_policy_check_knobs (knobs, NULL) != cases[i].sane)
        g_error ("case %" G_GSIZE_FORMAT, i);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/policy/shipped", test_shipped);
  g_test_add_func ("/policy/default-is-built-in", test_default_is_built_in);
  g_test_add_func ("/policy/promises", test_promises);
  g_test_add_func ("/policy/all-keys", test_all_keys);
  g_test_add_func ("/policy/left-out", test_left_out);
  g_test_add_func ("/policy/refused", test_refused);
  g_test_add_func ("/policy/names", test_names);
  g_test_add_func ("/policy/bounds", test_bounds);
  g_test_add_func ("/policy/knobs", test_knobs);
  return g_test_run ();
}
