/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-plan-means.h"

#include "api-failures.h"
#include "api-suggest.h"
#include "qmig-binary.h"
#include "qmig-cmdline.h"

/* The destination tells connections apart by their first bytes; before, the first to arrive is the main one. */
#define CHANNELS_ARE_TOLD_APART_SINCE 80000
#define MULTIFD_AND_POSTCOPY_SINCE 100100
#define PREEMPT_SINCE 70200

static const char *const compressions[] = { "none", "zstd", "zlib", "xbzrle", NULL };

/* return-path also where it is on by default in newer QEMUs: what is asked for by name is there or refused. */
static const char *const always_on[] = { "events", "return-path", "pause-before-switchover", NULL };

/* What changes the stream or the guest's pace: left on by somebody else, the destination would not understand, or hang. */
static const char *const never_by_chance[]
    = { "multifd", "xbzrle", "compress", "zero-copy-send", "postcopy-ram", "postcopy-preempt", "release-ram", "auto-converge",
        "dirty-limit", "mapped-ram", "background-snapshot", "x-colo", NULL };

/* Turned in every migration, or maybe while it runs. */
static const char *const limits[]
    = { "downtime-limit", "max-bandwidth", "avail-switchover-bandwidth", "max-postcopy-bandwidth", NULL };

/* auto-converge is on from the start, since it cannot be switched on later, and holds nothing back until it is told to: it
 * would start by itself, but with one percent. */
static const struct { const char *parameter; gint64 value; } parked[] = {
  { "cpu-throttle-initial", 1 },
  { "cpu-throttle-increment", 99 },
  { "max-cpu-throttle", 1 },
  { "throttle-trigger-threshold", 1 },
};

typedef struct
{
  QmigPlan *plan;
  const QmigMigrateRequest *request;
  const QmigSourceFacts *source;
  const QmigFacts *destination;
  GPtrArray *on;       /* capabilities of the source … */
  GPtrArray *incoming; /* … and of the destination … */
  GPtrArray *wishes;   /* … there where its host can: static strings */
  JsonObject *parameters;
  JsonObject *incoming_parameters;
} Choice;

static gboolean
has (char **list, const char *item)
{
  return list != NULL && g_strv_contains ((const char *const *) list, item);
}

/* -- the request alone ---------------------------------------------------------- */

static gboolean
fails (GError **error, const char *problem)
{
  g_set_error_literal (error, QMIG_ERROR, QMIG_EXIT_USAGE, problem);
  return FALSE;
}

gboolean
qmig_plan_check_request (const QmigMigrateRequest *request, GError **error)
{
  const char *compression = request->compression != NULL ? request->compression : "none";
  gboolean has_cache = request->knobs != NULL && request->knobs->xbzrle_cache_bytes != QMIG_UNSET;

  if (!g_strv_contains (compressions, compression))
    {
      g_autofree char *hint = api_suggest (compression, compressions);

      g_set_error (error, QMIG_ERROR, QMIG_EXIT_USAGE, "'%s' is no compression%s; there are none, zstd, zlib and xbzrle", compression, hint);
      return FALSE;
    }
  if (request->multifd_channels != QMIG_UNSET && (request->multifd_channels < 0 || request->multifd_channels > QMIG_MULTIFD_CHANNELS_MAX))
    return fails (error, "the channels of multifd must be between 0 (one stream) and 255");
  if (has_cache && !g_str_equal (compression, "xbzrle"))
    return fails (error, "a cache of xbzrle needs the compression xbzrle");
  if (request->no_gate && !request->rehearsal)
    return fails (error, "only a rehearsal can do without the gate");
  if (request->rehearsal && request->hold)
    return fails (error, "a rehearsal turns back at the gate, and is not held there");
  return qmig_failure_check_forced (request->forced_checks, error);
}

/* -- the two QEMUs ----------------------------------------------------------------- */

/* 70222 of "7.2.22 (Debian …)"; the destination's is the source's where both are one file. */
static int
version_there (const Choice *c)
{
  return c->destination->binary_version != NULL ? qmig_binary_version_number (c->destination->binary_version) : c->source->version;
}

static const char *
version_text_there (const Choice *c)
{
  return c->destination->binary_version != NULL ? c->destination->binary_version : c->source->version_text;
}

static gboolean
is_same_file (const Choice *c)
{
  return c->destination->binary_version == NULL && c->destination->capabilities == NULL;
}

/* Why the check of the binary refuses is enough. */
static gboolean
is_usable (const Choice *c)
{
  return c->destination->binary_found && c->destination->binary_problem == NULL;
}

static char **
capabilities_there (const Choice *c)
{
  return is_same_file (c) ? c->source->capabilities : c->destination->capabilities;
}

static char **
compressions_there (const Choice *c)
{
  return is_same_file (c) ? c->source->compressions : c->destination->compressions;
}

/* Which of the two lacks it, for a sentence.  (transfer full) (nullable) */
static char *
who_lacks (const Choice *c, char **here, char **there, const char *what)
{
  if (!has (here, what))
    return g_strdup_printf ("QEMU %s here has no %s", c->source->version_text, what);
  if (!is_usable (c) || has (there, what))
    return NULL;
  if (there == NULL)
    return g_strdup_printf ("the agent of '%s' does not say whether its QEMU has %s", c->plan->destination, what);
  return g_strdup_printf ("QEMU %s on '%s' has no %s", version_text_there (c), c->plan->destination, what);
}

/* -- what is said to them ------------------------------------------------------------ */

static void
set_int (Choice *c, JsonObject *parameters, const char *name, gint64 value)
{
  /* A parameter that this QEMU does not know would have all be refused. */
  if (parameters == c->incoming_parameters || json_object_has_member (c->source->parameters, name))
    json_object_set_int_member (parameters, name, value);
}

static void
switch_on (Choice *c, const char *capability)
{
  g_ptr_array_add (c->on, (gpointer) capability);
}

static void
switch_on_everywhere (Choice *c, const char *capability)
{
  switch_on (c, capability);
  g_ptr_array_add (c->incoming, (gpointer) capability);
}

static void
choose_always_on (Choice *c)
{
  for (const char *const *name = always_on; *name != NULL; name++)
    {
      if (!has (c->source->capabilities, *name))
        qmig_check_add (c->plan->checks, "capabilities", QMIG_CHECK_FAIL, "use a QEMU that has it", "QEMU %s has no capability '%s'", c->source->version_text, *name);
      switch_on (c, *name);
    }
}

static void
choose_throttle (Choice *c)
{
  if (c->plan->policy->throttle_max_percent <= 0)
    return;
  if (!has (c->source->capabilities, "auto-converge"))
    {
      qmig_check_add (c->plan->checks, "throttle", QMIG_CHECK_WARN, NULL, "QEMU %s has no auto-converge: the guest cannot be held back if it writes too fast",
                 c->source->version_text);
      return;
    }
  switch_on (c, "auto-converge");
  for (gsize i = 0; i < G_N_ELEMENTS (parked); i++)
    set_int (c, c->parameters, parked[i].parameter, parked[i].value);
}

/* -- multifd and compression ------------------------------------------------------------ */

static gboolean
is_of_multifd (const char *compression)
{
  return g_str_equal (compression, "zstd") || g_str_equal (compression, "zlib");
}

static gint64
choose_channels (const Choice *c)
{
  if (c->request->multifd_channels != QMIG_UNSET)
    return c->request->multifd_channels;
  return is_of_multifd (c->plan->compression) ? QMIG_MULTIFD_CHANNELS : 0;
}

/* Each channel names itself by the UUID: with another one there, the destination ends. */
static gboolean
has_same_uuid (const Choice *c)
{
  static const char none[] = "00000000-0000-0000-0000-000000000000";
  g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) c->plan->argv, "/");

  return g_ascii_strcasecmp (info->uuid != NULL ? info->uuid : none, c->source->uuid != NULL ? c->source->uuid : none) == 0;
}

static gboolean
may_use_multifd (Choice *c)
{
  g_autofree char *lack = who_lacks (c, c->source->capabilities, capabilities_there (c), "multifd");
  gboolean postcopy_too = c->source->version >= MULTIFD_AND_POSTCOPY_SINCE && version_there (c) >= MULTIFD_AND_POSTCOPY_SINCE;
  gboolean told_apart = version_there (c) >= CHANNELS_ARE_TOLD_APART_SINCE;

  if (lack != NULL)
    qmig_check_add (c->plan->checks, "multifd", QMIG_CHECK_FAIL, "--multifd 0, or another QEMU", "multifd has to be on both sides: %s", lack);
  else if (g_str_equal (c->plan->compression, "xbzrle"))
    qmig_check_add (c->plan->checks, "multifd", QMIG_CHECK_FAIL, "choose one of them",
               "multifd and xbzrle exclude each other: QEMU refuses both together since 8.2, and before sends multifd's pages past the cache");
  else if (c->plan->policy->allow_postcopy && !postcopy_too)
    qmig_check_add (c->plan->checks, "multifd", QMIG_CHECK_FAIL, "--multifd 0, a policy without post-copy, or QEMU 10.1 and newer on both sides",
               "multifd and post-copy together need QEMU 10.1 on both sides; here is %s, on '%s' %s", c->source->version_text, c->plan->destination,
               version_text_there (c));
  else if (g_str_equal (c->plan->transport, "ssh") && !told_apart)
    qmig_check_add (c->plan->checks, "multifd", QMIG_CHECK_FAIL, "--multifd 0, --transport tls, or QEMU 8.0 and newer there",
               "multifd through ssh: connections may arrive in another order, and QEMU %s on '%s' takes the first for the main one",
               version_text_there (c), c->plan->destination);
  else if (!has_same_uuid (c))
    qmig_check_add (c->plan->checks, "multifd", QMIG_CHECK_FAIL, "leave -uuid out of --target-arg, or --multifd 0",
               "multifd needs the same -uuid on both sides, and the destination's command line has another one than %s", c->source->uuid);
  else
    return TRUE;
  return FALSE;
}

static gboolean
may_compress (Choice *c)
{
  const char *compression = c->plan->compression;
  g_autofree char *lack = who_lacks (c, c->source->compressions, compressions_there (c), compression);

  if (lack == NULL)
    return TRUE;
  qmig_check_add (c->plan->checks, "compression", QMIG_CHECK_FAIL, "another --compression, or another QEMU",
             "multifd's compression has to be known on both sides, and depends on how QEMU was built: %s", lack);
  return FALSE;
}

static void
choose_multifd (Choice *c)
{
  const char *compression = is_of_multifd (c->plan->compression) ? c->plan->compression : "none";
  gint64 channels = choose_channels (c);

  if (channels == 0 && is_of_multifd (compression))
    qmig_check_add (c->plan->checks, "compression", QMIG_CHECK_FAIL, "leave --multifd out, or give it channels",
               "%s is done by the channels of multifd, and there are to be none", compression);
  if (channels == 0 || !may_use_multifd (c) || (is_of_multifd (compression) && !may_compress (c)))
    return;

  c->plan->multifd_channels = channels;
  switch_on_everywhere (c, "multifd");
  set_int (c, c->parameters, "multifd-channels", channels);
  set_int (c, c->incoming_parameters, "multifd-channels", channels);
  /* Also "none": whatever was set there before. */
  json_object_set_string_member (c->parameters, "multifd-compression", compression);
  json_object_set_string_member (c->incoming_parameters, "multifd-compression", compression);
  qmig_check_add (c->plan->checks, "multifd", QMIG_CHECK_OK, NULL, "%" G_GINT64_FORMAT " channels, compression %s, known on both sides", channels, compression);
}

static gint64
default_cache_bytes (gint64 memory_bytes)
{
  gint64 cache = 4096;

  while (cache <= memory_bytes / 20)
    cache *= 2;
  return cache;
}

static void
choose_xbzrle (Choice *c)
{
  const QmigKnobs *knobs = c->request->knobs;
  gboolean asked = knobs != NULL && knobs->xbzrle_cache_bytes != QMIG_UNSET;
  gint64 cache = asked ? knobs->xbzrle_cache_bytes : default_cache_bytes (c->source->memory_bytes);
  g_autofree char *size = g_format_size_full (cache, G_FORMAT_SIZE_IEC_UNITS);

  if (!g_str_equal (c->plan->compression, "xbzrle"))
    return;
  if (!has (c->source->capabilities, "xbzrle"))
    qmig_check_add (c->plan->checks, "compression", QMIG_CHECK_FAIL, "another --compression, or another QEMU", "QEMU %s here has no xbzrle", c->source->version_text);
  else if (cache > c->source->memory_bytes)
    qmig_check_add (c->plan->checks, "compression", QMIG_CHECK_FAIL, "a smaller --xbzrle-cache, or none: then it is a tenth of the guest's memory",
               "a cache of %s for xbzrle is larger than the guest's memory", size);
  else
    {
      switch_on (c, "xbzrle");
      set_int (c, c->parameters, "xbzrle-cache-size", cache);
      qmig_check_add (c->plan->checks, "compression", QMIG_CHECK_OK, NULL, "xbzrle with a cache of %s on the source", size);
    }
}

/* -- post-copy -------------------------------------------------------------------------- */

/* Faulted pages get a connection of their own.  Its order of connecting and its format settled in 7.2; a way that may swap two
 * connections needs a destination that tells them apart. */
static gboolean
may_preempt (const Choice *c)
{
  return has (c->source->capabilities, "postcopy-preempt") && has (capabilities_there (c), "postcopy-preempt") &&
         c->source->version >= PREEMPT_SINCE && version_there (c) >= PREEMPT_SINCE && c->plan->multifd_channels == 0 &&
         (!g_str_equal (c->plan->transport, "ssh") || version_there (c) >= CHANNELS_ARE_TOLD_APART_SINCE);
}

static void
wish_everywhere (Choice *c, const char *capability)
{
  switch_on (c, capability);
  g_ptr_array_add (c->wishes, (gpointer) capability);
}

/* Switched on from the start, since it cannot be later; what it costs without being used is a sentence in the stream. */
static void
choose_postcopy (Choice *c)
{
  g_autofree char *lack = NULL;

  if (!c->plan->policy->allow_postcopy)
    return;
  lack = who_lacks (c, c->source->capabilities, capabilities_there (c), "postcopy-ram");
  if (lack != NULL)
    {
      qmig_check_add (c->plan->checks, "postcopy", QMIG_CHECK_WARN, NULL, "post-copy is allowed and cannot be used: %s", lack);
      return;
    }
  wish_everywhere (c, "postcopy-ram");
  if (may_preempt (c))
    wish_everywhere (c, "postcopy-preempt");
  if (c->request->knobs != NULL && c->request->knobs->postcopy_bandwidth_bytes_per_s != QMIG_UNSET)
    set_int (c, c->parameters, "max-postcopy-bandwidth", c->request->knobs->postcopy_bandwidth_bytes_per_s);
  qmig_check_add (c->plan->checks, "postcopy", QMIG_CHECK_OK, NULL, "post-copy is armed%s: once it is used, both QEMUs and the link between them are needed until it is over",
             may_preempt (c) ? ", with a connection of its own for what the guest waits for" : "");
}

/* -- the way back -------------------------------------------------------------------------- */

static char **
to_strv (GPtrArray *names)
{
  g_autoptr(GStrvBuilder) list = g_strv_builder_new ();

  for (guint i = 0; i < names->len; i++)
    g_strv_builder_add (list, g_ptr_array_index (names, i));
  return g_strv_builder_end (list);
}

static void
plan_capabilities (Choice *c)
{
  g_autoptr(GPtrArray) off = g_ptr_array_new ();
  g_autoptr(GPtrArray) cleared = g_ptr_array_new ();

  for (guint i = 0; i < c->on->len; i++)
    if (!has (c->source->capabilities_on, g_ptr_array_index (c->on, i)))
      g_ptr_array_add (off, g_ptr_array_index (c->on, i));
  for (const char *const *name = never_by_chance; *name != NULL; name++)
    if (has (c->source->capabilities_on, *name) && !g_ptr_array_find_with_equal_func (c->on, *name, g_str_equal, NULL))
      g_ptr_array_add (cleared, (gpointer) *name);

  c->plan->capabilities_on = to_strv (c->on);
  c->plan->capabilities_off = to_strv (off);
  c->plan->capabilities_cleared = to_strv (cleared);
  c->plan->incoming_capabilities = to_strv (c->incoming);
  c->plan->incoming_wishes = to_strv (c->wishes);
}

static void
remember (Choice *c, JsonObject *restore, const char *name)
{
  if (json_object_has_member (c->source->parameters, name))
    json_object_set_member (restore, name, json_node_copy (json_object_get_member (c->source->parameters, name)));
}

static JsonNode *
take_node (JsonObject *object)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, object);
  return node;
}

static void
plan_parameters (Choice *c)
{
  g_autoptr(GList) changed = json_object_get_members (c->parameters);
  JsonObject *restore = json_object_new ();

  for (const char *const *name = limits; *name != NULL; name++)
    remember (c, restore, *name);
  for (GList *name = changed; name != NULL; name = name->next)
    remember (c, restore, name->data);
  c->plan->parameters = take_node (c->parameters);
  c->plan->incoming_parameters = take_node (c->incoming_parameters);
  c->plan->restore_parameters = take_node (restore);
}

void
qmig_plan_choose_means (QmigPlan *plan, const QmigMigrateRequest *request, const QmigSourceFacts *source, const QmigFacts *destination)
{
  g_autoptr(GPtrArray) on = g_ptr_array_new ();
  g_autoptr(GPtrArray) incoming = g_ptr_array_new ();
  g_autoptr(GPtrArray) wishes = g_ptr_array_new ();
  Choice c = { plan, request, source, destination, on, incoming, wishes, json_object_new (), json_object_new () };

  plan->multifd_channels = 0;
  plan->compression = g_strdup (request->compression != NULL ? request->compression : "none");
  choose_always_on (&c);
  choose_throttle (&c);
  choose_multifd (&c);
  choose_xbzrle (&c);
  choose_postcopy (&c);
  plan_capabilities (&c);
  plan_parameters (&c);
}
