/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The means that a plan chooses, and those it refuses by name. */

#include <string.h>

#include "converge-policy.h"
#include "json-strict.h"
#include "qmig-knobs.h"
#include "qmig-plan-means.h"

#define GIB (G_GINT64_CONSTANT (1024) * 1024 * 1024)
#define UUID "8ac2b0d4-7c1f-4a44-9f0e-3d0d5a6f2b11"

typedef struct
{
  QmigPlan *plan;
  QmigMigrateRequest *request;
  QmigSourceFacts *source;
  QmigFacts *destination;
} Facts;

static char **
words (const char *text)
{
  return g_strsplit (text, " ", -1);
}

static void
set_words (char ***list, const char *text)
{
  g_strfreev (*list);
  *list = text != NULL ? words (text) : NULL;
}

static void
set_text (char **field, const char *text)
{
  g_free (*field);
  *field = g_strdup (text);
}

#define EVERYTHING "events return-path pause-before-switchover late-block-activate multifd xbzrle auto-converge postcopy-ram"
#define PARAMETERS                                                                                                             \
  "{\"downtime-limit\":250,\"max-bandwidth\":134217728,\"cpu-throttle-initial\":20,\"cpu-throttle-increment\":10,"           \
  "\"max-cpu-throttle\":99,\"throttle-trigger-threshold\":50,\"multifd-channels\":2,\"multifd-compression\":\"none\","       \
  "\"xbzrle-cache-size\":67108864,\"max-postcopy-bandwidth\":0}"

static void
facts_init (Facts *f)
{
  f->plan = qmig_plan_new ();
  f->plan->checks = g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_check_free);
  f->plan->destination = g_strdup ("beta");
  f->plan->transport = g_strdup ("tcp");
  f->plan->argv = words ("qemu-system-x86_64 -uuid " UUID);
  f->plan->policy = converge_policy_new_default ();
  f->request = qmig_migrate_request_new ();
  f->source = g_new0 (QmigSourceFacts, 1);
  f->source->uuid = g_strdup (UUID);
  f->source->version = 70222;
  f->source->version_text = g_strdup ("7.2.22");
  f->source->memory_bytes = GIB;
  f->source->capabilities = words (EVERYTHING);
  f->source->capabilities_on = words ("");
  f->source->compressions = words ("none zlib zstd");
  f->source->parameters = json_strict_parse_object (PARAMETERS, strlen (PARAMETERS), &json_strict_limits_api, NULL);
  f->destination = qmig_facts_new ();
  f->destination->binary_found = TRUE;
  f->destination->binary_version = g_strdup ("7.2.22 (Debian)");
  f->destination->capabilities = words (EVERYTHING);
  f->destination->compressions = words ("none zlib zstd");
}

static void
facts_clear (Facts *f)
{
  qmig_plan_free (f->plan);
  qmig_migrate_request_free (f->request);
  qmig_source_facts_free (f->source);
  qmig_facts_free (f->destination);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Facts, facts_clear)

static const QmigPlan *
choose (Facts *f)
{
  qmig_plan_choose_means (f->plan, f->request, f->source, f->destination);
  return f->plan;
}

static void
assert_on (char **list, const char *name, gboolean on)
{
  g_assert_cmpint (g_strv_contains ((const char *const *) list, name), ==, on);
}

static gint64
value_of (JsonNode *parameters, const char *name)
{
  return json_strict_int (json_node_get_object (parameters), name, -1);
}

/* -- what is left open ------------------------------------------------------------- */

static void
test_nothing_asked (void)
{
  g_auto(Facts) f = { 0 };
  const QmigPlan *plan;

  facts_init (&f);
  plan = choose (&f);
  g_assert_false (qmig_checks_refuse (plan->checks));
  g_assert_cmpint (plan->multifd_channels, ==, 0);
  g_assert_cmpstr (plan->compression, ==, "none");
  assert_on (plan->capabilities_on, "multifd", FALSE);
  assert_on (plan->capabilities_on, "xbzrle", FALSE);
  g_assert_cmpuint (g_strv_length (plan->incoming_capabilities), ==, 0);
  g_assert_cmpuint (json_object_get_size (json_node_get_object (plan->incoming_parameters)), ==, 0);
}

/* On, and as good as off, until the engine says how much. */
static void
test_throttle_parked (void)
{
  g_auto(Facts) f = { 0 };
  const QmigPlan *plan;

  facts_init (&f);
  plan = choose (&f);
  assert_on (plan->capabilities_on, "auto-converge", TRUE);
  g_assert_cmpint (value_of (plan->parameters, "cpu-throttle-initial"), ==, 1);
  g_assert_cmpint (value_of (plan->parameters, "max-cpu-throttle"), ==, 1);
  g_assert_cmpint (value_of (plan->restore_parameters, "cpu-throttle-initial"), ==, 20);
  g_assert_cmpint (value_of (plan->restore_parameters, "cpu-throttle-increment"), ==, 10);
  g_assert_cmpint (value_of (plan->restore_parameters, "max-cpu-throttle"), ==, 99);
  g_assert_cmpint (value_of (plan->restore_parameters, "throttle-trigger-threshold"), ==, 50);
  g_assert_cmpint (value_of (plan->restore_parameters, "downtime-limit"), ==, 250);
  g_assert_cmpint (value_of (plan->restore_parameters, "max-bandwidth"), ==, 134217728);
  /* What is not changed is not set back either. */
  g_assert_cmpint (value_of (plan->restore_parameters, "xbzrle-cache-size"), ==, -1);
  g_assert_cmpint (value_of (plan->restore_parameters, "multifd-channels"), ==, -1);
}

static void
test_never_throttle (void)
{
  g_auto(Facts) f = { 0 };
  const QmigPlan *plan;

  facts_init (&f);
  f.plan->policy->throttle_max_percent = 0;
  plan = choose (&f);
  assert_on (plan->capabilities_on, "auto-converge", FALSE);
  g_assert_cmpint (value_of (plan->parameters, "max-cpu-throttle"), ==, -1);
}

/* One parameter that a QEMU does not have would make it refuse them all. */
static void
test_unknown_parameters (void)
{
  g_auto(Facts) f = { 0 };
  const QmigPlan *plan;

  facts_init (&f);
  json_object_remove_member (f.source->parameters, "throttle-trigger-threshold");
  plan = choose (&f);
  g_assert_cmpint (value_of (plan->parameters, "throttle-trigger-threshold"), ==, -1);
  g_assert_cmpint (value_of (plan->parameters, "max-cpu-throttle"), ==, 1);
}

/* -- multifd, compression -------------------------------------------------------------- */

static void
test_multifd (void)
{
  g_auto(Facts) f = { 0 };
  const QmigPlan *plan;

  facts_init (&f);
  f.request->multifd_channels = 8;
  plan = choose (&f);
  g_assert_false (qmig_checks_refuse (plan->checks));
  g_assert_cmpint (plan->multifd_channels, ==, 8);
  assert_on (plan->capabilities_on, "multifd", TRUE);
  assert_on (plan->incoming_capabilities, "multifd", TRUE);
  g_assert_cmpint (value_of (plan->parameters, "multifd-channels"), ==, 8);
  g_assert_cmpint (value_of (plan->incoming_parameters, "multifd-channels"), ==, 8);
  g_assert_cmpstr (json_strict_string (json_node_get_object (plan->parameters), "multifd-compression", NULL), ==, "none");
  g_assert_cmpint (value_of (plan->restore_parameters, "multifd-channels"), ==, 2);
}

static void
test_zstd_brings_channels (void)
{
  g_auto(Facts) f = { 0 };
  const QmigPlan *plan;

  facts_init (&f);
  set_text (&f.request->compression, "zstd");
  plan = choose (&f);
  g_assert_false (qmig_checks_refuse (plan->checks));
  g_assert_cmpint (plan->multifd_channels, ==, QMIG_MULTIFD_CHANNELS);
  g_assert_cmpstr (json_strict_string (json_node_get_object (plan->incoming_parameters), "multifd-compression", NULL), ==, "zstd");
  g_assert_cmpstr (json_strict_string (json_node_get_object (plan->restore_parameters), "multifd-compression", NULL), ==, "none");
}

static void
test_xbzrle_cache (void)
{
  static const struct { gint64 memory, asked, cache; } cases[] = {
    { GIB, QMIG_UNSET, 64 * 1024 * 1024 },
    { 64 * GIB, QMIG_UNSET, 4 * GIB },
    { 256 * 1024 * 1024, QMIG_UNSET, 16 * 1024 * 1024 },
    { GIB, 512 * 1024 * 1024, 512 * 1024 * 1024 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(Facts) f = { 0 };
      const QmigPlan *plan;

      facts_init (&f);
      set_text (&f.request->compression, "xbzrle");
      f.request->knobs = qmig_knobs_new ();
      f.request->knobs->xbzrle_cache_bytes = cases[i].asked;
      f.source->memory_bytes = cases[i].memory;
      plan = choose (&f);
      g_assert_false (qmig_checks_refuse (plan->checks));
      assert_on (plan->capabilities_on, "xbzrle", TRUE);
      assert_on (plan->incoming_capabilities, "xbzrle", FALSE);
      g_assert_cmpint (value_of (plan->parameters, "xbzrle-cache-size"), ==, cases[i].cache);
    }
}

/* -- refused by name ------------------------------------------------------------------------ */

static void both (Facts *f) { f->request->multifd_channels = 2; set_text (&f->request->compression, "xbzrle"); }
static void no_channels (Facts *f) { f->request->multifd_channels = 0; set_text (&f->request->compression, "zstd"); }
static void not_here (Facts *f) { f->request->multifd_channels = 2; set_words (&f->source->capabilities, "events return-path pause-before-switchover auto-converge"); }
static void not_there (Facts *f) { f->request->multifd_channels = 2; set_words (&f->destination->capabilities, "events return-path"); }
static void not_said (Facts *f) { f->request->multifd_channels = 2; set_words (&f->destination->capabilities, NULL); }
static void no_zstd_here (Facts *f) { set_text (&f->request->compression, "zstd"); set_words (&f->source->compressions, "none zlib"); }
static void no_zstd_there (Facts *f) { set_text (&f->request->compression, "zstd"); set_words (&f->destination->compressions, "none zlib"); }
static void postcopy_too (Facts *f) { f->request->multifd_channels = 2; f->plan->policy->allow_postcopy = TRUE; }
static void postcopy_old_there (Facts *f) { postcopy_too (f); f->source->version = 100100; }
static void through_ssh (Facts *f) { f->request->multifd_channels = 2; set_text (&f->plan->transport, "ssh"); }
static void other_uuid (Facts *f) { f->request->multifd_channels = 2; set_words (&f->plan->argv, "qemu -uuid 00000000-0000-0000-0000-000000000001"); }
static void no_uuid (Facts *f) { f->request->multifd_channels = 2; set_words (&f->plan->argv, "qemu"); }
static void no_xbzrle (Facts *f) { set_text (&f->request->compression, "xbzrle"); set_words (&f->source->capabilities, "events return-path pause-before-switchover auto-converge"); }
static void huge_cache (Facts *f) { set_text (&f->request->compression, "xbzrle"); f->request->knobs = qmig_knobs_new (); f->request->knobs->xbzrle_cache_bytes = 2 * GIB; }
static void no_events (Facts *f) { set_words (&f->source->capabilities, "return-path pause-before-switchover auto-converge"); }

static const QmigCheck *
only_failure (const QmigPlan *plan)
{
  const QmigCheck *failure = NULL;

  for (guint i = 0; i < plan->checks->len; i++)
    {
      const QmigCheck *check = g_ptr_array_index (plan->checks, i);

      if (check->status != QMIG_CHECK_FAIL)
        continue;
      g_assert_null (failure);
      failure = check;
    }
  g_assert_nonnull (failure);
  return failure;
}

static void
test_refused (void)
{
  static const struct { void (*spoil) (Facts *f); const char *id, *why; } cases[] = {
    { both, "multifd", "exclude each other" },
    { no_channels, "compression", "there are to be none" },
    { not_here, "multifd", "QEMU 7.2.22 here has no multifd" },
    { not_there, "multifd", "on 'beta' has no multifd" },
    { not_said, "multifd", "does not say whether its QEMU has multifd" },
    { no_zstd_here, "compression", "here has no zstd" },
    { no_zstd_there, "compression", "on 'beta' has no zstd" },
    { postcopy_too, "multifd", "need QEMU 10.1 on both sides" },
    { postcopy_old_there, "multifd", "need QEMU 10.1 on both sides" },
    { through_ssh, "multifd", "through ssh" },
    { other_uuid, "multifd", "same -uuid" },
    { no_uuid, "multifd", "same -uuid" },
    { no_xbzrle, "compression", "has no xbzrle" },
    { huge_cache, "compression", "larger than the guest's memory" },
    { no_events, "capabilities", "no capability 'events'" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(Facts) f = { 0 };
      const QmigPlan *plan;
      const QmigCheck *check;

      facts_init (&f);
      cases[i].spoil (&f);
      plan = choose (&f);
      g_assert_true (qmig_checks_refuse (plan->checks));
      check = only_failure (plan);
      g_assert_cmpstr (check->id, ==, cases[i].id);
      g_assert_nonnull (check->way_out);
      if (strstr (check->text, cases[i].why) == NULL)
        g_error ("'%s' does not say '%s'", check->text, cases[i].why);
    }
}

static void same_file (Facts *f) { set_text (&f->destination->binary_version, NULL); set_words (&f->destination->capabilities, NULL); set_words (&f->destination->compressions, NULL); }
static void new_both (Facts *f) { f->source->version = 100100; set_text (&f->destination->binary_version, "10.1.0"); f->plan->policy->allow_postcopy = TRUE; }
static void ssh_new_there (Facts *f) { set_text (&f->plan->transport, "ssh"); set_text (&f->destination->binary_version, "8.0.0"); }
static void neither_uuid (Facts *f) { set_words (&f->plan->argv, "qemu"); set_text (&f->source->uuid, "00000000-0000-0000-0000-000000000000"); }
static void upper_case (Facts *f) { set_words (&f->plan->argv, "qemu -uuid 8AC2B0D4-7C1F-4A44-9F0E-3D0D5A6F2B11"); }
/* The check of the binary says why, and that is enough. */
static void no_binary (Facts *f) { f->destination->binary_found = FALSE; set_words (&f->destination->capabilities, NULL); }

static void
test_taken (void)
{
  static void (*const cases[]) (Facts *f) = { same_file, new_both, ssh_new_there, neither_uuid, upper_case, no_binary };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(Facts) f = { 0 };

      facts_init (&f);
      f.request->multifd_channels = 2;
      set_text (&f.request->compression, "zstd");
      cases[i] (&f);
      if (qmig_checks_refuse (choose (&f)->checks))
        g_error ("case %" G_GSIZE_FORMAT ": %s", i, only_failure (f.plan)->text);
    }
}

static void
test_request (void)
{
  static const struct { gint64 channels, cache; const char *compression; gboolean sane; } cases[] = {
    { QMIG_UNSET, QMIG_UNSET, NULL, TRUE },    { 0, QMIG_UNSET, "none", TRUE },       { 255, QMIG_UNSET, "zlib", TRUE },
    { 256, QMIG_UNSET, NULL, FALSE },          { -1, QMIG_UNSET, NULL, FALSE },       { QMIG_UNSET, 65536, "xbzrle", TRUE },
    { QMIG_UNSET, 65536, "none", FALSE },      { QMIG_UNSET, 65536, NULL, FALSE },    { QMIG_UNSET, QMIG_UNSET, "gzip", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(QmigMigrateRequest) request = qmig_migrate_request_new ();
      g_autoptr(GError) error = NULL;

      request->multifd_channels = cases[i].channels;
      request->compression = g_strdup (cases[i].compression);
      request->knobs = qmig_knobs_new ();
      request->knobs->xbzrle_cache_bytes = cases[i].cache;
      g_assert_cmpint (qmig_plan_check_request (request, &error), ==, cases[i].sane);
      if (!cases[i].sane)
        g_assert_error (error, QMIG_ERROR, QMIG_EXIT_USAGE);
    }
}

static void
test_rehearsal_request (void)
{
  static const struct { gboolean rehearsal, no_gate, hold, sane; } cases[] = {
    { FALSE, FALSE, TRUE, TRUE }, { TRUE, FALSE, FALSE, TRUE }, { TRUE, TRUE, FALSE, TRUE }, { FALSE, TRUE, FALSE, FALSE }, { TRUE, FALSE, TRUE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(QmigMigrateRequest) request = qmig_migrate_request_new ();

      request->rehearsal = cases[i].rehearsal;
      request->no_gate = cases[i].no_gate;
      request->hold = cases[i].hold;
      g_assert_cmpint (qmig_plan_check_request (request, NULL), ==, cases[i].sane);
    }
}

/* -- knobs -------------------------------------------------------------------------------------- */

static const QmigKnob *
knob (const char *name)
{
  for (gsize i = 0; i < qmig_n_knobs; i++)
    if (g_str_equal (qmig_knobs[i].name, name))
      return &qmig_knobs[i];
  g_assert_not_reached ();
}

static void
test_armed (void)
{
  static const struct { const char *knob; gint64 value; const char *on; gboolean good; } cases[] = {
    { "downtime", 5, "", TRUE },
    { "throttle-max", 20, "", FALSE },
    { "throttle-max", 0, "", TRUE },
    { "throttle-max", 20, "events auto-converge", TRUE },
    { "xbzrle-cache", 4096, "auto-converge", FALSE },
    { "xbzrle-cache", 4096, "xbzrle", TRUE },
    { "xbzrle-cache", 2 * GIB, "xbzrle", FALSE },
    { "postcopy-bandwidth", 5000, "", FALSE },
    { "postcopy-bandwidth", 5000, "postcopy-ram", TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(GStrv) on = words (cases[i].on);
      g_autoptr(GError) error = NULL;

      g_assert_cmpint (qmig_knob_check_armed (knob (cases[i].knob), cases[i].value, on, GIB, &error), ==, cases[i].good);
      if (!cases[i].good)
        g_assert_error (error, QMIG_ERROR, QMIG_EXIT_UNSUPPORTED);
    }
}

/* A bound is in force as soon as QEMU's own value lies within it. */
static void
test_in_force (void)
{
  static const struct { const char *knob; gint64 value, shown, throttle; gboolean in_force; } cases[] = {
    { "downtime", 400, 400, QMIG_UNSET, TRUE },
    { "downtime", 400, 30, QMIG_UNSET, TRUE },
    { "downtime", 400, 401, QMIG_UNSET, FALSE },
    { "bandwidth", 5000, 5000, QMIG_UNSET, TRUE },
    { "bandwidth", 5000, 5001, QMIG_UNSET, FALSE },
    { "bandwidth", 5000, 0, QMIG_UNSET, FALSE },
    { "bandwidth", 0, 0, QMIG_UNSET, TRUE },
    { "bandwidth", 0, 7000, QMIG_UNSET, TRUE },
    { "throttle-max", 20, 0, QMIG_UNSET, TRUE },
    { "throttle-max", 20, 0, 20, TRUE },
    { "throttle-max", 20, 0, 21, FALSE },
    { "xbzrle-cache", 4096, 4096, QMIG_UNSET, TRUE },
    { "xbzrle-cache", 4096, 8192, QMIG_UNSET, FALSE },
    { "deadline", 7, 0, QMIG_UNSET, TRUE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      const QmigKnob *it = knob (cases[i].knob);
      g_autoptr(JsonObject) parameters = json_object_new ();
      g_autoptr(QmigSample) sample = qmig_sample_new ();

      if (it->parameter != NULL)
        json_object_set_int_member (parameters, it->parameter, cases[i].shown);
      sample->throttle_percent = cases[i].throttle;
      if (qmig_knob_is_in_force (it, cases[i].value, parameters, sample) != cases[i].in_force)
        g_error ("case %" G_GSIZE_FORMAT, i);
    }
}

static void
test_merge (void)
{
  g_autoptr(QmigKnobs) into = qmig_knobs_new ();
  g_autoptr(QmigKnobs) from = qmig_knobs_new ();

  into->downtime_ms = 1;
  into->deadline_ms = 2;
  from->deadline_ms = 3;
  from->xbzrle_cache_bytes = 4;
  qmig_knobs_merge (into, from);
  g_assert_cmpint (into->downtime_ms, ==, 1);
  g_assert_cmpint (into->deadline_ms, ==, 3);
  g_assert_cmpint (into->xbzrle_cache_bytes, ==, 4);
  g_assert_cmpint (into->bandwidth_bytes_per_s, ==, QMIG_UNSET);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan-means/nothing-asked", test_nothing_asked);
  g_test_add_func ("/plan-means/throttle-parked", test_throttle_parked);
  g_test_add_func ("/plan-means/never-throttle", test_never_throttle);
  g_test_add_func ("/plan-means/unknown-parameters", test_unknown_parameters);
  g_test_add_func ("/plan-means/multifd", test_multifd);
  g_test_add_func ("/plan-means/zstd-brings-channels", test_zstd_brings_channels);
  g_test_add_func ("/plan-means/xbzrle-cache", test_xbzrle_cache);
  g_test_add_func ("/plan-means/refused", test_refused);
  g_test_add_func ("/plan-means/rehearsal-request", test_rehearsal_request);
  g_test_add_func ("/plan-means/taken", test_taken);
  g_test_add_func ("/plan-means/request", test_request);
  g_test_add_func ("/knobs/armed", test_armed);
  g_test_add_func ("/knobs/in-force", test_in_force);
  g_test_add_func ("/knobs/merge", test_merge);
  return g_test_run ();
}
